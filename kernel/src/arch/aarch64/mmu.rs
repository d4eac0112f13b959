// SPDX-License-Identifier: Apache-2.0
//! The kernel's own translation (EL2 stage 1): address = physical address.
//!
//! The first table, made with the MMU off, maps the image as it stays for ever
//! (text RX, rodata R, the rest RW) and the device tree. It then becomes the
//! common part: RAM, devices. Every processor's root has the common part's
//! entries and, in the last slot, what only this processor can reach: its
//! stack between guard pages, an emergency stack, its private data. The frames
//! behind those are taken out of the common part.

use super::entry::image;
use crate::pool;
use crate::sync::Lock;
use abi::MAX_CPUS;
use arrayvec::ArrayVec;
use core::arch::{asm, naked_asm};
use paging::{AArch64Stage1, Attributes, Frames, Geometry, MapError, Memory, Table};

/// Bytes of a processor's stack.
pub const STACK_SIZE: u64 = 64 * 1024;
/// Bytes of a processor's private data.
pub const PRIVATE_SIZE: u64 = 32 * 1024;
const EMERGENCY_SIZE: u64 = 16 * 1024;

const PAGE: u64 = 4096;
/// The private part, in the last 512 GiB. Guard pages below, between and above.
const PRIVATE_BASE: u64 = 0xff80_0000_0000;
const EMERGENCY_BOTTOM: u64 = PRIVATE_BASE + PAGE;
pub(super) const EMERGENCY_TOP: u64 = EMERGENCY_BOTTOM + EMERGENCY_SIZE;
pub(super) const STACK_BOTTOM: u64 = EMERGENCY_TOP + PAGE;
pub(super) const STACK_TOP: u64 = STACK_BOTTOM + STACK_SIZE;
const PRIVATE_DATA: u64 = STACK_TOP + PAGE;
const PRIVATE_SLOT: usize = 511;

/// SCTLR_EL2's RES1 bits, all else off.
pub(super) const SCTLR_OFF: u64 = 0x30c5_0830;
/// M, C, I, SA (stack alignment), WXN.
const SCTLR_ON: u64 = SCTLR_OFF | 1 << 0 | 1 << 2 | 1 << 12 | 1 << 3 | 1 << 19;
/// Attribute 0: Normal write-back; 1: Device-nGnRE.
const MAIR: u64 = 0x04ff;
/// T0SZ = 16, walks inner shareable write-back, 4 KiB granule, RES1 bits; PS
/// is added from ID_AA64MMFR0_EL1.
const TCR: u64 = 16 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12 | 1 << 23 | 1 << 31;

const GEOMETRY: Geometry = Geometry {
    levels: 4,
    root_bits: 9,
};
const TEXT: Attributes = Attributes {
    write: false,
    execute: true,
    memory: Memory::Normal,
};
const READ_ONLY: Attributes = Attributes {
    write: false,
    execute: false,
    memory: Memory::Normal,
};
const DATA: Attributes = Attributes {
    write: true,
    execute: false,
    memory: Memory::Normal,
};
const DEVICE: Attributes = Attributes::DEVICE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The pool is used up.
    OutOfFrames,
    /// The range wraps, or is something else already.
    BadRange,
}

impl From<MapError> for Error {
    fn from(error: MapError) -> Self {
        match error {
            MapError::OutOfFrames => Self::OutOfFrames,
            MapError::Misaligned | MapError::Occupied => Self::BadRange,
        }
    }
}

type Common = Table<AArch64Stage1>;

fn read_entry(table: u64, index: usize) -> u64 {
    let entry = table.wrapping_add((index as u64 & 511).wrapping_mul(8));
    // SAFETY: tables are whole frames of ours, mapped at their own address.
    unsafe { (entry as *const u64).read_volatile() }
}

fn write_entry(table: u64, index: usize, bits: u64) {
    let entry = table.wrapping_add((index as u64 & 511).wrapping_mul(8));
    // SAFETY: as above; what is written was made by the format.
    unsafe { (entry as *mut u64).write_volatile(bits) };
    // SAFETY: a barrier changes no memory: a new entry is seen by the walk.
    unsafe { asm!("dsb ishst", "isb", options(nostack, preserves_flags)) };
}

