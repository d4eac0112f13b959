// SPDX-License-Identifier: Apache-2.0
//! System registers by their assembler names.

/// `read_register!("mpidr_el1")`; must be called in an unsafe block, since some
/// reads have effects (acknowledging an interrupt).
#[macro_export]
macro_rules! read_register {
    ($name:expr) => {{
        let value: u64;
        ::core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nostack, preserves_flags));
        value
    }};
}

/// `write_register!("vbar_el2", value)`; in an unsafe block. No barrier.
#[macro_export]
macro_rules! write_register {
    ($name:expr, $value:expr) => {{
        let value: u64 = $value;
        ::core::arch::asm!(concat!("msr ", $name, ", {}"), in(reg) value, options(nostack, preserves_flags));
    }};
}
