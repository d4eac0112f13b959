// SPDX-License-Identifier: Apache-2.0
//! What the kernel says: into a ring, and on the console while that is ours.

use core::fmt;

/// A line of the log.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::log::line(format_args!($($argument)*)) };
}

/// Bytes that are kept.
pub const SIZE: usize = 64 * 1024;

pub fn line(_arguments: fmt::Arguments) {}

/// Copies what was said from `position` (free-running) on -> position of the
/// first byte copied, later than asked for if older ones are gone, and how many.
pub fn read(position: u64, _buffer: &mut [u8]) -> (u64, usize) {
    (position, 0)
}

/// Position after the last byte.
pub fn end() -> u64 {
    0
}
