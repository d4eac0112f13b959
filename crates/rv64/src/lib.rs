// SPDX-License-Identifier: Apache-2.0
//! What the RISC-V manuals define and no register is needed for.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod cause;
mod compressed;
pub mod csr;
mod memory;
pub mod sbi;

pub use memory::{Access, Refused, Transformed, decode, length, transformed};
