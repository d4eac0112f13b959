// SPDX-License-Identifier: Apache-2.0
//! The kernel's own translation: Sv39, every address its own but for each
//! processor's private area.
//!
//! Tables below the root are shared; each processor has a root of its own,
//! with its private area in the upper half.

use super::entry::image;
use crate::pool;
use crate::sync::Lock;
use abi::MAX_CPUS;
use arrayvec::ArrayVec;
use core::arch::asm;
use paging::{Attributes, Frames, Geometry, Memory, RiscvStage1, Table};
use rv64::csr::atp;

const PAGE: u64 = abi::PAGE_SIZE;

/// Bytes of a processor's stack; the page below it is not mapped.
pub const STACK_SIZE: u64 = 64 * 1024;
/// Bytes of a processor's private data.
pub const PRIVATE_SIZE: u64 = 32 * 1024;
/// Bytes of the stack for the kernel's own exceptions.
const EMERGENCY_SIZE: u64 = 8 * 1024;

/// The private area, in order: guard, stack, guard, data, guard, emergency stack.
const PRIVATE: u64 = 0xffff_ffc0_0000_0000;
const STACK: u64 = PRIVATE + PAGE;
pub const STACK_TOP: u64 = STACK + STACK_SIZE;
const DATA: u64 = STACK_TOP + PAGE;
const EMERGENCY: u64 = DATA + PRIVATE_SIZE + PAGE;
pub const EMERGENCY_TOP: u64 = EMERGENCY + EMERGENCY_SIZE;
const GEOMETRY: Geometry = Geometry {
    levels: 3,
    root_bits: 9,
};
/// A device tree may be this long.
const TREE_SIZE: u32 = 2 << 20;
/// Entries of the root that all processors share: the lower half.
const SHARED: usize = 256;
/// Addresses that can be mapped as themselves.
const LIMIT: u64 = 1 << 38;

const TEXT: Attributes = Attributes {
    write: false,
    execute: true,
    memory: Memory::Normal,
};
const CONSTANT: Attributes = Attributes {
    write: false,
    execute: false,
    memory: Memory::Normal,
};
const READ_WRITE: Attributes = Attributes {
    write: true,
    execute: false,
    memory: Memory::Normal,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The pool is used up.
    OutOfFrames,
    /// The range wraps, is something else already, or is above 256 GiB.
    BadRange,
}

impl From<paging::MapError> for Error {
    fn from(error: paging::MapError) -> Self {
        match error {
            paging::MapError::OutOfFrames => Self::OutOfFrames,
            _ => Self::BadRange,
        }
    }
}

/// Root whose lower half all processors' roots repeat; 0 until the first change.
static COMMON: Lock<u64> = Lock::new(0);

/// Roots of [`add_processor`], in its order.
static ROOTS: Lock<ArrayVec<u64, MAX_CPUS>> = Lock::new(ArrayVec::new_const());

type Common = Table<RiscvStage1>;

struct PoolFrames;

impl Frames for PoolFrames {
    fn allocate(&mut self) -> Option<u64> {
        pool::allocate(1, 1)
    }
    fn free(&mut self, frame: u64) {
        pool::free(frame, 1);
    }
    fn read(&self, table: u64, index: usize) -> u64 {
        // SAFETY: the walker passes frames that the pool gave and indices within them.
        unsafe {
            (table as *const u64)
                .wrapping_add(index & 511)
                .read_volatile()
        }
    }
    fn write(&mut self, table: u64, index: usize, bits: u64) {
        // SAFETY: as above.
        unsafe {
            (table as *mut u64)
                .wrapping_add(index & 511)
                .write_volatile(bits)
        };
    }
    fn flush(&mut self) {
        flush();
    }
}

fn flush() {
    // SAFETY: a fence.
    unsafe {
        asm!(
            "fence rw, rw",
            "sfence.vma",
            options(nostack, preserves_flags)
        )
    };
}

/// Changes the common part, then brings its root's entries to all others. Other
/// processors see a new mapping when they next walk; none is changed after boot.
fn change(
    change: impl FnOnce(&mut Common, &mut PoolFrames) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut root = COMMON.lock();
    if *root == 0 {
        *root = pool::allocate(1, 1).ok_or(Error::OutOfFrames)?;
        map_image(&mut Table::new(*root, GEOMETRY))?;
    }
    let result = change(&mut Table::new(*root, GEOMETRY), &mut PoolFrames);
    for &own in ROOTS.lock().iter() {
        copy_root(*root, own);
    }
    flush();
    result
}

fn copy_root(common: u64, own: u64) {
    let mut frames = PoolFrames;
    for index in 0..SHARED {
        let entry = frames.read(common, index);
        frames.write(own, index, entry);
    }
}

/// Image and bss by kind; the pool in pages, so that taking one away never
/// splits what it is itself in.
fn map_image(table: &mut Common) -> Result<(), Error> {
    let mut map = |from: u64, to: u64, attributes| match to.checked_sub(from) {
        None | Some(0) => Ok(()),
        Some(size) => table.map(&mut PoolFrames, from, from, size, attributes),
    };
    map(image::start(), image::rodata(), TEXT)?;
    map(image::rodata(), image::data(), CONSTANT)?;
    map(image::data(), image::pool(), READ_WRITE)?;
    for at in (image::pool()..image::end()).step_by(PAGE as usize) {
        map(at, at.wrapping_add(PAGE), READ_WRITE)?;
    }
    Ok(())
}

