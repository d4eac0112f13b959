// SPDX-License-Identifier: Apache-2.0
//! Frames of the kernel's own memory: tables, stacks, zones' kernel parts.

/// `count` contiguous zeroed frames, the first aligned to `alignment` frames
/// (a power of two) -> physical (and kernel) address.
pub fn allocate(_count: usize, _alignment: usize) -> Option<u64> {
    None
}

/// Gives frames back that [`allocate`] gave, in whole or in part.
pub fn free(_address: u64, _count: usize) {}

/// Bytes in use and in all.
pub fn usage() -> (u64, u64) {
    (0, 0)
}
