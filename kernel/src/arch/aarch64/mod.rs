// SPDX-License-Identifier: Apache-2.0
//! AArch64 at EL2, without VHE.

#[macro_use]
pub mod register;

mod abort;
pub mod controller;
pub mod cpu;
pub mod entry;
pub mod exit;
mod guest_psci;
mod identification;
mod inject;
pub mod interrupts;
pub mod mmu;
pub mod psci;
pub mod smp;
pub mod stage2;
mod system_register;
pub mod vcpu;
pub mod vectors;

use ownership::Facts;

/// Magic of the Linux image header at byte 56.
pub const LINUX_MAGIC: [u8; 4] = *b"ARM\x64";

/// What descriptors are checked against.
pub fn facts() -> Facts {
    Facts {
        architecture: abi::descriptor::architecture::AARCH64,
        controller: controller::physical().kind,
        lines_are_identical: true,
        guest_bits: stage2::address_bits(),
    }
}

/// First registers of a Linux kernel (Documentation/arch/arm64/booting.rst).
pub fn linux_arguments(tree: u64) -> [u64; 4] {
    [tree, 0, 0, 0]
}
