// SPDX-License-Identifier: Apache-2.0
//! The file behind a block device.

use crate::config::BlockConfig;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileTypeExt;

/// Unit of virtio-blk's sector numbers, in bytes.
pub const SECTOR: u64 = 512;

#[derive(Debug)]
pub struct Disk {
    file: File,
    /// Bytes, a multiple of the block size.
    pub size: u64,
    pub block_size: u32,
    pub read_only: bool,
    /// Holes can be punched.
    pub discard: bool,
    /// Ranges can be zeroed without writing them.
    pub zero_range: bool,
}

impl Disk {
    pub fn open(config: &BlockConfig) -> Result<Self> {
        let path = &config.path;
        let mut file = OpenOptions::new()
            .read(true)
            .write(!config.read_only)
            .open(path)
            .map_err(Error::open(path))?;
        let kind = file.metadata().map_err(Error::open(path))?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(Error::open(path)(io::Error::other(
                "neither a file nor a block device",
            )));
        }
        if !config.block_size.is_power_of_two() || !(512..=4096).contains(&config.block_size) {
            return Err(Error::open(path)(io::Error::other(
                "block size is not 512 to 4096",
            )));
        }
        let end = file.seek(SeekFrom::End(0)).map_err(Error::open(path))?;
        let size = end - end % u64::from(config.block_size);
        if size == 0 {
            return Err(Error::open(path)(io::Error::other("it is empty")));
        }
        let supports = |mode| !config.read_only && probe(&file, mode, end, kind.is_file());
        let discard = supports(libc::FALLOC_FL_PUNCH_HOLE);
        let zero_range = supports(libc::FALLOC_FL_ZERO_RANGE);
        let (block_size, read_only) = (config.block_size, config.read_only);
        Ok(Self {
            file,
            size,
            block_size,
            read_only,
            discard,
            zero_range,
        })
    }
}

impl AsRawFd for Disk {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Whether fallocate(2) knows `mode` for this file. Tried on a block behind the
/// end, which changes nothing; a block device refuses that range, but only
/// after it has accepted the mode.
fn probe(file: &File, mode: libc::c_int, end: u64, is_file: bool) -> bool {
    let Ok(start) = libc::off_t::try_from(end.next_multiple_of(4096)) else {
        return false;
    };
    let mode = mode | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: a system call on our own file, without memory.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), mode, start, 4096) };
    let unsupported = io::Error::last_os_error().raw_os_error() == Some(libc::EOPNOTSUPP);
    result == 0 || !is_file && !unsupported
}
