// SPDX-License-Identifier: Apache-2.0
//! Nested page tables: formats and one walker.
//!
//! Levels count from the leaves: an entry of level n covers 4 KiB << 9n. A
//! root may be several frames wide (AArch64's concatenated tables, RISC-V's
//! 16 KiB roots).
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod aarch64;
mod aarch64_stage1;
mod riscv;
mod riscv_stage1;
mod table;

pub use aarch64::AArch64Stage2;
pub use aarch64_stage1::AArch64Stage1;
pub use riscv::RiscvGStage;
pub use riscv_stage1::RiscvStage1;
pub use table::{Attributes, Entry, Format, Frames, Geometry, MapError, Memory, Table};
