// SPDX-License-Identifier: Apache-2.0
//! Who owns what, and the life cycle of a zone.
//!
//! Plain data, bounded arrays, explicit loops: written so that a prover can
//! read it. Callers serialise changes (the kernel's management lock).
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod lifecycle;
mod lines;
mod owner;
mod range;
mod regions;
mod resources;

pub use lifecycle::{Operation, transition};
pub use lines::Lines;
pub use owner::Owner;
pub use range::Range;
pub use regions::{ClaimError, Piece, Regions};
pub use resources::{Cpu, Facts, LINES, PIECES, Resources};
