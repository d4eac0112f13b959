// SPDX-License-Identifier: Apache-2.0
//! Traps, and the way back.
//!
//! `sscratch` is 0 in the kernel and the address of [`Registers`] while the
//! zone runs. Interrupts take a short path that saves what a call may change.

use super::mmu;
use core::arch::naked_asm;
use core::mem::offset_of;

/// What a zone's processor had in its registers, at the top of the
/// processor's stack while the kernel serves the exit.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct Registers {
    /// x0 is 0; x2 to x4 included.
    pub x: [u64; 32],
    pub pc: u64,
    pub sstatus: u64,
    pub hstatus: u64,
    /// tp of the kernel.
    processor: u64,
}

const SIZE: usize = size_of::<Registers>();
const PC: usize = offset_of!(Registers, pc);
const SSTATUS: usize = offset_of!(Registers, sstatus);
const HSTATUS: usize = offset_of!(Registers, hstatus);
const PROCESSOR: usize = offset_of!(Registers, processor);
/// Where they are, on every processor.
const PLACE: u64 = mmu::STACK_TOP - SIZE as u64;

impl Registers {
    pub const ZERO: Self = Self {
        x: [0; 32],
        pc: 0,
        sstatus: 0,
        hstatus: 0,
        processor: 0,
    };

    /// A register's value; x0 and numbers that are none read 0.
    #[inline]
    pub fn get(&self, register: u8) -> u64 {
        self.x.get(usize::from(register)).copied().unwrap_or(0)
    }

    /// Writes to x0 are ignored.
    #[inline]
    pub fn set(&mut self, register: u8, value: u64) {
        if register != 0
            && let Some(slot) = self.x.get_mut(usize::from(register))
        {
            *slot = value;
        }
    }
}

/// Loads or stores registers at sp, by number.
macro_rules! move_registers {
    ($operation:literal: $($number:literal)*) => {
        concat!($($operation, " x", $number, ", 8*", $number, "(sp)\n"),*)
    };
}

/// Where every trap enters (direct mode).
#[unsafe(naked)]
#[unsafe(link_section = ".text.trap_vector")]
pub unsafe extern "C" fn trap_vector() -> ! {
    naked_asm!(
        "csrrw  sp, sscratch, sp",
        "beqz   sp, {kernel_trap}",
        move_registers!("sd": 1 4 5 6 7 10 11 12 13 14 15 16 17 28 29 30 31),
        "csrrw  t0, sscratch, zero",
        "sd     t0, 8*2(sp)",
        "ld     tp, {processor}(sp)",
        "csrr   t0, scause",
        "bgez   t0, 2f",
        "call   {exit_irq}",
        "bnez   a0, 1f",
        "csrw   sscratch, sp",
        move_registers!("ld": 1 4 5 6 7 10 11 12 13 14 15 16 17 28 29 30 31),
        "ld     sp, 8*2(sp)",
        "sret",
        "1:",
        "lla    t1, {exit_attention}",
        "j      3f",
        "2:",
        "lla    t1, {exit_sync}",
        "3:",
        move_registers!("sd": 3 8 9 18 19 20 21 22 23 24 25 26 27),
        "csrr   t0, sepc",
        "sd     t0, {pc}(sp)",
        "csrr   t0, sstatus",
        "sd     t0, {sstatus}(sp)",
        "csrr   t0, hstatus",
        "sd     t0, {hstatus}(sp)",
        "mv     a0, sp",
        // For backtraces: nothing is below.
        "mv     s0, zero",
        "lla    ra, {resume}",
        "jr     t1",
        kernel_trap = sym kernel_trap_vector,
        processor = const PROCESSOR,
        exit_irq = sym super::exit::exit_irq,
        exit_attention = sym super::exit::exit_attention,
        exit_sync = sym super::exit::exit_sync,
        pc = const PC,
        sstatus = const SSTATUS,
        hstatus = const HSTATUS,
        resume = sym resume,
    )
}

/// Back into the zone with the [`Registers`] at sp.
#[unsafe(naked)]
unsafe extern "C" fn resume() -> ! {
    naked_asm!(
        "ld     t0, {pc}(sp)",
        "csrw   sepc, t0",
        "ld     t0, {sstatus}(sp)",
        "csrw   sstatus, t0",
        "ld     t0, {hstatus}(sp)",
        "csrw   hstatus, t0",
        "csrw   sscratch, sp",
        move_registers!("ld": 1 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
        "ld     sp, 8*2(sp)",
        "sret",
        pc = const PC,
        sstatus = const SSTATUS,
        hstatus = const HSTATUS,
    )
}

/// A trap in the kernel: on a stack of its own, for the other may be full.
#[unsafe(naked)]
unsafe extern "C" fn kernel_trap_vector() -> ! {
    naked_asm!(
        "csrr   sp, satp",
        "beqz   sp, 1f",
        "li     sp, {emergency}",
        "j      2f",
        "1:",
        "lla    sp, {boot_emergency}",
        "addi   sp, sp, 2040",
        "addi   sp, sp, 8",
        "2:",
        "addi   sp, sp, -{size}",
        move_registers!("sd": 1 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
        "csrrw  t0, sscratch, zero",
        "sd     t0, 8*2(sp)",
        "csrr   t0, sepc",
        "sd     t0, {pc}(sp)",
        "mv     a0, sp",
        "call   {kernel_trap}",
        "ld     t0, {pc}(sp)",
        "csrw   sepc, t0",
        move_registers!("ld": 1 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
        "ld     sp, 8*2(sp)",
        "sret",
        emergency = const mmu::EMERGENCY_TOP,
        boot_emergency = sym BOOT_EMERGENCY,
        size = const SIZE,
        pc = const PC,
        kernel_trap = sym super::exception::kernel_trap,
    )
}

#[repr(C, align(16))]
struct Emergency([u8; 2048]);

/// While translation is off.
static mut BOOT_EMERGENCY: Emergency = Emergency([0; 2048]);

/// Enters the zone with these registers; the stack starts again at its top.
///
/// # Safety
/// The guest's CSRs and `hgatp` are those of the zone that owns this processor.
pub unsafe fn enter_guest(registers: &Registers) -> ! {
    let mut registers = *registers;
    let processor: *const crate::cpu::Processor = crate::cpu::this();
    registers.processor = processor as u64;
    // SAFETY: the place is this processor's stack top, beyond this call's frame
    // (see `leave`); all that is on the stack is left behind.
    unsafe {
        core::arch::asm!(
            "mv     sp, {place}",
            "j      {resume}",
            place = in(reg) place(&registers),
            resume = sym resume,
            options(noreturn)
        )
    }
}

/// Copies registers to their place.
fn place(registers: &Registers) -> u64 {
    // SAFETY: mapped in every processor's own table, and no frame reaches it:
    // stacks start below (`smp`, `leave_to_park`).
    unsafe { (PLACE as *mut Registers).write(*registers) };
    PLACE
}

/// Where a processor's stack starts: below the guest's registers.
pub const STACK_START: u64 = PLACE;

/// Drops what is on the stack and goes to [`crate::cpu::park`].
pub fn leave_to_park() -> ! {
    // SAFETY: nothing on the stack is used again.
    unsafe {
        core::arch::asm!(
            "li     sp, {start}",
            "mv     s0, zero",
            "mv     ra, zero",
            "j      {park}",
            start = const STACK_START,
            park = sym crate::cpu::park,
            options(noreturn)
        )
    }
}
