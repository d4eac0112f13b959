// SPDX-License-Identifier: Apache-2.0
//! This processor.

use super::{csr, entry, firmware};
use crate::cpu::Processor;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

/// Ticks per second; the device tree says it.
static FREQUENCY: AtomicU64 = AtomicU64::new(10_000_000);

/// This processor's entry (tp).
#[inline]
pub fn this() -> &'static Processor {
    let address: *const Processor;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, tp", out(reg) address, options(nomem, nostack, preserves_flags)) };
    // SAFETY: `set_this` put a static entry there, before anybody asks.
    unsafe { &*address }
}

/// The same, if it is known already.
pub fn try_this() -> Option<&'static Processor> {
    let address: *const Processor;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, tp", out(reg) address, options(nomem, nostack, preserves_flags)) };
    // SAFETY: entry put null there, `set_this` a static entry.
    unsafe { address.as_ref() }
}

/// Makes `processor` this one's entry.
pub fn set_this(processor: &'static Processor) {
    let address: *const Processor = processor;
    // SAFETY: compiled code leaves tp alone (there is no thread-local storage).
    unsafe { asm!("mv tp, {}", in(reg) address, options(nomem, nostack, preserves_flags)) };
}

/// The hart.
pub fn firmware_number() -> u64 {
    match try_this() {
        Some(this) => this.physical.load(Ordering::Relaxed),
        None => entry::BOOT_HART.load(Ordering::Relaxed),
    }
}

/// Sleeps until an interrupt is pending, masked or not.
#[inline]
pub fn wait_for_interrupt() {
    // SAFETY: waits.
    unsafe { asm!("wfi", options(nostack, preserves_flags)) };
}

/// Ticks of the machine's timer.
#[inline]
pub fn now() -> u64 {
    csr::read!("time")
}

/// Ticks per second.
pub fn frequency() -> u64 {
    FREQUENCY.load(Ordering::Relaxed)
}

/// The device tree's time base.
pub fn set_frequency(frequency: u64) {
    FREQUENCY.store(frequency, Ordering::Relaxed);
}

/// Ticks of so many microseconds.
pub fn ticks(microseconds: u64) -> u64 {
    frequency().saturating_mul(microseconds) / 1_000_000
}

/// Waits, in microseconds.
pub fn delay(microseconds: u64) {
    let ticks = ticks(microseconds);
    let start = now();
    while now().wrapping_sub(start) < ticks {
        core::hint::spin_loop();
    }
}

/// Asks the firmware to switch the machine off; halts if it does not.
pub fn machine_off() -> ! {
    firmware::shut_down();
    halt()
}

/// Stops this processor for good.
pub fn halt() -> ! {
    csr::write!("sie", 0);
    loop {
        wait_for_interrupt();
    }
}

/// The caller's frame pointer.
#[inline(always)]
pub fn frame_pointer() -> u64 {
    let frame: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, s0", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

/// Calls `visit` with the return addresses from `frame` on, the innermost first.
pub fn backtrace(mut frame: u64, mut visit: impl FnMut(u64)) {
    for _ in 0..32 {
        let below = frame.wrapping_sub(16);
        if frame % 8 != 0 || !super::mmu::on_stack(below) {
            return;
        }
        // SAFETY: inside a mapped stack; the frame pointer points behind the
        // saved return address and the caller's frame pointer.
        let (caller, address) = unsafe {
            let pair = below as *const u64;
            (pair.read(), pair.add(1).read())
        };
        visit(address);
        if caller <= frame {
            return;
        }
        frame = caller;
    }
}

/// Makes what was written before visible before a kick arrives.
pub fn publish() {
    // SAFETY: a fence.
    unsafe { asm!("fence rw, rw", options(nostack, preserves_flags)) };
}

/// Caches are coherent for all observers here (or the platform's own affair).
pub fn clean(_address: u64, _size: u64) {}

/// As [`clean`].
pub fn clean_invalidate(_address: u64, _size: u64) {}

/// Makes instructions written to [address, +size) visible: to this processor's
/// fetches here, to another's when it enters its zone ([`super::vcpu`]).
pub fn sync_instructions(_address: u64, _size: u64) {
    // SAFETY: a fence.
    unsafe { asm!("fence rw, rw", "fence.i", options(nostack, preserves_flags)) };
}
