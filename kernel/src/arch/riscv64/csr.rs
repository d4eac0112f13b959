// SPDX-License-Identifier: Apache-2.0
//! Control and status registers, by name or number.

/// Reads a CSR.
macro_rules! read {
    ($csr:literal) => {{
        let value: u64;
        // SAFETY: no CSR that the kernel reads has a side effect on memory.
        unsafe {
            core::arch::asm!(
                concat!("csrr {value}, ", $csr),
                value = out(reg) value,
                options(nostack, preserves_flags)
            );
        }
        value
    }};
}

/// Writes a CSR.
macro_rules! write {
    ($csr:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: the CSRs written with this concern the guest, or when an
        // interrupt is taken; satp, stvec and sscratch are written in assembly.
        unsafe {
            core::arch::asm!(
                concat!("csrw ", $csr, ", {value}"),
                value = in(reg) value,
                options(nostack, preserves_flags)
            );
        }
    }};
}

/// Sets bits of a CSR.
macro_rules! set {
    ($csr:literal, $bits:expr) => {{
        let bits: u64 = $bits;
        // SAFETY: as `write`.
        unsafe {
            core::arch::asm!(
                concat!("csrs ", $csr, ", {bits}"),
                bits = in(reg) bits,
                options(nostack, preserves_flags)
            );
        }
    }};
}

/// Clears bits of a CSR.
macro_rules! clear {
    ($csr:literal, $bits:expr) => {{
        let bits: u64 = $bits;
        // SAFETY: as `write`.
        unsafe {
            core::arch::asm!(
                concat!("csrc ", $csr, ", {bits}"),
                bits = in(reg) bits,
                options(nostack, preserves_flags)
            );
        }
    }};
}

/// Swaps a CSR's value.
macro_rules! swap {
    ($csr:literal, $value:expr) => {{
        let value: u64 = $value;
        let old: u64;
        // SAFETY: as `write`.
        unsafe {
            core::arch::asm!(
                concat!("csrrw {old}, ", $csr, ", {value}"),
                old = out(reg) old,
                value = in(reg) value,
                options(nostack, preserves_flags)
            );
        }
        old
    }};
}

pub(super) use {clear, read, set, swap, write};
