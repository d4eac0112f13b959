// SPDX-License-Identifier: Apache-2.0
//! This processor.

use crate::cpu::Processor;

/// This processor's entry (TPIDR_EL2).
#[inline]
pub fn this() -> &'static Processor {
    loop {}
}

/// Makes `processor` this one's entry.
pub fn set_this(_processor: &'static Processor) {}

/// MPIDR_EL1's affinity fields.
pub fn firmware_number() -> u64 {
    0
}

/// Sleeps until an interrupt is pending, masked or not.
#[inline]
pub fn wait_for_interrupt() {}

/// Ticks of the physical counter.
#[inline]
pub fn now() -> u64 {
    0
}

/// Ticks per second.
pub fn frequency() -> u64 {
    0
}

/// Waits, in microseconds.
pub fn delay(_microseconds: u64) {}

/// Asks the firmware to switch the machine off; halts if it does not.
pub fn machine_off() -> ! {
    halt()
}

/// Stops this processor for good.
pub fn halt() -> ! {
    loop {
        wait_for_interrupt();
    }
}

/// Calls `visit` with the return addresses on this stack, the innermost first.
pub fn backtrace(_visit: impl FnMut(u64)) {}

/// Writes lines back to the point of coherency, for observers without caches.
pub fn clean(_address: u64, _size: u64) {}

/// Writes back and drops lines, to the point of coherency.
pub fn clean_invalidate(_address: u64, _size: u64) {}

/// Makes instructions written to [address, +size) visible to every processor's
/// fetches.
pub fn sync_instructions(_address: u64, _size: u64) {}
