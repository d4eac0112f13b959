// SPDX-License-Identifier: Apache-2.0
//! A pseudo-terminal, for whoever wants to attach with any terminal program.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Pty {
    master: File,
    /// Somebody had the other side open when last looked.
    attached: bool,
}

impl Pty {
    /// A raw pseudo-terminal, whose other side is found by `link` (which stays
    /// behind: a confined process can not remove it).
    pub fn new(link: &Path) -> io::Result<Self> {
        let master = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
            .open("/dev/ptmx")?;
        let name = unlock(&master)?;
        make_raw(&master)?;
        if link.is_symlink() {
            std::fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(name, link)?;
        Ok(Self {
            master,
            attached: false,
        })
    }

    /// Looks whether somebody has it open: whether it is so, and is so anew.
    pub fn look(&mut self) -> (bool, bool) {
        let mut poll = libc::pollfd {
            fd: self.master.as_raw_fd(),
            events: 0,
            revents: 0,
        };
        // SAFETY: one entry, which lives during the call.
        let result = unsafe { libc::poll(&mut poll, 1, 0) };
        let attached = result >= 0 && poll.revents & libc::POLLHUP == 0;
        let anew = attached && !self.attached;
        self.attached = attached;
        (attached, anew)
    }

    pub fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.master.read(to)
    }

    pub fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.master.write(from)
    }

    /// Columns and rows of the terminal, as the program behind it set them.
    pub fn size(&self) -> Option<(u16, u16)> {
        let mut size = libc::winsize {
            ws_row: 0,
            ws_col: 0,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the request fills a winsize.
        let result =
            unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCGWINSZ as _, &mut size) };
        (result == 0 && size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
    }
}

impl AsRawFd for Pty {
    fn as_raw_fd(&self) -> RawFd {
        self.master.as_raw_fd()
    }
}

/// Opens the way to the other side; returns its path.
fn unlock(master: &File) -> io::Result<PathBuf> {
    let fd = master.as_raw_fd();
    let mut name = [0u8; 64];
    // SAFETY: calls on our own descriptor; the name is bounded by its length.
    let failed = unsafe {
        libc::grantpt(fd) != 0
            || libc::unlockpt(fd) != 0
            || libc::ptsname_r(fd, name.as_mut_ptr().cast(), name.len()) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    let name = CStr::from_bytes_until_nul(&name).map_err(io::Error::other)?;
    Ok(PathBuf::from(name.to_string_lossy().into_owned()))
}

/// No echo, no line editing: both are the guest's business.
fn make_raw(master: &File) -> io::Result<()> {
    // SAFETY: a termios is plain numbers; the calls fill, change and read it.
    let result = unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        match libc::tcgetattr(master.as_raw_fd(), &mut settings) {
            0 => {
                libc::cfmakeraw(&mut settings);
                libc::tcsetattr(master.as_raw_fd(), libc::TCSANOW, &settings)
            }
            error => error,
        }
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
