// SPDX-License-Identifier: Apache-2.0
//! zone0's network interfaces, set up as far as zones need it.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// linux/sockios.h
const SIOCBRADDBR: libc::c_ulong = 0x89a0;
const SIOCBRADDIF: libc::c_ulong = 0x89a2;

/// An ifreq (netdevice(7)).
pub struct Request(libc::ifreq);

impl Request {
    /// For the interface called `name`.
    pub fn new(name: &str) -> io::Result<Self> {
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains(['/', '\0']) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name:?} is no name of an interface (1 to 15 bytes)"),
            ));
        }
        // SAFETY: an ifreq is plain numbers.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        Ok(Self(request))
    }

    pub fn set_flags(&mut self, flags: i16) {
        self.0.ifr_ifru.ifru_flags = flags;
    }

    fn flags(&self) -> i16 {
        // SAFETY: all bits are valid numbers.
        unsafe { self.0.ifr_ifru.ifru_flags }
    }

    fn set_index(&mut self, index: u32) {
        self.0.ifr_ifru.ifru_ifindex = index as libc::c_int;
    }

    fn set_address(&mut self, address: Ipv4Addr) {
        // SAFETY: a sockaddr_in is plain numbers.
        let mut socket: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        socket.sin_family = libc::AF_INET as libc::sa_family_t;
        socket.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
        // SAFETY: both have the size of a sockaddr and are plain numbers.
        self.0.ifr_ifru.ifru_addr =
            unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(socket) };
    }

    pub fn pointer(&mut self) -> *mut libc::ifreq {
        &mut self.0
    }
}

/// The result of a system call.
pub fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A socket by which interfaces are set up.
pub struct Interfaces(OwnedFd);

impl Interfaces {
    pub fn new() -> io::Result<Self> {
        // SAFETY: a new descriptor, owned from here on.
        unsafe {
            let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            checked(socket)?;
            Ok(Self(OwnedFd::from_raw_fd(socket)))
        }
    }

    fn ioctl(&self, number: libc::c_ulong, request: &mut Request) -> io::Result<()> {
        // SAFETY: all requests used here read or write an ifreq.
        checked(unsafe { libc::ioctl(self.0.as_raw_fd(), number as _, request.pointer()) })
    }

    /// Makes the interface work.
    pub fn up(&self, name: &str) -> io::Result<()> {
        let mut request = Request::new(name)?;
        self.ioctl(libc::SIOCGIFFLAGS as _, &mut request)?;
        request.set_flags(request.flags() | libc::IFF_UP as i16);
        self.ioctl(libc::SIOCSIFFLAGS as _, &mut request)
    }

    /// Gives the interface an address and its network.
    pub fn set_address(&self, name: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut request = Request::new(name)?;
        request.set_address(address);
        self.ioctl(libc::SIOCSIFADDR as _, &mut request)?;
        let mask = u32::MAX
            .checked_shl(32 - u32::from(prefix.min(32)))
            .unwrap_or(0);
        request.set_address(Ipv4Addr::from(mask));
        self.ioctl(libc::SIOCSIFNETMASK as _, &mut request)
    }

    /// Makes a bridge; that it is there is as good.
    pub fn add_bridge(&self, name: &str) -> io::Result<()> {
        let mut request = Request::new(name)?;
        match self.ioctl(SIOCBRADDBR, &mut request) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ENOPKG) => Err(io::Error::other(
                "this kernel has no bridges; load its module `bridge`",
            )),
            other => other,
        }
    }

    /// Puts an interface into a bridge; that it is in it is as good.
    pub fn add_to_bridge(&self, bridge: &str, name: &str) -> io::Result<()> {
        let mut request = Request::new(name)?;
        self.ioctl(libc::SIOCGIFINDEX as _, &mut request)?;
        // SAFETY: the kernel filled the index in.
        let index = unsafe { request.0.ifr_ifru.ifru_ifindex };
        let mut request = Request::new(bridge)?;
        request.set_index(index as u32);
        match self.ioctl(SIOCBRADDIF, &mut request) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(()),
            other => other,
        }
    }
}
