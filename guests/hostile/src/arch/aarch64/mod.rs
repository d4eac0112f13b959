// SPDX-License-Identifier: Apache-2.0

mod entry;
pub mod forms;
pub mod gic;
pub mod psci;
pub mod registers;
pub mod translation;

pub use entry::{INTERRUPTS, change_shared, exceptions, execute, execute_shared, fetch, secondary};
pub use gic::end_interrupt;

use core::arch::asm;

/// A call as the architecture's firmware and hypervisor calls are made:
/// function and arguments in x0.., results in x0 and x1.
pub fn hvc(arguments: [u64; 6]) -> (u64, u64) {
    let [x0, x1, x2, x3, x4, x5] = arguments;
    let (status, value);
    // SAFETY: SMCCC: x0..x17 may be changed.
    unsafe {
        asm!("hvc #0", inout("x0") x0 => status, inout("x1") x1 => value,
            inout("x2") x2 => _, inout("x3") x3 => _, inout("x4") x4 => _, inout("x5") x5 => _,
            out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _, out("x11") _,
            out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _);
    }
    (status, value)
}

pub fn smc(arguments: [u64; 6]) -> (u64, u64) {
    let [x0, x1, x2, x3, x4, x5] = arguments;
    let (status, value);
    // SAFETY: as in `hvc`.
    unsafe {
        asm!("smc #0", inout("x0") x0 => status, inout("x1") x1 => value,
            inout("x2") x2 => _, inout("x3") x3 => _, inout("x4") x4 => _, inout("x5") x5 => _,
            out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _, out("x11") _,
            out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _);
    }
    (status, value)
}

/// A hypercall of ours.
pub fn hypercall(function: u64, arguments: [u64; 5]) -> (i64, u64) {
    let [a, b, c, d, e] = arguments;
    let (status, value) = hvc([
        abi::hypercall::AARCH64_BASE.wrapping_add(function),
        a,
        b,
        c,
        d,
        e,
    ]);
    (status as i64, value)
}

pub fn now() -> u64 {
    let value;
    // SAFETY: reads a counter.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nomem, nostack)) };
    value
}

pub fn frequency() -> u64 {
    let value;
    // SAFETY: reads a constant.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) value, options(nomem, nostack)) };
    value
}

/// PSCI (DEN 0022).
pub mod firmware {
    pub const CPU_SUSPEND: u64 = 0xc400_0001;
    pub const CPU_OFF: u64 = 0x8400_0002;
    pub const CPU_ON: u64 = 0xc400_0003;
    pub const AFFINITY_INFO: u64 = 0xc400_0004;
    pub const SYSTEM_OFF: u64 = 0x8400_0008;
    pub const SYSTEM_RESET: u64 = 0x8400_0009;
    /// Functions that do not come back; not called at random.
    pub const FINAL: [u64; 5] = [CPU_OFF, SYSTEM_OFF, SYSTEM_RESET, 0xc400_0012, CPU_SUSPEND];

    pub fn power_off() -> ! {
        super::hvc([SYSTEM_OFF, 0, 0, 0, 0, 0]);
        super::smc([SYSTEM_OFF, 0, 0, 0, 0, 0]);
        loop {
            core::hint::spin_loop();
        }
    }
}

/// A load of `width` (1, 2, 4 or 8) bytes, in the form that reports a syndrome.
pub fn read(address: u64, width: u8) -> u64 {
    let value: u64;
    // SAFETY: every address is allowed here by the purpose of the program.
    unsafe {
        match width {
            1 => asm!("ldrb {0:w}, [{1}]", out(reg) value, in(reg) address),
            2 => asm!("ldrh {0:w}, [{1}]", out(reg) value, in(reg) address),
            4 => asm!("ldr {0:w}, [{1}]", out(reg) value, in(reg) address),
            _ => asm!("ldr {0}, [{1}]", out(reg) value, in(reg) address),
        }
    }
    value
}

/// Such a store.
pub fn write(address: u64, width: u8, value: u64) {
    // SAFETY: as in `read`; addresses of RAM are those of `Platform::scratch`.
    unsafe {
        match width {
            1 => asm!("strb {0:w}, [{1}]", in(reg) value, in(reg) address),
            2 => asm!("strh {0:w}, [{1}]", in(reg) value, in(reg) address),
            4 => asm!("str {0:w}, [{1}]", in(reg) value, in(reg) address),
            _ => asm!("str {0}, [{1}]", in(reg) value, in(reg) address),
        }
    }
}
