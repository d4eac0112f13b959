// SPDX-License-Identifier: Apache-2.0
//! System tests: real kernels in emulated machines, spoken to as a user does,
//! on their serial ports.
//!
//! How a machine is emulated is the caller's matter (see [`Lab`]); the cases
//! are the same for all machines.

mod aarch64_tables;
mod case;
mod cases;
mod console;
mod gdb;
mod machine;
mod runner;
mod shell;

pub use case::{Boot, Lab};
pub use runner::{Selection, Tally, run};
