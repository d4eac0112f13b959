// SPDX-License-Identifier: Apache-2.0
//! Reads a guest's instruction through its own translation; the fetch itself
//! may fault.

use core::arch::asm;

unsafe extern "C" {
    static fetch_start: u8;
    static fetch_end: u8;
    static fetch_failed: u8;
}

core::arch::global_asm!(
    r#"
    .section .text.fetch, "ax"
    .option push
    .option arch, +h
    .global fetch_start, fetch_end, fetch_failed
    // a0 = address; a0 = half-word, a1 = 0, or a1 = 1 after a fault.
    .type fetch_half, @function
fetch_half:
    li      a1, 0
fetch_start:
    hlvx.hu a0, (a0)
fetch_end:
    ret
fetch_failed:
    li      a1, 1
    ret
    .option pop
    "#
);

unsafe extern "C" {
    fn fetch_half();
}

/// Where to go on after an exception at `pc`, if it was the fetch.
pub fn recover(pc: u64) -> Option<u64> {
    let start = (&raw const fetch_start) as u64;
    let end = (&raw const fetch_end) as u64;
    (start..end)
        .contains(&pc)
        .then(|| (&raw const fetch_failed) as u64)
}

/// The instruction at guest-virtual `address`, with the guest's privilege
/// (hstatus.SPVP); `None` if one of its halves can not be fetched.
///
/// Traps taken here overwrite sepc, sstatus and hstatus: the exit path has
/// saved the guest's.
pub fn instruction(address: u64) -> Option<u32> {
    let low = half(address)?;
    if low & 3 != 3 {
        return Some(low.into());
    }
    let high = half(address.wrapping_add(2))?;
    Some(u32::from(high) << 16 | u32::from(low))
}

/// A double word of the guest's data at a virtual address, in its own mode.
pub fn double_word(address: u64) -> Option<u64> {
    let mut value = 0;
    for part in (0..4).rev() {
        value = value << 16 | u64::from(half(address.wrapping_add(2 * part))?);
    }
    Some(value)
}

fn half(address: u64) -> Option<u16> {
    let value: u64;
    let failed: u64;
    // SAFETY: HLVX reads with the guest's permission, through its translation;
    // a fault ends at `fetch_failed`.
    unsafe {
        asm!(
            "call {fetch}",
            fetch = sym fetch_half,
            inout("a0") address => value,
            out("a1") failed,
            out("ra") _,
            options(nostack, readonly)
        );
    }
    (failed == 0).then_some(value as u16)
}
