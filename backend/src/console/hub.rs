// SPDX-License-Identifier: Apache-2.0
//! Where a console's devices meet those who watch it and type into it.

use super::frame::{Decoder, Frame};
use super::history::History;
use super::pty::Pty;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

/// Output that waits for a client; what is older is lost to it.
const CLIENT_BACKLOG: usize = 256 * 1024;
/// Input that waits for the guest; beyond it nothing more is read.
const INPUT_LIMIT: usize = 16 * 1024;
const MAX_CLIENTS: usize = 32;

const LISTENER: u64 = 0;
const PTY: u64 = 1;
const FIRST_CLIENT: u64 = 2;

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    token: u64,
    output: VecDeque<u8>,
    decoder: Decoder,
    waits_to_write: bool,
}

#[derive(Debug)]
pub struct Hub {
    /// Of all files below; itself a file that is readable when one is ready.
    epoll: Epoll,
    listener: UnixListener,
    pty: Option<Pty>,
    clients: Vec<Client>,
    next_token: u64,
    history: History,
    input: VecDeque<u8>,
    size: Option<(u16, u16)>,
    last_writer: Option<u32>,
}

impl Hub {
    /// A console at `NAME.sock` and `NAME.pty` in `directory`.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(format!("{name}.sock"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::open(path)(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(Error::open(&path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(Error::open(&path))?;
        let link = directory.join(format!("{name}.pty"));
        // Not every system has pseudo-terminals; the socket is enough.
        let pty = Pty::new(&link).ok();
        let epoll = Epoll::new().map_err(Error::io("epoll"))?;
        add(&epoll, &listener, LISTENER, EventSet::IN).map_err(Error::io("epoll"))?;
        if let Some(pty) = &pty {
            let events = EventSet::IN | EventSet::EDGE_TRIGGERED;
            add(&epoll, pty, PTY, events).map_err(Error::io("epoll"))?;
        }
        Ok(Self {
            epoll,
            listener,
            pty,
            clients: Vec::new(),
            next_token: FIRST_CLIENT,
            history: History::default(),
            input: VecDeque::new(),
            size: None,
            last_writer: None,
        })
    }

    /// Columns and rows of who typed or resized last.
    pub fn size(&self) -> Option<(u16, u16)> {
        self.size
    }

    /// The device that had output last.
    pub fn last_writer(&self) -> Option<u32> {
        self.last_writer
    }

    /// Shows what `device` wrote to all, and keeps it for those who come later.
    pub fn output(&mut self, device: u32, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.last_writer = Some(device);
        self.write_pty(bytes);
        self.history.append(bytes);
        for client in &mut self.clients {
            client.output.extend(bytes);
            let excess = client.output.len().saturating_sub(CLIENT_BACKLOG);
            client.output.drain(..excess);
        }
        self.write_clients();
    }

    fn write_pty(&mut self, bytes: &[u8]) {
        let Some(pty) = &mut self.pty else { return };
        let (attached, anew) = pty.look();
        if anew {
            let history: Vec<u8> = self.history.bytes().collect();
            let _ = pty.write(&history);
        }
        if attached {
            // What a terminal does not take at once is lost to it.
            let _ = pty.write(bytes);
        }
    }

    fn write_clients(&mut self) {
        let epoll = &self.epoll;
        self.clients
            .retain_mut(|client| client.write(epoll).is_ok());
    }

    /// What was typed, at most `limit` bytes of it.
    pub fn take_input(&mut self, limit: usize) -> Vec<u8> {
        let count = limit.min(self.input.len());
        self.input.drain(..count).collect()
    }

    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Whether the files should be looked at: not while the guest takes nothing.
    pub fn wants_input(&self) -> bool {
        self.input.len() < INPUT_LIMIT
    }

    /// Serves all files that are ready.
    pub fn serve(&mut self) {
        let mut events = [EpollEvent::default(); 16];
        let Ok(count) = self.epoll.wait(0, &mut events) else {
            return;
        };
        for event in events.iter().take(count) {
            match event.data() {
                LISTENER => self.accept(),
                PTY => self.read_pty(),
                token => self.serve_client(token),
            }
        }
    }

    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else {
            return;
        };
        if self.clients.len() >= MAX_CLIENTS || stream.set_nonblocking(true).is_err() {
            return;
        }
        let token = self.next_token;
        self.next_token += 1;
        if add(&self.epoll, &stream, token, EventSet::IN).is_err() {
            return;
        }
        let mut client = Client {
            stream,
            token,
            output: self.history.bytes().collect(),
            decoder: Decoder::default(),
            waits_to_write: false,
        };
        if client.write(&self.epoll).is_ok() {
            self.clients.push(client);
        }
    }

    fn read_pty(&mut self) {
        let mut bytes = [0; 1024];
        while let Some(pty) = &mut self.pty
            && let Ok(count @ 1..) = pty.read(&mut bytes)
        {
            self.size = pty.size().or(self.size);
            self.input.extend(bytes.get(..count).unwrap_or_default());
        }
        self.write_pty(&[]);
    }

    fn serve_client(&mut self, token: u64) {
        let Some(at) = self.clients.iter().position(|client| client.token == token) else {
            return;
        };
        let Some(client) = self.clients.get_mut(at) else {
            return;
        };
        let alive = client.read(&mut self.input, &mut self.size).is_ok()
            && client.write(&self.epoll).is_ok();
        if !alive {
            self.clients.remove(at);
        }
    }
}

impl AsRawFd for Hub {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

impl Client {
    /// Reads once; an error says that the client is gone.
    fn read(&mut self, input: &mut VecDeque<u8>, size: &mut Option<(u16, u16)>) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.decoder.push(bytes.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        loop {
            match self.decoder.next() {
                Ok(Some(Frame::Input(bytes))) => input.extend(bytes),
                Ok(Some(Frame::Size { columns, rows })) => *size = Some((columns, rows)),
                Ok(None) => return Ok(()),
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    /// Writes what fits; an error says that the client is gone.
    fn write(&mut self, epoll: &Epoll) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(self.output.as_slices().0) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let waits = !self.output.is_empty();
        if waits != self.waits_to_write {
            self.waits_to_write = waits;
            let events = if waits {
                EventSet::IN | EventSet::OUT
            } else {
                EventSet::IN
            };
            let event = EpollEvent::new(events, self.token);
            epoll.ctl(ControlOperation::Modify, self.stream.as_raw_fd(), event)?;
        }
        Ok(())
    }
}

fn add(epoll: &Epoll, file: &impl AsRawFd, token: u64, events: EventSet) -> io::Result<()> {
    epoll.ctl(
        ControlOperation::Add,
        file.as_raw_fd(),
        EpollEvent::new(events, token),
    )
}
