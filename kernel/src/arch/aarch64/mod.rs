// SPDX-License-Identifier: Apache-2.0
//! AArch64 at EL2, without VHE.

pub mod cpu;
pub mod entry;
pub mod exit;
pub mod interrupts;
pub mod mmu;
pub mod smp;
pub mod vectors;
