// SPDX-License-Identifier: Apache-2.0
//! Drivers of physical devices that the kernel itself uses.

#[cfg(target_arch = "riscv64")]
pub mod aplic;
#[cfg(target_arch = "aarch64")]
pub mod gic;
#[cfg(target_arch = "aarch64")]
pub mod gicv2;
#[cfg(target_arch = "aarch64")]
pub mod gicv3;
#[cfg(target_arch = "riscv64")]
pub mod imsic;
pub mod mmio;
#[cfg(target_arch = "riscv64")]
pub mod plic;
pub mod uart;