/// The pages that [base, base + size) touches.
fn pages(base: u64, size: u64) -> Result<(u64, u64), Error> {
    let end = base
        .checked_add(size)
        .and_then(|end| end.checked_next_multiple_of(PAGE));
    match end {
        Some(end) if size != 0 && end <= LIMIT => Ok((base & !(PAGE - 1), end)),
        _ => Err(Error::BadRange),
    }
}

/// Maps page by page what is not mapped; what is must be of the same kind.
fn map_missing(
    table: &mut Common,
    frames: &mut PoolFrames,
    (start, end): (u64, u64),
    attributes: Attributes,
) -> Result<(), Error> {
    for at in (start..end).step_by(PAGE as usize) {
        match table.translate(frames, at) {
            None => table.map(frames, at, at, PAGE, attributes)?,
            Some((_, _, found)) if found.memory == attributes.memory => {}
            Some(_) => return Err(Error::BadRange),
        }
    }
    Ok(())
}

/// Maps a device's registers (never executable) in every processor's table;
/// what is mapped so already is left. Returns `base`.
pub fn map_device(base: u64, size: u64) -> Result<usize, Error> {
    let range = pages(base, size)?;
    change(|table, frames| map_missing(table, frames, range, Attributes::DEVICE))?;
    Ok(base as usize)
}

/// Takes the device tree's pages away: they were never mapped, translation is off.
pub fn unmap_tree(_tree: u64) -> Result<(), Error> {
    Ok(())
}

/// Maps RAM (read and write, never executable), less the kernel's own range.
/// Parts of pages at the edges are left out.
pub fn map_ram(base: u64, size: u64) -> Result<(), Error> {
    let end = base.checked_add(size).ok_or(Error::BadRange)? & !(PAGE - 1);
    let start = base.checked_next_multiple_of(PAGE).ok_or(Error::BadRange)?;
    if end > LIMIT {
        return Err(Error::BadRange);
    }
    for (from, to) in [
        (start, end.min(image::start())),
        (start.max(image::end()), end),
    ] {
        if from < to {
            change(|table, frames| {
                Ok(table.map(frames, from, from, to.wrapping_sub(from), READ_WRITE)?)
            })?;
        }
    }
    Ok(())
}

/// A root with a private part of its own, for one more processor. The frames
/// behind it are taken out of the common part.
pub fn add_processor() -> Result<u64, Error> {
    let root = pool::allocate(1, 1).ok_or(Error::OutOfFrames)?;
    let mut own = Common::new(root, GEOMETRY);
    for (address, size) in [
        (STACK, STACK_SIZE),
        (DATA, PRIVATE_SIZE),
        (EMERGENCY, EMERGENCY_SIZE),
    ] {
        let frames = pool::allocate((size / PAGE) as usize, 1).ok_or(Error::OutOfFrames)?;
        // The walker counts from 0: the upper half follows the lower.
        let low = address & ((LIMIT << 1) - 1);
        own.map(&mut PoolFrames, low, frames, size, READ_WRITE)?;
        change(|table, pool| Ok(table.unmap(pool, frames, size)?))?;
    }
    copy_root(*COMMON.lock(), root);
    ROOTS
        .lock()
        .try_push(root)
        .map_err(|_| Error::OutOfFrames)?;
    Ok(root)
}

/// `satp` for a root.
pub fn register(root: u64) -> u64 {
    atp::SV39 << atp::MODE_SHIFT | root >> 12
}

/// Continues with `next` on the table `root` and the top of its stack.
pub fn switch_to(root: u64, next: extern "C" fn() -> !) -> ! {
    // SAFETY: `root` is of `add_processor`: the kernel is mapped at its own
    // addresses; the stack is left for good.
    unsafe {
        asm!(
            "sfence.vma",
            "csrw   satp, {satp}",
            "sfence.vma",
            "li     sp, {stack}",
            "mv     s0, zero",
            "mv     ra, zero",
            "jr     {next}",
            satp = in(reg) register(root),
            next = in(reg) next,
            stack = const super::vectors::STACK_START,
            options(noreturn)
        )
    }
}

/// This processor's private data, zero at boot: [`PRIVATE_SIZE`] bytes at the
/// same address on every processor, mapped in its own table only.
pub fn private_area() -> *mut u8 {
    DATA as *mut u8
}

/// The firmware's device tree, as long as its header says; `None` if there is
/// none at `tree`.
pub fn tree_bytes(tree: u64) -> Option<&'static [u8]> {
    const MAGIC: u32 = 0xd00d_feed;
    if tree == 0 || tree & 7 != 0 {
        return None;
    }
    // SAFETY: RAM that the firmware filled and nobody writes; translation is
    // off, or it is mapped as all RAM is.
    let header: [u8; 8] = unsafe { *(tree as *const [u8; 8]) };
    let [m0, m1, m2, m3, s0, s1, s2, s3] = header;
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if u32::from_be_bytes([m0, m1, m2, m3]) != MAGIC || size > TREE_SIZE {
        return None;
    }
    // SAFETY: as above, up to `size`.
    Some(unsafe { core::slice::from_raw_parts(tree as *const u8, size as usize) })
}

/// Whether `address` is on this processor's stacks, or on the one of the boot.
pub fn on_stack(address: u64) -> bool {
    let boot = (&raw const super::entry::STACK) as u64;
    let inside = |bottom: u64, size: u64| (bottom..bottom.wrapping_add(size)).contains(&address);
    inside(boot, super::entry::BOOT_STACK as u64)
        || (super::cpu::try_this().is_some()
            && (inside(STACK, STACK_SIZE) || inside(EMERGENCY, EMERGENCY_SIZE)))
}
