// SPDX-License-Identifier: Apache-2.0
//! EL2's exception vectors: exits from a zone, and our own faults.

use super::exit;
use super::mmu::{EMERGENCY_TOP, STACK_TOP};
use core::arch::{asm, naked_asm};

/// What a zone's processor had in its registers, at the top of the
/// processor's stack while the kernel serves the exit.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct Registers {
    pub x: [u64; 31],
    /// ELR_EL2.
    pub pc: u64,
    /// SPSR_EL2.
    pub pstate: u64,
    pub reserved: u64,
}

impl Registers {
    pub const ZERO: Self = Self {
        x: [0; 31],
        pc: 0,
        pstate: 0,
        reserved: 0,
    };
}

const SIZE: usize = size_of::<Registers>();
const _: () = assert!(SIZE == 272);

/// Saves x0 to x18 and x30 below the stack's top, where [`Registers`] begin.
macro_rules! save_short {
    () => {
        "sub    sp, sp, #{size}
         stp    x0, x1, [sp, #0]
         stp    x2, x3, [sp, #16]
         stp    x4, x5, [sp, #32]
         stp    x6, x7, [sp, #48]
         stp    x8, x9, [sp, #64]
         stp    x10, x11, [sp, #80]
         stp    x12, x13, [sp, #96]
         stp    x14, x15, [sp, #112]
         stp    x16, x17, [sp, #128]
         str    x18, [sp, #144]
         str    x30, [sp, #240]"
    };
}

/// The rest of [`Registers`].
macro_rules! save_rest {
    () => {
        "str    x19, [sp, #152]
         stp    x20, x21, [sp, #160]
         stp    x22, x23, [sp, #176]
         stp    x24, x25, [sp, #192]
         stp    x26, x27, [sp, #208]
         stp    x28, x29, [sp, #224]
         mrs    x0, elr_el2
         mrs    x1, spsr_el2
         stp    x0, x1, [sp, #248]
         mov    x0, sp"
    };
}

macro_rules! restore_rest {
    () => {
        "ldp    x0, x1, [sp, #248]
         msr    elr_el2, x0
         msr    spsr_el2, x1
         ldr    x19, [sp, #152]
         ldp    x20, x21, [sp, #160]
         ldp    x22, x23, [sp, #176]
         ldp    x24, x25, [sp, #192]
         ldp    x26, x27, [sp, #208]
         ldp    x28, x29, [sp, #224]"
    };
}

macro_rules! restore_short {
    () => {
        "ldp    x0, x1, [sp, #0]
         ldp    x2, x3, [sp, #16]
         ldp    x4, x5, [sp, #32]
         ldp    x6, x7, [sp, #48]
         ldp    x8, x9, [sp, #64]
         ldp    x10, x11, [sp, #80]
         ldp    x12, x13, [sp, #96]
         ldp    x14, x15, [sp, #112]
         ldp    x16, x17, [sp, #128]
         ldr    x18, [sp, #144]
         ldr    x30, [sp, #240]
         add    sp, sp, #{size}
         eret"
    };
}

/// An exception of our own; x0 = which vector. Nothing is kept: on to the
/// emergency stack (before there is one: the boot stack's top) with what a
/// report needs.
macro_rules! own {
    ($number:literal) => {
        concat!(
            ".balign 0x80
             mov    x0, #",
            $number,
            "
             b      9f"
        )
    };
}

#[unsafe(naked)]
#[unsafe(link_section = ".text.vectors")]
pub(super) extern "C" fn vectors() {
    naked_asm!(
        ".balign 0x800",
        own!(0),
        own!(1),
        own!(2),
        own!(3),
        own!(4),
        own!(5),
        own!(6),
        own!(7),
        // From a zone, AArch64: synchronous.
        ".balign 0x80",
        save_short!(),
        "b      7f",
        // IRQ.
        ".balign 0x80",
        save_short!(),
        "bl     {irq}",
        "cbnz   x0, 6f",
        restore_short!(),
        // FIQ: ours are all in group 1, so IRQ; taken as one.
        ".balign 0x80",
        save_short!(),
        "bl     {irq}",
        "cbnz   x0, 6f",
        restore_short!(),
        // SError.
        ".balign 0x80",
        save_short!(),
        "b      8f",
        own!(12),
        own!(13),
        own!(14),
        own!(15),
        ".balign 0x80",
        "6:",
        save_rest!(),
        "bl     {attention}",
        "b      5f",
        "7:",
        save_rest!(),
        "bl     {sync}",
        "b      5f",
        "8:",
        save_rest!(),
        "bl     {serror}",
        "5:",
        restore_rest!(),
        restore_short!(),
        "9:",
        "mov    x1, sp",
        "mov    x2, x29",
        "mrs    x3, tpidr_el2",
        "ldr    x4, ={emergency}",
        "adrp   x5, {boot}",
        "add    x5, x5, :lo12:{boot}",
        "add    x5, x5, #0x4000",
        "cmp    x3, #0",
        "csel   x4, x5, x4, eq",
        "mov    sp, x4",
        "mov    x29, xzr",
        "bl     {own}",
        size = const SIZE,
        irq = sym exit::exit_irq,
        attention = sym exit::exit_attention,
        sync = sym exit::exit_sync,
        serror = sym exit::exit_serror,
        emergency = const EMERGENCY_TOP,
        boot = sym super::entry::BOOT_STACK,
        own = sym own_exception,
    )
}

/// Whatever happens in the kernel itself ends here.
extern "C" fn own_exception(vector: u64, stack: u64, frame: u64) -> ! {
    let (syndrome, link, far): (u64, u64, u64);
    // SAFETY: reads registers that this exception set.
    unsafe {
        asm!("mrs {}, esr_el2", "mrs {}, elr_el2", "mrs {}, far_el2",
            out(reg) syndrome, out(reg) link, out(reg) far, options(nomem, nostack, preserves_flags))
    };
    crate::panic::exception(
        format_args!(
            "exception {vector}: ESR {syndrome:#x}, ELR {link:#x}, FAR {far:#x}, SP {stack:#x}"
        ),
        link,
        frame,
    )
}

/// Enters the zone with these registers; the stack starts again at its top.
///
/// # Safety
/// EL1's and the interrupt interface's registers are those of the zone that
/// owns this processor, VTTBR_EL2 is its table.
#[unsafe(naked)]
pub unsafe extern "C" fn enter_guest(registers: &Registers) -> ! {
    naked_asm!(
        "ldp    x1, x2, [x0, #248]",
        "msr    elr_el2, x1",
        "msr    spsr_el2, x2",
        "ldr    x1, ={top}",
        "mov    sp, x1",
        "ldp    x2, x3, [x0, #16]",
        "ldp    x4, x5, [x0, #32]",
        "ldp    x6, x7, [x0, #48]",
        "ldp    x8, x9, [x0, #64]",
        "ldp    x10, x11, [x0, #80]",
        "ldp    x12, x13, [x0, #96]",
        "ldp    x14, x15, [x0, #112]",
        "ldp    x16, x17, [x0, #128]",
        "ldp    x18, x19, [x0, #144]",
        "ldp    x20, x21, [x0, #160]",
        "ldp    x22, x23, [x0, #176]",
        "ldp    x24, x25, [x0, #192]",
        "ldp    x26, x27, [x0, #208]",
        "ldp    x28, x29, [x0, #224]",
        "ldr    x30, [x0, #240]",
        "ldp    x0, x1, [x0, #0]",
        "eret",
        top = const STACK_TOP,
    )
}

/// Drops what is on the stack and goes to [`crate::cpu::park`].
#[unsafe(naked)]
pub extern "C" fn leave_to_park() -> ! {
    naked_asm!(
        "ldr    x0, ={top}",
        "mov    sp, x0",
        "mov    x29, xzr",
        "mov    x30, xzr",
        "b      {park}",
        top = const STACK_TOP,
        park = sym crate::cpu::park,
    )
}