/// Tables that are made while the MMU is off.
const FIRST_TABLES: usize = 24;

#[repr(C, align(4096))]
struct FirstTables([[u64; 512]; FIRST_TABLES]);
static mut FIRST: FirstTables = FirstTables([[0; 512]; FIRST_TABLES]);

/// Hands out [`FIRST`], without a lock: exclusives need the MMU.
struct FirstFrames {
    used: usize,
}

impl Frames for FirstFrames {
    fn allocate(&mut self) -> Option<u64> {
        let base = (&raw const FIRST) as u64;
        let frame = (self.used < FIRST_TABLES)
            .then(|| base.wrapping_add(PAGE.wrapping_mul(self.used as u64)));
        self.used = self.used.wrapping_add(1);
        frame
    }
    fn free(&mut self, _frame: u64) {}
    fn read(&self, table: u64, index: usize) -> u64 {
        read_entry(table, index)
    }
    fn write(&mut self, table: u64, index: usize, bits: u64) {
        write_entry(table, index, bits);
    }
    fn flush(&mut self) {}
}

/// Frames from the pool. Those of [`FIRST`] are not the pool's, which ignores them.
struct PoolFrames;

impl Frames for PoolFrames {
    fn allocate(&mut self) -> Option<u64> {
        pool::allocate(1, 1)
    }
    fn free(&mut self, frame: u64) {
        pool::free(frame, 1);
    }
    fn read(&self, table: u64, index: usize) -> u64 {
        read_entry(table, index)
    }
    fn write(&mut self, table: u64, index: usize, bits: u64) {
        write_entry(table, index, bits);
    }
    fn flush(&mut self) {
        // SAFETY: forgets translations of this regime only; they are walked again.
        unsafe {
            asm!(
                "dsb ishst",
                "tlbi alle2is",
                "dsb ish",
                "isb",
                options(nostack, preserves_flags)
            )
        };
    }
}

/// The device tree may be this long (booting.rst).
const TREE_SIZE: u64 = 2 << 20;

/// With the MMU off: image, pool and the pages of the device tree -> root.
/// Without enough of [`FIRST`] the rest stays unmapped, and the first access
/// there ends in `vectors`; the sizes are fixed, so that a build either has
/// enough or never boots.
pub(super) extern "C" fn first_tables(tree: u64) -> u64 {
    let mut frames = FirstFrames { used: 0 };
    let root = frames.allocate().unwrap_or(0);
    let mut table = Common::new(root, GEOMETRY);
    let mut map = |from: u64, to: u64, attributes| {
        if from < to {
            let _ = table.map(&mut frames, from, from, to.wrapping_sub(from), attributes);
        }
    };
    map(image::start(), image::rodata(), TEXT);
    map(image::rodata(), image::data(), READ_ONLY);
    map(image::data(), image::pool(), DATA);
    // By pages, so that taking one away never splits what it is itself in.
    let mut page = image::pool();
    while page < image::end() {
        map(page, page.wrapping_add(PAGE), DATA);
        page = page.wrapping_add(PAGE);
    }
    let (from, to) = tree_pages(tree);
    map(from, to.min(image::start()), READ_ONLY);
    map(from.max(image::end()), to, READ_ONLY);
    root
}

/// Pages that a device tree at `tree` can reach.
fn tree_pages(tree: u64) -> (u64, u64) {
    let from = tree & !(PAGE.wrapping_sub(1));
    (from, from.wrapping_add(TREE_SIZE).wrapping_add(PAGE))
}

