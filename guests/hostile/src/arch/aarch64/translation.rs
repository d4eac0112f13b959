// SPDX-License-Identifier: Apache-2.0
//! Stage-1 translation with tables where none should be.

use core::arch::asm;

/// Turns on the MMU with `table` as TTBR0 (4 KiB, 48 bits), without an entry
/// of it being checked by anyone. Comes back only if the table maps this code.
pub fn enable(table: u64) {
    // SAFETY: the purpose of the program.
    unsafe {
        asm!(
            "msr mair_el1, {mair}",
            "msr tcr_el1, {tcr}",
            "msr ttbr0_el1, {table}",
            "isb",
            "tlbi vmalle1",
            "dsb ish",
            "mrs {scratch}, sctlr_el1",
            "orr {scratch}, {scratch}, #1",
            "msr sctlr_el1, {scratch}",
            "isb",
            mair = in(reg) 0xffu64,
            tcr = in(reg) 16u64 | 1 << 23 | 0b101 << 32 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12,
            table = in(reg) table,
            scratch = out(reg) _,
        );
    }
}

/// Fills a level 0 table at `table`, of which every entry is `entry`.
pub fn fill(table: u64, entry: u64) {
    for index in 0..512 {
        crate::memory::write(table + index * 8, 8, entry);
    }
}

/// A table descriptor.
pub const TABLE: u64 = 3;
