// SPDX-License-Identifier: Apache-2.0
//! `console`: this terminal as a zone's.

use crate::failure::{Failure, Result, io};
use crate::zone0::names;
use crate::zone0::record::RunDirectory;
use crate::zone0::serve::CONSOLE;
use backend::console::Client;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{Read, Stdin, Write};
use std::time::{Duration, Instant};

/// Ctrl-].
const DETACH: u8 = 0x1d;
/// How long a console may take to appear after its zone was started.
const PATIENCE: Duration = Duration::from_secs(5);
/// Without a terminal: silence after the end of the input that ends the session.
const SILENCE: Duration = Duration::from_millis(1500);
/// How often the window's size is looked at.
const TICK: Duration = Duration::from_millis(250);

pub fn run(name: &str, which: Option<&str>) -> Result<()> {
    let mut client = attach(name, which.unwrap_or(CONSOLE))?;
    let stdin = std::io::stdin();
    let raw = RawTerminal::enter(&stdin);
    if raw.is_some() {
        eprint!("attached to {name}; Ctrl-] leaves\r\n");
    }
    let result = session(&mut client, &stdin, raw.is_some());
    drop(raw);
    eprintln!("\nleft {name}");
    result
}

fn attach(name: &str, which: &str) -> Result<Client> {
    let directory = RunDirectory::of(name);
    let socket = directory.file(&format!("{which}.sock"));
    let until = Instant::now() + PATIENCE;
    loop {
        match Client::attach(&socket) {
            Ok(client) => return Ok(client),
            // Just started: its supervisor and back end may still be on their way.
            Err(_) if directory.exists() && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20))
            }
            Err(error) => {
                let hypervisor = names::open()?;
                names::must_find(&hypervisor, name)?;
                return Err(Failure::refused(format!("attach to {which} of zone {name}"), format!("{}: {error}", socket.display()))
                    .advise(format!("`hvisor zone show {name}` lists its consoles; `hvisor zone adopt {name}` after zone0 was restarted")));
            }
        }
    }
}

fn session(client: &mut Client, stdin: &Stdin, terminal: bool) -> Result<()> {
    let asked = "talk to the console";
    let mut size = None;
    let mut input_ended = None;
    let mut bytes = [0; 4096];
    let mut out = std::io::stdout();
    loop {
        let now = if terminal {
            tcgetwinsize(stdin)
                .ok()
                .map(|window| (window.ws_col, window.ws_row))
        } else {
            None
        };
        if let Some((columns, rows)) = now.filter(|_| now != size) {
            size = now;
            client.resize(columns, rows).map_err(io(asked))?;
        }
        let mut files = vec![PollFd::new(client, PollFlags::IN)];
        if input_ended.is_none() {
            files.push(PollFd::new(stdin, PollFlags::IN));
        }
        let tick = Timespec::try_from(TICK).ok();
        match poll(&mut files, tick.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io(asked)(error.into())),
        }
        let ready: Vec<bool> = files
            .iter()
            .map(|file| !file.revents().is_empty())
            .collect();
        drop(files);
        if ready.first() == Some(&true) {
            match client.read(&mut bytes) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) => {
                    let shown = bytes.get(..count).unwrap_or_default();
                    out.write_all(shown)
                        .and_then(|()| out.flush())
                        .map_err(io(asked))?;
                    input_ended = input_ended.map(|_| Instant::now());
                }
            }
        }
        if ready.get(1) == Some(&true) {
            let count =
                rustix::io::read(stdin, &mut bytes).map_err(|error| io(asked)(error.into()))?;
            let typed = bytes.get(..count).unwrap_or_default();
            if count == 0 {
                input_ended = Some(Instant::now());
            }
            match typed.iter().position(|byte| terminal && *byte == DETACH) {
                Some(at) => {
                    client
                        .input(typed.get(..at).unwrap_or_default())
                        .map_err(io(asked))?;
                    return Ok(());
                }
                None if count > 0 => client.input(typed).map_err(io(asked))?,
                None => {}
            }
        }
        if input_ended.is_some_and(|at: Instant| at.elapsed() > SILENCE) {
            return Ok(());
        }
    }
}

/// Raw mode as long as it lives.
struct RawTerminal(Termios);

impl RawTerminal {
    fn enter(stdin: &Stdin) -> Option<Self> {
        if !isatty(stdin) {
            return None;
        }
        let before = tcgetattr(stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
