// SPDX-License-Identifier: Apache-2.0
//! A shared mapping of a file.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

/// Memory that others read and write as well; unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<u8>,
    size: usize,
}

impl Mapping {
    /// Maps `size` bytes of `file` from `offset` on, to read and write.
    pub fn shared(file: &impl AsRawFd, offset: u64, size: usize) -> io::Result<Self> {
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches
        // nothing that exists.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address = NonNull::new(address.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { address, size })
    }

    pub fn address(&self) -> NonNull<u8> {
        self.address
    }

    pub fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the one `shared` mapped, and nobody borrows from
        // it any more: all that do hold the mapping.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.size) };
    }
}

// SAFETY: the memory belongs to no thread; accesses go through atomics and
// volatile copies.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}
