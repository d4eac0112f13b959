// SPDX-License-Identifier: Apache-2.0
//! The end: said on the UART whoever owns it, then the machine is off.

use crate::arch::{cpu, entry::image};
use crate::log;
use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

/// Processors that came here.
static REPORTS: AtomicU32 = AtomicU32::new(0);

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    report(format_args!("{info}"), 0, cpu::frame_pointer())
}

/// An exception that the kernel itself took, at `pc` with frame pointer `frame`.
pub fn exception(what: fmt::Arguments, pc: u64, frame: u64) -> ! {
    report(what, pc, frame)
}

fn report(what: fmt::Arguments, pc: u64, frame: u64) -> ! {
    // One report: a fault while it is made, or on another processor, ends quietly.
    if REPORTS.fetch_add(1, Ordering::Relaxed) != 0 {
        cpu::halt();
    }
    match cpu::try_this() {
        Some(this) => log::emergency(format_args!("PANIC on processor {}: {what}", this.index)),
        None => log::emergency(format_args!("PANIC before processors were known: {what}")),
    }
    // Addresses as in the ELF file, which is linked at 0.
    let offset = |address: u64| address.wrapping_sub(image::start());
    if pc != 0 {
        log::emergency(format_args!("  at {:#x}", offset(pc)));
    }
    cpu::backtrace(frame, |link| {
        log::emergency(format_args!("  from {:#x}", offset(link).wrapping_sub(4)));
    });
    cpu::machine_off()
}
