// SPDX-License-Identifier: Apache-2.0
//! Flattened device trees (Devicetree Specification v0.4, chapter 5): a reader
//! and an editor for a kernel that must live through a broken tree.
//!
//! Written here rather than taken from a crate: the well-kept ones (dtoolkit,
//! fdt, vm-fdt) either need a heap or check once and `expect` ever after, which
//! links panics into the kernel, and none edits a tree from one buffer into
//! another. Here every read is checked where it happens, nothing recurses, and
//! a node is a few words on the stack.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod cells;
mod edit;
mod error;
mod interrupts;
mod node;
mod ranges;
mod tree;
mod writer;

pub use cells::{Cells, Strings};
pub use edit::{Action, Edit, edit};
pub use error::{Block, Error};
pub use interrupts::{Interrupt, Interrupts};
pub use node::{Children, Node, Nodes, Properties};
pub use ranges::{Region, Regs};
pub use tree::{Reservations, Tree};
pub use writer::Writer;

/// Levels of nodes that a tree may have, the root included.
pub const MAX_DEPTH: usize = 16;
