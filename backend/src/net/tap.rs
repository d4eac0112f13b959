// SPDX-License-Identifier: Apache-2.0
//! A TAP interface whose packets carry virtio's header.

use super::HEADER;
use super::interface::{Request, checked};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

const TUNSETIFF: u32 = 0x4004_54ca;
pub const TUNSETOFFLOAD: u32 = 0x4004_54d0;
const TUNSETVNETHDRSZ: u32 = 0x4004_54d8;

/// Offloads the guest takes packets with (linux/if_tun.h, TUN_F_*).
pub mod offload {
    pub const CHECKSUM: u32 = 1;
    pub const TSO4: u32 = 2;
    pub const TSO6: u32 = 4;
    pub const ECN: u32 = 8;
}

#[derive(Debug)]
pub struct Tap(File);

impl Tap {
    /// Makes interface `name`, or takes it if nobody has it.
    pub fn open(name: &str) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let mut request = Request::new(name)?;
        request.set_flags((libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as i16);
        // SAFETY: the request reads and writes an ifreq.
        checked(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF as _, request.pointer()) })?;
        let size = HEADER as libc::c_int;
        // SAFETY: the request reads an int.
        checked(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETVNETHDRSZ as _, &size) })?;
        Ok(Self(file))
    }

    /// Sets in what form the guest takes packets.
    pub fn set_offload(&self, offload: u32) -> io::Result<()> {
        let offload = libc::c_ulong::from(offload);
        // SAFETY: the request takes a number.
        checked(unsafe { libc::ioctl(self.0.as_raw_fd(), TUNSETOFFLOAD as _, offload) })
    }

    /// The next packet, behind its header.
    pub fn receive(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }

    /// Sends one packet, scattered over `pieces`.
    pub fn send(&self, pieces: &[libc::iovec]) -> io::Result<usize> {
        // SAFETY: the caller's pieces lie in mapped guest memory.
        let sent = unsafe {
            libc::writev(
                self.0.as_raw_fd(),
                pieces.as_ptr(),
                pieces.len() as libc::c_int,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
