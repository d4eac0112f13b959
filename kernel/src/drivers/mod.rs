// SPDX-License-Identifier: Apache-2.0
//! Drivers of physical devices that the kernel itself uses.

#[cfg(target_arch = "aarch64")]
pub mod gic;
#[cfg(target_arch = "aarch64")]
pub mod gicv2;
#[cfg(target_arch = "aarch64")]
pub mod gicv3;
pub mod mmio;
pub mod uart;
