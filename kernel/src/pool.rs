// SPDX-License-Identifier: Apache-2.0
//! Frames of the kernel's own memory: tables, stacks, zones' kernel parts.

use crate::arch::entry::image;
use crate::sync::Lock;
use collections::FrameBitmap;

const FRAME: u64 = 4096;
/// Room for the bits of a pool of 64 MiB; the linker script says how long it is.
const WORDS: usize = 256;

static FRAMES: Lock<FrameBitmap<WORDS>> = Lock::new(FrameBitmap::new(0));

/// All of the linker script's pool is free.
pub fn init() {
    let frames = image::end().wrapping_sub(image::pool()) / FRAME;
    *FRAMES.lock() = FrameBitmap::new(frames as usize);
}

/// `count` contiguous zeroed frames, the first aligned to `alignment` frames
/// (a power of two) -> physical (and kernel) address.
///
/// Aligned physically: relative to the pool, whose own alignment is not known
/// before boot.
pub fn allocate(count: usize, alignment: usize) -> Option<u64> {
    // The image is at a multiple of 2 MiB (or of 4 KiB, by odd loaders); find
    // the run among one that is longer by what the pool's start is off.
    let align = (alignment as u64).checked_mul(FRAME)?;
    let off = image::pool() & align.wrapping_sub(1);
    let (first, extra) = if off == 0 {
        (FRAMES.lock().allocate(count, alignment)?, 0)
    } else {
        let extra = alignment.wrapping_sub(1);
        (FRAMES.lock().allocate(count.checked_add(extra)?, 1)?, extra)
    };
    let run = image::pool().wrapping_add((first as u64).wrapping_mul(FRAME));
    let address = run.checked_next_multiple_of(align)?;
    if extra != 0 {
        let before = (address.wrapping_sub(run) / FRAME) as usize;
        let after = extra.wrapping_sub(before);
        let mut frames = FRAMES.lock();
        frames.free(first, before);
        frames.free(first.wrapping_add(before).wrapping_add(count), after);
    }
    zero(address, count);
    Some(address)
}

fn zero(address: u64, count: usize) {
    // SAFETY: frames of the pool that were free until now, mapped at their address.
    unsafe { core::ptr::write_bytes(address as *mut u8, 0, count.wrapping_mul(FRAME as usize)) }
}

/// Gives frames back that [`allocate`] gave, in whole or in part. What is not
/// the pool's, or free already, is left.
pub fn free(address: u64, count: usize) {
    let Some(offset) = address.checked_sub(image::pool()) else {
        return;
    };
    FRAMES.lock().free((offset / FRAME) as usize, count);
}

/// Bytes in use and in all.
pub fn usage() -> (u64, u64) {
    let frames = FRAMES.lock();
    let bytes = |frames: usize| (frames as u64).wrapping_mul(FRAME);
    (bytes(frames.used()), bytes(frames.frames()))
}
