// SPDX-License-Identifier: Apache-2.0
//! Starts other processors: by PSCI, or by the spin-table of firmware without it.

use super::{cpu, entry, mmu, psci};
use crate::cpu::Processor;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::Enable;

/// How a processor that starts with its MMU off finds its root. Zero: nobody's.
#[repr(C)]
pub(super) struct Record {
    affinity: AtomicU64,
    root: AtomicU64,
}

pub(super) static RECORDS: [Record; abi::MAX_CPUS] = [const {
    Record {
        affinity: AtomicU64::new(0),
        root: AtomicU64::new(0),
    }
}; abi::MAX_CPUS];

/// Why a processor can not be started.
pub enum Error {
    Memory(mmu::Error),
    /// PSCI's status word.
    Firmware(i32),
    /// The device tree names no way that we know.
    NoMethod,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => write!(out, "no memory for its stack ({error:?})"),
            Self::Firmware(status) => write!(out, "the firmware refused (PSCI CPU_ON: {status})"),
            Self::NoMethod => write!(out, "the device tree does not say how"),
        }
    }
}

/// Sends `processor` to [`crate::boot::secondary`]; whether it gets there, it
/// says itself.
pub fn start(processor: &Processor, enable: Enable) -> Result<(), Error> {
    let physical = processor.physical.load(Ordering::Relaxed);
    let root = mmu::add_processor().map_err(Error::Memory)?;
    let record = RECORDS
        .get(processor.index as usize)
        .ok_or(Error::NoMethod)?;
    record.affinity.store(physical, Ordering::Relaxed);
    record.root.store(root, Ordering::Relaxed);
    cpu::clean(
        core::ptr::from_ref(record) as u64,
        size_of::<Record>() as u64,
    );
    let entry = entry::secondary_entry as *const () as u64;
    match enable {
        Enable::SpinTable(release) => {
            mmu::map_ram_pages(release, 8).map_err(Error::Memory)?;
            // SAFETY: the firmware set this word aside for this; it is mapped.
            unsafe { (release as *mut u64).write_volatile(entry) };
            cpu::clean(release, 8);
            // SAFETY: wakes those who wait in wfe.
            unsafe { core::arch::asm!("sev", options(nomem, nostack, preserves_flags)) };
            Ok(())
        }
        Enable::Psci if psci::is_there() => match psci::cpu_on(physical, entry) {
            Some(psci::SUCCESS) | None => Ok(()),
            Some(status) => Err(Error::Firmware(status)),
        },
        _ => Err(Error::NoMethod),
    }
}

/// First Rust of a started processor, on its own root and stack.
pub(super) extern "C" fn secondary() -> ! {
    let physical = cpu::firmware_number();
    match crate::cpu::find(physical) {
        Some(processor) => {
            cpu::set_this(processor);
            crate::boot::secondary()
        }
        None => cpu::halt(),
    }
}

/// The firmware's calls, once.
pub fn init(machine: &machine::Machine) {
    if let Some(psci) = machine.psci {
        psci::init(psci);
    }
}
