// SPDX-License-Identifier: Apache-2.0
//! G-stage translation: `hgatp`, its modes, and fences.

use super::{csr, firmware};
use crate::cpu;
use core::arch::asm;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use paging::Geometry;
use rv64::csr::atp;
use rv64::sbi::function;

pub type Format = paging::RiscvGStage;

/// Mode of `hgatp`, and highest VMID.
static MODE: AtomicU64 = AtomicU64::new(atp::SV39);
static LEVELS: AtomicU8 = AtomicU8::new(3);
static MAX_VMID: AtomicU64 = AtomicU64::new(0);

/// Finds the smallest mode that reaches `highest` (a physical address), or the
/// largest there is, and how many VMIDs there are. Called once, before a zone is made.
pub fn probe(highest: u64) {
    for (mode, levels) in [(atp::SV39, 3u8), (atp::SV48, 4), (atp::SV57, 5)] {
        // Nothing runs in virtualisation mode: a table at 0 is never walked.
        csr::write!("hgatp", mode << atp::MODE_SHIFT);
        if csr::read!("hgatp") >> atp::MODE_SHIFT != mode {
            continue;
        }
        MODE.store(mode, Ordering::Relaxed);
        LEVELS.store(levels, Ordering::Relaxed);
        if highest < 1 << geometry().address_bits() {
            break;
        }
    }
    let mode = MODE.load(Ordering::Relaxed) << atp::MODE_SHIFT;
    csr::write!("hgatp", mode | atp::VMID_MASK << atp::VMID_SHIFT);
    MAX_VMID.store(
        csr::read!("hgatp") >> atp::VMID_SHIFT & atp::VMID_MASK,
        Ordering::Relaxed,
    );
    csr::write!("hgatp", 0);
    flush_here();
}

/// Name of the mode and highest VMID, for the log.
pub fn describe() -> (&'static str, u64) {
    let name = match MODE.load(Ordering::Relaxed) {
        atp::SV39 => "Sv39x4",
        atp::SV48 => "Sv48x4",
        _ => "Sv57x4",
    };
    (name, MAX_VMID.load(Ordering::Relaxed))
}

/// Bits of guest-physical addresses.
pub fn address_bits() -> u8 {
    geometry().address_bits()
}

pub fn geometry() -> Geometry {
    Geometry {
        levels: LEVELS.load(Ordering::Relaxed),
        root_bits: 11,
    }
}

/// `hgatp` of a zone. Where there are too few VMIDs zones share one; a
/// processor forgets all translations when it changes zones.
pub fn register(zone: u8, root: u64) -> u64 {
    let vmid = u64::from(zone).wrapping_add(1) & MAX_VMID.load(Ordering::Relaxed);
    MODE.load(Ordering::Relaxed) << atp::MODE_SHIFT | vmid << atp::VMID_SHIFT | root >> 12
}

/// An entry was written: walks see it from now on.
pub fn entry_written() {
    // SAFETY: a fence.
    unsafe { asm!("fence rw, rw", options(nostack, preserves_flags)) };
}

/// Makes every processor of `zone` forget its translations. Ends when they have.
pub fn flush(zone: u8, _root: u64) {
    flush_here();
    for processor in cpu::all() {
        let runs = processor.owner.load(Ordering::Acquire) == u32::from(zone);
        if !runs
            || processor.index == cpu::this().index
            || !processor.online.load(Ordering::Acquire)
        {
            continue;
        }
        let hart = processor.physical.load(Ordering::Relaxed);
        // The firmware's own fence: it interrupts the hart above us and waits for it.
        let fenced = firmware::remote_fence(function::HFENCE_GVMA, 1, hart, 0, u64::MAX, 0);
        if let Err(error) = fenced {
            crate::log!(
                "hart {hart}: hfence.gvma refused by the firmware ({})",
                error.0
            );
        }
    }
}

/// Nothing is left to be done by the processor that waits.
pub fn serve_flush() {}

/// Forgets all guests' translations on this processor.
pub fn flush_here() {
    // SAFETY: fences.
    unsafe {
        asm!(
            ".option push",
            ".option arch, +h",
            "hfence.gvma",
            "hfence.vvma",
            ".option pop",
            options(nostack, preserves_flags)
        );
    }
}
