// SPDX-License-Identifier: Apache-2.0
//! The machine's processors.

pub mod trace;

use crate::arch::{self, interrupts};
use crate::sync::Once;
use abi::counters::TraceEntry;
use abi::{ExitCause, MAX_CPUS};
use arrayvec::ArrayVec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
pub use trace::Trace;

/// What of a processor others may see. Its vCPU is in [`arch::mmu::private_area`].
#[repr(C, align(64))]
pub struct Processor {
    /// By [`ExitCause`] number; only this processor writes.
    pub exits: [AtomicU64; ExitCause::COUNT],
    /// Bits for the parking loop and the kicked; their meaning is `zone`'s.
    pub mailbox: AtomicU32,
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
    /// In its zone, or about to enter it.
    pub running: AtomicBool,
    pub trace: Trace,
}

impl Processor {
    fn new(index: u32, physical: u64) -> Self {
        Self {
            exits: [const { AtomicU64::new(0) }; ExitCause::COUNT],
            mailbox: AtomicU32::new(0),
            index,
            physical: AtomicU64::new(physical),
            online: AtomicBool::new(false),
            owner: AtomicU32::new(abi::inventory::owner::FREE),
            vcpu: AtomicU32::new(0),
            running: AtomicBool::new(false),
            trace: Trace::new(),
        }
    }

    /// For a new owner, while it is parked.
    pub fn clear_counters(&self) {
        for counter in &self.exits {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// Counts an exit; on its own processor only.
    #[inline]
    pub fn count(&self, cause: ExitCause) {
        if let Some(counter) = self.exits.get(cause as usize) {
            // Not fetch_add: there is one writer, and that costs less.
            counter.store(
                counter.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Relaxed,
            );
        }
    }
}

impl Processor {
    /// Puts an entry into the trace ring; on its own processor only.
    #[inline]
    pub fn trace(&self, entry: TraceEntry) {
        self.trace.push(&entry);
    }

    /// Copies trace entries from `position` on -> position of the first, and
    /// how many.
    pub fn read_trace(&self, position: u64, buffer: &mut [TraceEntry]) -> (u64, usize) {
        let first = position.clamp(self.trace.start(), self.trace.end());
        let mut count = 0;
        for (position, slot) in (first..).zip(buffer.iter_mut()) {
            let Some(entry) = self.trace.get(position) else {
                break;
            };
            *slot = entry;
            count = position.wrapping_sub(first).wrapping_add(1) as usize;
        }
        (first, count)
    }

    /// Position after its last trace entry.
    pub fn trace_end(&self) -> u64 {
        self.trace.end()
    }
}

static PROCESSORS: Once<ArrayVec<Processor, MAX_CPUS>> = Once::new();

/// The table of the machine's processors, by the firmware's numbers; `false`
/// if the one that calls is not among them.
pub fn init(physical: impl Iterator<Item = u64>) -> bool {
    let processors = (0..)
        .zip(physical)
        .map(|(index, number)| Processor::new(index, number));
    let _ = PROCESSORS.set(processors.take(MAX_CPUS).collect());
    match find(arch::cpu::firmware_number()) {
        Some(processor) => {
            arch::cpu::set_this(processor);
            true
        }
        None => false,
    }
}

/// Those the firmware named; index = position.
pub fn all() -> &'static [Processor] {
    PROCESSORS
        .get()
        .map_or(&[], |processors| processors.as_slice())
}

pub fn get(index: usize) -> Option<&'static Processor> {
    all().get(index)
}

/// By the firmware's number.
pub fn find(physical: u64) -> Option<&'static Processor> {
    all()
        .iter()
        .find(|processor| processor.physical.load(Ordering::Relaxed) == physical)
}

#[inline]
pub fn this() -> &'static Processor {
    arch::cpu::this()
}

/// Sets mailbox bits of processor `index` and wakes it.
pub fn post(index: usize, bits: u32) {
    if let Some(processor) = get(index) {
        processor.mailbox.fetch_or(bits, Ordering::AcqRel);
        arch::cpu::publish();
        interrupts::kick(index);
    }
}

/// Waits for the mailbox, then calls [`crate::zone::on_mailbox`], for ever.
pub extern "C" fn park() -> ! {
    let this = this();
    loop {
        interrupts::drain();
        let bits = this.mailbox.swap(0, Ordering::AcqRel);
        if bits == 0 {
            arch::cpu::wait_for_interrupt();
        } else {
            crate::zone::on_mailbox(bits);
        }
    }
}
