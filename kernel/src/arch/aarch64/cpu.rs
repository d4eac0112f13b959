// SPDX-License-Identifier: Apache-2.0
//! This processor.

use super::mmu;
use super::psci;
use crate::cpu::Processor;
use core::arch::asm;

/// Affinity fields of MPIDR_EL1.
pub const AFFINITY: u64 = 0xff_00ff_ffff;

/// This processor's entry (TPIDR_EL2), once it has one.
#[inline]
pub fn try_this() -> Option<&'static Processor> {
    // SAFETY: TPIDR_EL2 is zero or what `set_this` wrote.
    unsafe {
        let pointer: *const Processor;
        asm!("mrs {}, tpidr_el2", out(reg) pointer, options(nomem, nostack, preserves_flags));
        pointer.as_ref()
    }
}

/// This processor's entry; valid after [`set_this`], which boot does first.
#[inline]
pub fn this() -> &'static Processor {
    // SAFETY: `set_this` came before all that asks.
    unsafe {
        let pointer: *const Processor;
        asm!("mrs {}, tpidr_el2", out(reg) pointer, options(nomem, nostack, preserves_flags));
        &*pointer
    }
}

/// Makes `processor` this one's entry.
pub fn set_this(processor: &'static Processor) {
    // SAFETY: nobody but us uses TPIDR_EL2.
    unsafe { write_register!("tpidr_el2", core::ptr::from_ref(processor) as u64) }
}

/// MPIDR_EL1's affinity fields.
pub fn firmware_number() -> u64 {
    // SAFETY: a read without effects.
    unsafe { read_register!("mpidr_el1") & AFFINITY }
}

/// Sleeps until an interrupt is pending, masked or not.
#[inline]
pub fn wait_for_interrupt() {
    // SAFETY: waits; what was written before is seen by who wakes us.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) }
}

/// Ticks of the physical counter.
#[inline]
pub fn now() -> u64 {
    // SAFETY: a read without effects; isb: not read in advance.
    unsafe {
        asm!("isb", options(nostack, preserves_flags));
        read_register!("cntpct_el0")
    }
}

/// As [`now`], perhaps read some instructions early.
#[inline]
pub fn counter() -> u64 {
    // SAFETY: a read without effects.
    unsafe { read_register!("cntpct_el0") }
}

/// Ticks per second, as the firmware set it.
pub fn frequency() -> u64 {
    // SAFETY: a read without effects.
    unsafe { read_register!("cntfrq_el0") }
}

/// Ticks in so many microseconds, one at least.
pub fn ticks(microseconds: u64) -> u64 {
    (microseconds.saturating_mul(frequency()) / 1_000_000).max(1)
}

/// Waits, in microseconds.
pub fn delay(microseconds: u64) {
    let start = now();
    while now().wrapping_sub(start) < ticks(microseconds) {
        core::hint::spin_loop();
    }
}

/// Asks the firmware to switch the machine off; halts if it does not.
pub fn machine_off() -> ! {
    psci::system_off();
    halt()
}

/// Stops this processor for good.
pub fn halt() -> ! {
    loop {
        wait_for_interrupt();
    }
}

/// Calls `visit` with the return addresses on this processor's stack, from
/// frame pointer `frame` outwards. Frames elsewhere end it.
pub fn backtrace(frame: u64, mut visit: impl FnMut(u64)) {
    let mut frame = frame;
    for _ in 0..32 {
        if !mmu::on_stack(frame) || frame & 15 != 0 {
            return;
        }
        // SAFETY: 16 bytes at an aligned address of a stack that is mapped here.
        let [next, link] = unsafe { (frame as *const [u64; 2]).read_volatile() };
        if link == 0 {
            return;
        }
        visit(link);
        if next <= frame {
            return;
        }
        frame = next;
    }
}

/// The frame pointer of the caller.
#[inline(always)]
pub fn frame_pointer() -> u64 {
    let frame;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

/// Smallest line of the data (shift 16) or instruction (shift 0) caches, in bytes.
fn line_size(shift: u32) -> u64 {
    // SAFETY: a read without effects.
    let log2_words = unsafe { read_register!("ctr_el0") } >> shift & 0xf;
    4 << log2_words
}

macro_rules! for_lines {
    ($instruction:literal, $shift:literal, $address:expr, $size:expr) => {{
        let step = line_size($shift);
        let end = $address.saturating_add($size);
        let mut at = $address & !step.wrapping_sub(1);
        while at < end {
            // SAFETY: maintenance of lines that callers own, by address.
            unsafe { asm!(concat!($instruction, ", {}"), in(reg) at, options(nostack, preserves_flags)) };
            at = at.wrapping_add(step);
        }
    }};
}

/// Writes lines back to the point of coherency, for observers without caches.
pub fn clean(address: u64, size: u64) {
    for_lines!("dc cvac", 16, address, size);
    barrier();
}

/// Writes back and drops lines, to the point of coherency.
pub fn clean_invalidate(address: u64, size: u64) {
    for_lines!("dc civac", 16, address, size);
    barrier();
}

/// Makes instructions written to [address, +size) visible to every processor's
/// fetches.
pub fn sync_instructions(address: u64, size: u64) {
    for_lines!("dc cvau", 16, address, size);
    barrier();
    for_lines!("ic ivau", 0, address, size);
    barrier();
}

/// All before is done, for everybody, and instructions after see it.
#[inline]
pub fn barrier() {
    // SAFETY: only waits.
    unsafe { asm!("dsb sy", "isb", options(nostack, preserves_flags)) }
}

/// Makes writes before visible to processors that an interrupt sent after wakes.
#[inline]
pub fn publish() {
    // SAFETY: only waits.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) }
}
