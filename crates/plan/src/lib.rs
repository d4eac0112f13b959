// SPDX-License-Identifier: Apache-2.0
//! Zone description -> checked plan -> [`abi::ZoneDescriptor`], guest device
//! tree and a list of what to load where.
//!
//! ```text
//! zonefile::read ──> Zone ─┐
//! upstream::read ──> Zone ─┤
//!                          ├─> planner::plan ──> Plan ──> hypercalls, or bundle::write
//! inventory + firmware ────┤
//! board.dtb ───────────────┘
//! ```
//! The kernel verifies what is decided here and knows none of this.
#![forbid(unsafe_code)]

pub mod arch;
pub mod bundle;
pub mod guesttree;
pub mod image;
pub mod images;
pub mod machine;
pub mod memory;
pub mod node;
pub mod pack;
pub mod passthrough;
pub mod pin;
pub mod planner;
pub mod problem;
pub mod reader;
pub mod space;
pub mod tree;
pub mod units;
pub mod upstream;
pub mod zone;
pub mod zonefile;

pub use machine::{Inventory, Machine, Zone0Share};
pub use planner::{Plan, Sources, plan};
pub use problem::{Problem, Problems};
pub use zone::Zone;
