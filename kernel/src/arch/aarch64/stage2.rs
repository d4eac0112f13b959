// SPDX-License-Identifier: Apache-2.0
//! Stage-2 translation: its shape on this machine, and its TLB maintenance.

use super::cpu;
use core::arch::asm;
use paging::Geometry;

pub use paging::AArch64Stage2 as Format;

/// ID_AA64MMFR0_EL1.PARange, at most 48 bits.
fn physical_range() -> u64 {
    // SAFETY: a read without effects.
    (unsafe { read_register!("id_aa64mmfr0_el1") } & 0xf).min(5)
}

/// Bits of guest-physical addresses: as many as the machine's physical ones.
pub fn address_bits() -> u8 {
    match physical_range() {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        _ => 48,
    }
}

/// Up to 43 bits: three levels with concatenated roots; above, four
/// (DDI 0487, D8.2.4).
pub fn geometry() -> Geometry {
    match address_bits() {
        bits @ ..=43 => Geometry {
            levels: 3,
            root_bits: bits.saturating_sub(30),
        },
        bits => Geometry {
            levels: 4,
            root_bits: bits.saturating_sub(39),
        },
    }
}

/// VTCR_EL2: inner shareable, write-back walks, 4 KiB granule, 8-bit VMIDs.
pub fn control() -> u64 {
    let start_level = if geometry().levels == 4 { 2u64 } else { 1 };
    let size = 64u64.saturating_sub(address_bits().into());
    1 << 31 | physical_range() << 16 | 0b11 << 12 | 0b01 << 10 | 0b01 << 8 | start_level << 6 | size
}

/// VTTBR_EL2 of a zone; VMID 0 is nobody's.
pub fn base(zone: u8, root: u64) -> u64 {
    root | u64::from(zone).saturating_add(1) << 48
}

/// After a write of an entry, before it is relied upon.
#[inline]
pub fn entry_written() {
    // SAFETY: orders the write before walks of every processor.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) }
}

/// Every processor forgets the zone's translations, both stages.
pub fn flush(zone: u8, root: u64) {
    // SAFETY: VTTBR_EL2 is the caller's own again afterwards, and in between
    // names a table that exists.
    unsafe {
        let own = read_register!("vttbr_el2");
        write_register!("vttbr_el2", base(zone, root));
        asm!(
            "isb",
            "dsb ishst",
            "tlbi vmalls12e1is",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
        write_register!("vttbr_el2", own);
    }
    cpu::barrier();
}

/// TLB maintenance is broadcast: nothing is left for others to do.
pub fn flush_here() {}
pub fn serve_flush() {}
