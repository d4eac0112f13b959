// SPDX-License-Identifier: Apache-2.0
//! RISC-V, 64 bit, in HS-mode under an SBI firmware.

pub mod controller;
pub mod cpu;
mod csr;
pub mod entry;
mod exception;
pub mod exit;
mod fetch;
mod firmware;
mod interrupt_file;
pub mod interrupts;
mod mmio;
pub mod mmu;
mod sbi;
pub mod smp;
pub mod stage2;
mod timer;
pub mod vcpu;
pub mod vectors;

use ownership::Facts;

/// Magic of the Linux image header at byte 56.
pub const LINUX_MAGIC: [u8; 4] = *b"RSC\x05";

/// What descriptors are checked against.
pub fn facts() -> Facts {
    Facts {
        architecture: abi::descriptor::architecture::RISCV64,
        controller: controller::physical().kind,
        lines_are_identical: false,
        guest_bits: stage2::address_bits(),
    }
}

/// First registers of a Linux kernel (Documentation/arch/riscv/boot.rst); the
/// hart's number takes the first's place.
pub fn linux_arguments(tree: u64) -> [u64; 4] {
    [0, tree, 0, 0]
}
