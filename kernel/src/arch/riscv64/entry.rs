// SPDX-License-Identifier: Apache-2.0
//! From the firmware to Rust: the RISC-V Linux image header and what follows.
//!
//! Entered with a0 = hart, a1 = device tree, translation off; other harts are
//! started by [`super::smp`].

use core::arch::global_asm;
use core::sync::atomic::AtomicU64;

/// Bytes of the stack until the processor has its own.
pub(super) const BOOT_STACK: usize = 128 * 1024;

/// The hart that the firmware entered us on.
#[unsafe(no_mangle)]
pub static BOOT_HART: AtomicU64 = AtomicU64::new(0);

/// Where the kernel and its parts are, from the linker script.
pub mod image {
    unsafe extern "C" {
        static __image_start: u8;
        static __rodata_start: u8;
        static __data_start: u8;
        static __pool_start: u8;
        static __kernel_end: u8;
    }

    macro_rules! address_of {
        ($($(#[$meta:meta])* $name:ident = $symbol:ident;)*) => {
            $($(#[$meta])* #[inline] pub fn $name() -> u64 {
                (&raw const $symbol) as u64
            })*
        };
    }

    address_of! {
        start = __image_start;
        rodata = __rodata_start;
        data = __data_start;
        pool = __pool_start;
        /// End of all that is the kernel's.
        end = __kernel_end;
    }
}

// Linux's Documentation/arch/riscv/boot-image-header.rst.
global_asm!(
    r#"
    .section .head, "ax"
    .option push
    .option norelax
    .option norvc
    .global _start
_start:
    j       {boot}
    .word   0
    .dword  0x200000                    // text_offset: a multiple of 2 MiB
    .dword  __image_size       // image_size
    .dword  0                           // flags: little-endian
    .word   2                           // version 0.2
    .word   0
    .dword  0
    .ascii  "RISCV\0\0\0"
    .ascii  "RSC\005"
    .word   0
    .option pop
    "#,
    boot = sym boot,
);

#[unsafe(naked)]
unsafe extern "C" fn boot() -> ! {
    core::arch::naked_asm!(
        "csrw   sie, zero",
        "csrw   satp, zero",
        "csrci  sstatus, 2",
        // Relocations are all R_RISCV_RELATIVE: offset, type 3, addend.
        "lla    t0, _start",
        "lla    t1, __rela_start",
        "lla    t2, __rela_end",
        "1:",
        "bgeu   t1, t2, 2f",
        "ld     t3, 0(t1)",
        "ld     t4, 16(t1)",
        "add    t3, t3, t0",
        "add    t4, t4, t0",
        "sd     t4, 0(t3)",
        "addi   t1, t1, 24",
        "j      1b",
        "2:",
        "lla    t1, __bss_start",
        "lla    t2, __bss_end",
        "3:",
        "bgeu   t1, t2, 4f",
        "sd     zero, 0(t1)",
        "addi   t1, t1, 8",
        "j      3b",
        "4:",
        "lla    t1, {hart}",
        "sd     a0, 0(t1)",
        "lla    sp, {stack}",
        "li     t1, {stack_size}",
        "add    sp, sp, t1",
        "mv     tp, zero",
        "csrw   sscratch, zero",
        "lla    t1, {vector}",
        "csrw   stvec, t1",
        "mv     a0, a1",
        "mv     s0, zero",
        "mv     ra, zero",
        "tail   {main}",
        hart = sym BOOT_HART,
        stack = sym STACK,
        stack_size = const BOOT_STACK,
        vector = sym super::vectors::trap_vector,
        main = sym main,
    )
}

#[repr(C, align(16))]
pub(super) struct Stack([u8; BOOT_STACK]);

pub(super) static mut STACK: Stack = Stack([0; BOOT_STACK]);

extern "C" fn main(tree: u64) -> ! {
    crate::boot::main(tree)
}
