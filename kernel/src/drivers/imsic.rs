// SPDX-License-Identifier: Apache-2.0
//! The physical IMSICs: where the supervisor's and the guests' interrupt files are.

use crate::arch::mmu;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use machine::Imsic;

const PAGE: u64 = abi::PAGE_SIZE;
/// `seteipnum_le`.
const SET_NUMBER: u64 = 0;

/// The supervisor's file of each processor, 0 for none, and the index an APLIC
/// names it by.
static FILES: [AtomicU64; abi::MAX_CPUS] = [const { AtomicU64::new(0) }; abi::MAX_CPUS];
static HART_INDICES: [AtomicU32; abi::MAX_CPUS] = [const { AtomicU32::new(0) }; abi::MAX_CPUS];
/// Highest identity of a supervisor's file, of a guest's.
static IDENTITIES: AtomicU32 = AtomicU32::new(0);
static GUEST_IDENTITIES: AtomicU32 = AtomicU32::new(0);
/// log2 of the files a hart has room for.
static GUEST_BITS: AtomicU32 = AtomicU32::new(0);

/// Maps the files' pages that the kernel writes.
pub fn init(imsic: &Imsic) -> Result<(), mmu::Error> {
    IDENTITIES.store(imsic.ids, Ordering::Relaxed);
    GUEST_IDENTITIES.store(imsic.guest_ids, Ordering::Relaxed);
    GUEST_BITS.store(imsic.guest_index_bits, Ordering::Relaxed);
    let stride = PAGE << imsic.guest_index_bits;
    for (position, &hart) in imsic.harts.iter().enumerate() {
        let Some(file) = place(imsic, position as u64, stride) else {
            continue;
        };
        let Some(processor) = crate::cpu::find(hart) else {
            continue;
        };
        mmu::map_device(
            file,
            if imsic.guest_index_bits == 0 {
                PAGE
            } else {
                2 * PAGE
            },
        )?;
        let index = processor.index as usize;
        if let (Some(slot), Some(number)) = (FILES.get(index), HART_INDICES.get(index)) {
            slot.store(file, Ordering::Relaxed);
            number.store(hart_index(imsic, file), Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Address of the supervisor's file of the hart at `position`: harts are spread
/// over the register sets in order.
fn place(imsic: &Imsic, position: u64, stride: u64) -> Option<u64> {
    let mut offset = position.checked_mul(stride)?;
    for region in &imsic.regions {
        let room = region.size.div_ceil(stride).checked_mul(stride)?;
        if offset < room {
            return region.base.checked_add(offset);
        }
        offset = offset.checked_sub(room)?;
    }
    None
}

/// As an APLIC names it (AIA 4.9.1): hart in the low bits, group above.
fn hart_index(imsic: &Imsic, file: u64) -> u32 {
    let field = |shift: u32, bits: u32| (file >> shift) & (1u64 << bits).wrapping_sub(1);
    let hart = field(
        imsic.guest_index_bits.wrapping_add(12),
        imsic.hart_index_bits,
    );
    let group = field(imsic.group_index_shift, imsic.group_index_bits);
    (hart | group << imsic.hart_index_bits) as u32
}

pub fn hart_index_of(index: usize) -> u32 {
    HART_INDICES
        .get(index)
        .map_or(0, |number| number.load(Ordering::Relaxed))
}

pub fn identities() -> u32 {
    IDENTITIES.load(Ordering::Relaxed)
}

pub fn guest_identities() -> u32 {
    GUEST_IDENTITIES.load(Ordering::Relaxed)
}

/// Guest files a hart has room for.
pub fn guest_room() -> u32 {
    (1u32 << GUEST_BITS.load(Ordering::Relaxed).min(6)).wrapping_sub(1)
}

/// Physical address of guest file 1 of processor `index`.
pub fn guest_file(index: usize) -> Option<u64> {
    let file = FILES.get(index)?.load(Ordering::Relaxed);
    (file != 0 && guest_room() != 0).then(|| file.wrapping_add(PAGE))
}

/// Makes `identity` pending in guest file 1 of processor `index`.
pub fn send_to_guest(index: usize, identity: u16) {
    if let Some(file) = guest_file(index) {
        let register = file.wrapping_add(SET_NUMBER) as *mut u32;
        // SAFETY: a register that `init` mapped.
        unsafe { register.write_volatile(identity.into()) };
    }
}
