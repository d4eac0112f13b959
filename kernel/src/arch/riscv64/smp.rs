// SPDX-License-Identifier: Apache-2.0
//! Starts other harts, through SBI's hart state management.

use super::{firmware, mmu, sbi, stage2, vcpu, vectors};
use crate::cpu::Processor;
use core::cell::UnsafeCell;
use core::fmt;
use core::sync::atomic::Ordering;

/// What a hart finds when it starts.
#[repr(C)]
struct Start {
    satp: u64,
    stack: u64,
    processor: u64,
}

struct Starts(UnsafeCell<[Start; abi::MAX_CPUS]>);

// SAFETY: an entry is written before its hart is started, and read by it alone.
unsafe impl Sync for Starts {}

static STARTS: Starts = Starts(UnsafeCell::new(
    [const {
        Start {
            satp: 0,
            stack: 0,
            processor: 0,
        }
    }; abi::MAX_CPUS],
));

/// Why a processor can not be started.
pub enum Error {
    Memory(mmu::Error),
    /// SBI's status word.
    Firmware(i64),
    /// More than the kernel has room for.
    NoRoom,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => write!(out, "no memory for its stack ({error:?})"),
            Self::Firmware(status) => {
                write!(out, "the firmware refused (SBI hart_start: {status})")
            }
            Self::NoRoom => write!(out, "too many processors"),
        }
    }
}

/// Sends `processor` to [`crate::boot::secondary`]; whether it gets there, it
/// says itself.
pub fn start(processor: &Processor, _enable: machine::Enable) -> Result<(), Error> {
    let root = mmu::add_processor().map_err(Error::Memory)?;
    let index = processor.index as usize;
    if index >= abi::MAX_CPUS {
        return Err(Error::NoRoom);
    }
    let address: *const Processor = processor;
    let start = Start {
        satp: mmu::register(root),
        stack: vectors::STACK_START,
        processor: address as u64,
    };
    // SAFETY: the index is in bounds; its hart is stopped still.
    let slot = unsafe {
        let slot = STARTS.0.get().cast::<Start>().add(index);
        slot.write(start);
        slot
    };
    core::sync::atomic::fence(Ordering::SeqCst);
    let entry = secondary as *const () as u64;
    firmware::hart_start(
        processor.physical.load(Ordering::Relaxed),
        entry,
        slot as u64,
    )
    .map_err(|error| Error::Firmware(error.0))
}

#[unsafe(naked)]
unsafe extern "C" fn secondary() -> ! {
    core::arch::naked_asm!(
        "csrw   sie, zero",
        "csrci  sstatus, 2",
        "csrw   sscratch, zero",
        "lla    t1, {vector}",
        "csrw   stvec, t1",
        "ld     t0, 0(a1)",
        "ld     sp, 8(a1)",
        "ld     tp, 16(a1)",
        "sfence.vma",
        "csrw   satp, t0",
        "sfence.vma",
        "mv     s0, zero",
        "mv     ra, zero",
        "tail   {main}",
        vector = sym vectors::trap_vector,
        main = sym main,
    )
}

extern "C" fn main() -> ! {
    crate::boot::secondary()
}

/// What the harts and the firmware have, once.
pub fn init(machine: &machine::Machine) {
    if let Some(frequency) = machine.timer.frequency {
        super::cpu::set_frequency(frequency.into());
    }
    sbi::init();
    vcpu::probe(machine);
    let highest = machine
        .memory
        .iter()
        .map(|bank| bank.end())
        .fold(0, u64::max);
    stage2::probe(highest);
    let (mode, vmids) = stage2::describe();
    let timer = if super::timer::is_direct() {
        "Sstc"
    } else {
        "SBI"
    };
    crate::log!("{mode}, VMIDs up to {vmids}, timer by {timer}");
}
