// SPDX-License-Identifier: Apache-2.0
//! The other end of a console's socket.

use super::frame;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// An attached client: reading gives output, beginning with the history.
#[derive(Debug)]
pub struct Client(UnixStream);

impl Client {
    pub fn attach(socket: &Path) -> io::Result<Self> {
        UnixStream::connect(socket).map(Self)
    }

    /// Types `bytes`.
    pub fn input(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(&frame::encode_input(bytes))
    }

    /// Tells the size of the client's window.
    pub fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.0.write_all(&frame::encode_size(columns, rows))
    }
}

impl Read for Client {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl AsRawFd for Client {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
