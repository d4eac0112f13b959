// SPDX-License-Identifier: Apache-2.0
//! What the firmware's device tree says the machine is, for every
//! architecture, and the tree that zone0 gets of it.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod console;
mod controller;
mod cpu;
mod discover;
mod error;
mod firmware;
mod gic;
mod lines;
mod memory;
mod riscv;
mod timer;
mod zone0;

pub use console::{Console, ConsoleKind, find_console};
pub use controller::Controller;
pub use cpu::{Cpu, Enable, Isa, Mmu};
pub use discover::{MAX_COMMAND_LINE, Machine, board, discover};
pub use error::{Error, Name, Problem};
pub use firmware::{Conduit, Psci};
pub use gic::{GicV2, GicV3, Its};
pub use lines::{Lines, free_line, named_lines};
pub use memory::{Region, Reserved};
pub use riscv::{Aplic, Imsic, Plic, PlicContext};
pub use timer::Timer;
pub use zone0::{InterruptFiles, Zone0Edits, zone0_tree};

/// Banks of memory.
pub const MAX_MEMORY: usize = 32;
/// Reservations of the firmware.
pub const MAX_RESERVED: usize = 64;
/// Redistributor regions of a GICv3, ITSs, register sets of IMSICs.
pub const MAX_REGIONS: usize = 8;
