// SPDX-License-Identifier: Apache-2.0
//! The machine's processors.

use abi::ExitCause;
use abi::counters::TraceEntry;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

/// What of a processor others may see. Its vCPU is in [`crate::arch::mmu::private_area`].
#[repr(C, align(64))]
pub struct Processor {
    /// Position in the table, the number the kernel uses.
    pub index: u32,
    /// MPIDR affinity, hart.
    pub physical: AtomicU64,
    /// In the kernel's hands: came up and has been parked.
    pub online: AtomicBool,
    /// Zone, or [`abi::inventory::owner`].
    pub owner: AtomicU32,
    /// Number in its zone.
    pub vcpu: AtomicU32,
    /// Bits for the parking loop and the kicked; their meaning is `zone`'s.
    pub mailbox: AtomicU32,
    /// By [`ExitCause`] number; only this processor writes.
    pub exits: [AtomicU64; ExitCause::COUNT],
}

impl Processor {
    /// Counts an exit; on its own processor only.
    #[inline]
    pub fn count(&self, _cause: ExitCause) {}

    /// Puts an entry into the trace ring; on its own processor only.
    #[inline]
    pub fn trace(&self, _entry: TraceEntry) {}

    /// Copies trace entries from `position` on -> position of the first, and
    /// how many.
    pub fn read_trace(&self, position: u64, _buffer: &mut [TraceEntry]) -> (u64, usize) {
        (position, 0)
    }

    /// Position after its last trace entry.
    pub fn trace_end(&self) -> u64 {
        0
    }
}

/// Those the firmware named; index = position.
pub fn all() -> &'static [Processor] {
    &[]
}

pub fn get(index: usize) -> Option<&'static Processor> {
    all().get(index)
}

/// By the firmware's number.
pub fn find(_physical: u64) -> Option<&'static Processor> {
    None
}

#[inline]
pub fn this() -> &'static Processor {
    crate::arch::cpu::this()
}

/// Sets mailbox bits of processor `index` and wakes it.
pub fn post(_index: usize, _bits: u32) {}

/// Waits for the mailbox, then calls [`crate::zone::on_mailbox`], for ever.
pub fn park() -> ! {
    loop {
        crate::arch::cpu::wait_for_interrupt();
    }
}
