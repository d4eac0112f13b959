// SPDX-License-Identifier: Apache-2.0
//! Instructions and registers, one module per architecture with the same names.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64/mod.rs"]
mod isa;

pub use isa::*;