/// Switches translation and caches on with `root`; uses no memory, x1 to x3.
#[unsafe(naked)]
pub(super) extern "C" fn enable(root: u64) {
    naked_asm!(
        "msr    ttbr0_el2, x0",
        "ldr    x1, ={mair}",
        "msr    mair_el2, x1",
        "ldr    x1, ={tcr}",
        "mrs    x2, id_aa64mmfr0_el1",
        "and    x2, x2, #0xf",
        "mov    x3, #5", // 48 bits are the most that 4 KiB pages reach
        "cmp    x2, x3",
        "csel   x2, x2, x3, lo",
        "orr    x1, x1, x2, lsl #16",
        "msr    tcr_el2, x1",
        "isb",
        "tlbi   alle2",
        "ic     iallu",
        "dsb    nsh",
        "isb",
        "ldr    x1, ={sctlr}",
        "msr    sctlr_el2, x1",
        "isb",
        "ret",
        mair = const MAIR,
        tcr = const TCR,
        sctlr = const SCTLR_ON,
    )
}

/// Roots of the processors, which share the common part's tables.
static ROOTS: Lock<ArrayVec<u64, MAX_CPUS>> = Lock::new(ArrayVec::new_const());

fn common_root() -> u64 {
    (&raw const FIRST) as u64
}

/// Changes the common part, then brings new entries of its root to all others.
fn change(
    change: impl FnOnce(&mut Common, &mut PoolFrames) -> Result<(), MapError>,
) -> Result<(), Error> {
    let roots = ROOTS.lock();
    let mut table = Common::new(common_root(), GEOMETRY);
    let result = change(&mut table, &mut PoolFrames);
    for &root in roots.iter() {
        copy_root(root);
    }
    Ok(result?)
}

fn copy_root(root: u64) {
    for index in 0..PRIVATE_SLOT {
        let bits = read_entry(common_root(), index);
        if read_entry(root, index) != bits {
            write_entry(root, index, bits);
        }
    }
}

/// The pages that [base, base + size) touches.
fn pages(base: u64, size: u64) -> Result<(u64, u64), Error> {
    let end = base
        .checked_add(size)
        .and_then(|end| end.checked_next_multiple_of(PAGE));
    let start = base & !(PAGE.wrapping_sub(1));
    match end {
        Some(end) if size != 0 && end <= PRIVATE_BASE => Ok((start, end)),
        _ => Err(Error::BadRange),
    }
}

/// Maps page by page what is not mapped; what is must be of the same kind.
fn map_missing(
    table: &mut Common,
    frames: &mut PoolFrames,
    start: u64,
    end: u64,
    attributes: Attributes,
) -> Result<(), MapError> {
    let mut at = start;
    while at < end {
        match table.translate(frames, at) {
            None => table.map(frames, at, at, PAGE, attributes)?,
            Some((_, _, found)) if found.memory == attributes.memory => {}
            Some(_) => return Err(MapError::Occupied),
        }
        at = at.wrapping_add(PAGE);
    }
    Ok(())
}

/// Maps a device's registers (Device-nGnRE, never executable) in every
/// processor's table; what is mapped so already is left. Returns `base`.
pub fn map_device(base: u64, size: u64) -> Result<usize, Error> {
    let (start, end) = pages(base, size)?;
    change(|table, frames| {
        let whole = end.wrapping_sub(start);
        if table.map(frames, start, start, whole, DEVICE).is_ok() {
            return Ok(());
        }
        map_missing(table, frames, start, end, DEVICE)
    })?;
    Ok(base as usize)
}

/// Takes the device tree's pages away, which [`map_ram`] then maps as what they are.
pub fn unmap_tree(tree: u64) -> Result<(), Error> {
    let (from, to) = tree_pages(tree);
    for (from, to) in [(from, to.min(image::start())), (from.max(image::end()), to)] {
        if from < to {
            change(|table, frames| table.unmap(frames, from, to.wrapping_sub(from)))?;
        }
    }
    Ok(())
}

