// SPDX-License-Identifier: Apache-2.0
//! Reset, exceptions, and code that is made while it runs. The MMU is off.

use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};

global_asm!(
    r#"
    .section .head, "ax"
    .global _start
_start:
    b       1f
    .long   0
    .quad   0
    .quad   __image_size
    .quad   0b0010
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
1:  mov     x19, x0
    adrp    x1, __stack_top
    mov     sp, x1
    bl      prepare_processor
    // Relocate (R_AARCH64_RELATIVE only).
    adrp    x0, __image_start
    adrp    x1, __rela_start
    add     x1, x1, :lo12:__rela_start
    adrp    x2, __rela_end
    add     x2, x2, :lo12:__rela_end
2:  cmp     x1, x2
    b.hs    3f
    ldp     x3, x4, [x1], #16
    ldr     x5, [x1], #8
    add     x5, x5, x0
    str     x5, [x0, x3]
    b       2b
3:  adrp    x1, __bss_start
    adrp    x2, __bss_end
4:  cmp     x1, x2
    b.hs    5f
    stp     xzr, xzr, [x1], #16
    b       4b
5:  mov     x0, x19
    bl      start
6:  wfi
    b       6b

    .global secondary_entry
secondary_entry:
    mov     x19, x0
    adrp    x1, __second_stack_top
    mov     sp, x1
    bl      prepare_processor
    mov     x0, x19
    bl      start_secondary
7:  wfi
    b       7b

prepare_processor:
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1
    isb
    ret

    .section .text.vectors, "ax"
    .balign 2048
vectors:
    .rept 4
    .balign 128
    b       exception_synchronous
    .balign 128
    b       exception_interrupt
    .balign 128
    b       exception_interrupt
    .balign 128
    b       exception_interrupt
    .endr

// Skips the instruction, or goes to where `RECOVER` says.
exception_synchronous:
    stp     x0, x1, [sp, #-16]!
    adrp    x0, EXCEPTIONS
    add     x0, x0, :lo12:EXCEPTIONS
    ldr     x1, [x0]
    add     x1, x1, #1
    str     x1, [x0]
    mrs     x1, elr_el1
    add     x1, x1, #4
    adrp    x0, RECOVER
    add     x0, x0, :lo12:RECOVER
    ldr     x0, [x0]
    cmp     x0, #0
    csel    x1, x0, x1, ne
    msr     elr_el1, x1
    ldp     x0, x1, [sp], #16
    eret

exception_interrupt:
    stp     x0, x1, [sp, #-176]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x0, elr_el1
    mrs     x1, spsr_el1
    stp     x0, x1, [sp, #160]
    bl      interrupt
    ldp     x0, x1, [sp, #160]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x30, [sp, #144]
    ldp     x0, x1, [sp], #176
    eret

    // x0: instruction word's address; x1: operand, passed in x0 and returned in x0.
    // x19 is kept; everything else may be lost.
    .section .text.try_code, "ax"
    .global try_code
try_code:
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mov     x19, sp
    mov     x9, x0
    mov     x0, x1
    mov     x2, xzr
    blr     x9
    mov     sp, x19
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #96
    ret
"#
);

/// Synchronous exceptions that this guest took.
#[unsafe(no_mangle)]
static EXCEPTIONS: AtomicU64 = AtomicU64::new(0);
/// Where they return to; 0: behind the instruction.
#[unsafe(no_mangle)]
static RECOVER: AtomicU64 = AtomicU64::new(0);

/// Interrupts taken.
pub static INTERRUPTS: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    fn try_code(code: u64, operand: u64) -> u64;
    fn secondary_entry() -> !;
}

pub fn exceptions() -> u64 {
    EXCEPTIONS.load(Ordering::Relaxed)
}

pub fn secondary() -> u64 {
    secondary_entry as *const () as u64
}

#[unsafe(no_mangle)]
extern "C" fn start(tree: u64) -> ! {
    crate::case::main(tree)
}

#[unsafe(no_mangle)]
extern "C" fn start_secondary(argument: u64) -> ! {
    crate::case::secondary(argument)
}

#[unsafe(no_mangle)]
extern "C" fn interrupt() {
    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
    super::end_interrupt();
}

/// Room for an instruction and a return.
#[repr(C, align(64))]
struct Code(core::cell::UnsafeCell<[u32; 16]>);
// SAFETY: only the first processor writes it.
unsafe impl Sync for Code {}
static CODE: Code = Code(core::cell::UnsafeCell::new([RETURN; 16]));
const RETURN: u32 = 0xd65f_03c0;

/// Runs one instruction word with `operand` in x0; x0 after it, and whether it
/// ran without an exception.
pub fn execute(word: u32, operand: u64) -> (u64, bool) {
    let before = exceptions();
    let at = CODE.0.get().cast::<u32>();
    // SAFETY: the code is this processor's, and `try_code` keeps what it has to
    // keep unless the instruction itself changes it, which callers avoid.
    let value = unsafe {
        at.write_volatile(word);
        core::arch::asm!(
            "dc cvau, {0}", "dsb ish", "ic ivau, {0}", "dsb ish", "isb", in(reg) at
        );
        try_code(at as u64, operand)
    };
    (value, exceptions() == before)
}

/// Goes to `address` and comes back by an exception or a return.
pub fn fetch(address: u64) {
    // SAFETY: the purpose of the program.
    unsafe {
        try_code(address, 0);
    }
}

/// Two instructions that a second processor exchanges while they run.
const LOAD: u32 = 0xb940_0000; // ldr w0, [x0]
const LOAD_PAIR: u32 = 0x2940_0400; // ldp w0, w1, [x0]
static SHARED: Code = Code(core::cell::UnsafeCell::new([RETURN; 16]));

/// Runs whatever is there just now with `operand` in x0.
pub fn execute_shared(operand: u64) {
    let at = SHARED.0.get() as u64;
    // SAFETY: as in `execute`; both contents are harmless to ourselves.
    unsafe {
        try_code(at, operand);
    }
}

pub fn change_shared() {
    let at = SHARED.0.get().cast::<u32>();
    for word in [LOAD, LOAD_PAIR] {
        // SAFETY: a word, written at once; the second word stays a return.
        unsafe {
            at.write_volatile(word);
            core::arch::asm!("dc cvau, {0}", "dsb ish", "ic ivau, {0}", "dsb ish", "isb", in(reg) at);
        }
    }
}
