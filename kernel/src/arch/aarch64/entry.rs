// SPDX-License-Identifier: Apache-2.0
//! From the firmware to Rust: the arm64 Linux image header
//! (Documentation/arch/arm64/booting.rst) and what follows.
//!
//! Entered at EL2, MMU off, x0 = device tree. Entered at another level there
//! is neither a console that is known to be mapped nor a device tree that was
//! looked at, so nothing can be said: the processor waits at `wrong_level`,
//! where a debugger finds it.
//!
//! With the MMU off memory is not cached, and exclusives on it are not
//! defined; so only bss is cleared, the image relocated and the first tables
//! made ([`super::mmu::first_tables`]) before it is switched on. What was
//! written until then is dropped from the caches, which may hold older lines.

use core::arch::{global_asm, naked_asm};

/// Bytes of the stack that only the way to the final one uses.
pub(super) const BOOT_STACK_SIZE: usize = 32 * 1024;

#[repr(C, align(16))]
pub(super) struct BootStack([u8; BOOT_STACK_SIZE]);
pub(super) static mut BOOT_STACK: BootStack = BootStack([0; BOOT_STACK_SIZE]);

/// Where the kernel and its parts are, from the linker script.
pub mod image {
    unsafe extern "C" {
        static __image_start: u8;
        static __rodata_start: u8;
        static __data_start: u8;
        static __bss_end: u8;
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

global_asm!(
    r#"
    .section .head, "ax"
    .global _start
_start:
    b       2f
    .long   0
    .quad   0                   // text_offset
    .quad   __image_size
    .quad   0xa                 // little-endian, 4 KiB pages, anywhere
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

2:  msr     daifset, #15
    mov     x19, x0
    mrs     x0, CurrentEL
    cmp     x0, #0x8
    b.ne    wrong_level

    // A known state: MMU and caches off, no trap of ours, AArch64 below.
    ldr     x0, ={sctlr_off}
    msr     sctlr_el2, x0
    mov     x0, #(1 << 31)
    msr     hcr_el2, x0
    msr     tpidr_el2, xzr
    isb

    // The loader cleaned the image, but what bss was may still be in caches.
    adrp    x0, __rodata_start
    adrp    x1, __bss_end
    bl      clean_invalidate

    adrp    x0, __bss_start
    add     x0, x0, :lo12:__bss_start
    adrp    x1, __bss_end
3:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    3b

    // R_AARCH64_RELATIVE: *(base + offset) = base + addend.
    adrp    x0, __image_start
    adrp    x1, __rela_start
    add     x1, x1, :lo12:__rela_start
    adrp    x2, __rela_end
    add     x2, x2, :lo12:__rela_end
4:  cmp     x1, x2
    b.hs    5f
    ldp     x3, x4, [x1]
    ldr     x5, [x1, #16]
    add     x1, x1, #24
    cmp     w4, #1027
    b.ne    4b
    add     x5, x5, x0
    str     x5, [x0, x3]
    b       4b

5:  adrp    x0, {stack}
    add     x0, x0, :lo12:{stack}
    add     sp, x0, {stack_size}
    mov     x29, xzr
    adrp    x0, {vectors}
    add     x0, x0, :lo12:{vectors}
    msr     vbar_el2, x0
    mov     x0, x19
    bl      {first_tables}
    mov     x20, x0

    adrp    x0, __rodata_start
    adrp    x1, __bss_end
    bl      clean_invalidate

    mov     x0, x20
    bl      {enable}
    mov     x0, x19
    bl      {main}

wrong_level:
    wfe
    b       wrong_level

// Cleans and drops [x0, x1) to the point of coherency.
clean_invalidate:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x3, x3, x2
    sub     x2, x3, #1
    bic     x0, x0, x2
    dsb     sy
6:  dc      civac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    6b
    dsb     sy
    ret
"#,
    sctlr_off = const super::mmu::SCTLR_OFF,
    stack = sym BOOT_STACK,
    stack_size = const BOOT_STACK_SIZE,
    vectors = sym super::vectors::vectors,
    first_tables = sym super::mmu::first_tables,
    enable = sym super::mmu::enable,
    main = sym crate::boot::main,
);

/// Where PSCI or a spin-table sends the other processors: MMU off, x0 of no
/// meaning. Finds this processor's [`super::smp::Record`] by its MPIDR.
#[unsafe(naked)]
pub(super) extern "C" fn secondary_entry() -> ! {
    naked_asm!(
        "msr    daifset, #15",
        "mrs    x0, CurrentEL",
        "cmp    x0, #0x8",
        "b.ne   4f",
        "ldr    x0, ={sctlr_off}",
        "msr    sctlr_el2, x0",
        "mov    x0, #(1 << 31)",
        "msr    hcr_el2, x0",
        "msr    tpidr_el2, xzr",
        "isb",
        "mrs    x1, mpidr_el1",
        "and    x2, x1, #0xffffff",
        "and    x1, x1, #0xff00000000",
        "orr    x1, x1, x2",
        "adrp   x2, {records}",
        "add    x2, x2, :lo12:{records}",
        "mov    x3, #{count}",
        "2:",
        "ldp    x4, x0, [x2], #16",
        "cmp    x4, x1",
        "ccmp   x0, #0, #4, eq",
        "b.ne   3f",
        "subs   x3, x3, #1",
        "b.ne   2b",
        "b      4f",
        "3:",
        "adrp   x1, {vectors}",
        "add    x1, x1, :lo12:{vectors}",
        "msr    vbar_el2, x1",
        "bl     {enable}",
        "ldr    x0, ={top}",
        "mov    sp, x0",
        "mov    x29, xzr",
        "bl     {secondary}",
        "4:",
        "wfe",
        "b      4b",
        sctlr_off = const super::mmu::SCTLR_OFF,
        records = sym super::smp::RECORDS,
        count = const abi::MAX_CPUS,
        vectors = sym super::vectors::vectors,
        enable = sym super::mmu::enable,
        top = const super::mmu::STACK_TOP,
        secondary = sym super::smp::secondary,
    )
}
