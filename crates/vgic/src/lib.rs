// SPDX-License-Identifier: Apache-2.0
//! The interrupt controller that a zone sees: a GICv2 (IHI 0048) or a GICv3
//! (IHI 0069) with one security state, without LPIs.
//!
//! Accesses come in, [`Effects`] go out; no register of the machine is known
//! here. One [`Vgic`] is one zone's. A line that the zone does not own reads as
//! zero and ignores writes, and so does every access of a width or alignment
//! that the architecture does not give a register: nothing that a guest does to
//! the model is an error.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

#[cfg(test)]
extern crate std;

mod bank;
mod deliver;
mod distributor;
mod effects;
mod line;
mod list_register;
mod queue;
mod redistributor;
mod sgi;
mod source;
mod state;

pub use effects::{Effects, ListRegisters};
pub use list_register::{ListRegister, State};
pub use state::{Version, Vgic};

/// List registers that are made use of; machines have 4 to 16.
pub const MAX_LIST_REGISTERS: usize = 16;
/// INTIDs of SGIs, PPIs and SPIs.
pub const MAX_INTIDS: usize = 1020;
/// Bytes of a distributor's registers.
pub const DISTRIBUTOR_SIZE: u64 = 0x1_0000;
/// Bytes of one GICv3 redistributor: the RD and the SGI frame.
pub const REDISTRIBUTOR_SIZE: u64 = 0x2_0000;
