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