/// Maps RAM (read and write, never executable), less the kernel's own range.
/// Parts of pages at the edges are left out.
pub fn map_ram(base: u64, size: u64) -> Result<(), Error> {
    let end = base.checked_add(size).ok_or(Error::BadRange)? & !(PAGE.wrapping_sub(1));
    let start = base.checked_next_multiple_of(PAGE).ok_or(Error::BadRange)?;
    if end > PRIVATE_BASE {
        return Err(Error::BadRange);
    }
    for (from, to) in [
        (start, end.min(image::start())),
        (start.max(image::end()), end),
    ] {
        if from < to {
            change(|table, frames| table.map(frames, from, from, to.wrapping_sub(from), DATA))?;
        }
    }
    Ok(())
}

/// Maps the pages of RAM that [base, base + size) touches and that are not
/// mapped yet.
pub fn map_ram_pages(base: u64, size: u64) -> Result<(), Error> {
    let (start, end) = pages(base, size)?;
    change(|table, frames| map_missing(table, frames, start, end, DATA))
}

/// A root with a private part of its own, for one more processor.
pub fn add_processor() -> Result<u64, Error> {
    let root = pool::allocate(1, 1).ok_or(Error::OutOfFrames)?;
    let mut own = Common::new(root, GEOMETRY);
    for (base, size) in [
        (EMERGENCY_BOTTOM, EMERGENCY_SIZE),
        (STACK_BOTTOM, STACK_SIZE),
        (PRIVATE_DATA, PRIVATE_SIZE),
    ] {
        let count = (size / PAGE) as usize;
        let frames = pool::allocate(count, 1).ok_or(Error::OutOfFrames)?;
        own.map(&mut PoolFrames, base, frames, size, DATA)?;
        change(|table, pool| table.unmap(pool, frames, size))?;
    }
    copy_root(root);
    ROOTS
        .lock()
        .try_push(root)
        .map_err(|_| Error::OutOfFrames)?;
    Ok(root)
}

/// Continues with `next` on the table `root` and the top of its stack.
pub fn switch_to(root: u64, next: extern "C" fn() -> !) -> ! {
    // SAFETY: `root` is of `add_processor`: it maps all that the present one
    // does in the same way, so nothing is lost but the stack, which is left for good.
    unsafe {
        asm!(
            "msr    ttbr0_el2, {root}",
            "isb",
            "tlbi   alle2",
            "dsb    nsh",
            "isb",
            "mov    sp, {top}",
            "mov    x29, xzr",
            "mov    x30, xzr",
            "br     {next}",
            root = in(reg) root,
            top = in(reg) STACK_TOP,
            next = in(reg) next,
            options(noreturn),
        )
    }
}

/// Whether `address` is on this processor's stack, or on the one of the boot.
pub fn on_stack(address: u64) -> bool {
    let boot = (&raw const super::entry::BOOT_STACK) as u64;
    let inside = |bottom: u64, top: u64| address >= bottom && address < top.wrapping_sub(15);
    inside(
        boot,
        boot.wrapping_add(super::entry::BOOT_STACK_SIZE as u64),
    ) || (super::cpu::try_this().is_some()
        && (inside(STACK_BOTTOM, STACK_TOP) || inside(EMERGENCY_BOTTOM, EMERGENCY_TOP)))
}

/// The firmware's device tree, as long as its header says; `None` if there is
/// none at `tree`. Not to be used after [`unmap_tree`] until RAM is mapped.
pub fn tree_bytes(tree: u64) -> Option<&'static [u8]> {
    const MAGIC: u32 = 0xd00d_feed;
    if tree == 0 || tree & 7 != 0 {
        return None;
    }
    // SAFETY: `first_tables` mapped TREE_SIZE bytes there; bytes of RAM that
    // nobody writes while we are the only ones that run.
    let header: [u8; 8] = unsafe { *(tree as *const [u8; 8]) };
    let [m0, m1, m2, m3, s0, s1, s2, s3] = header;
    let size = u64::from(u32::from_be_bytes([s0, s1, s2, s3]));
    if u32::from_be_bytes([m0, m1, m2, m3]) != MAGIC || size > TREE_SIZE {
        return None;
    }
    // SAFETY: as above, up to `size`.
    Some(unsafe { core::slice::from_raw_parts(tree as *const u8, size as usize) })
}
