// SPDX-License-Identifier: Apache-2.0
//! Collections of a size fixed at build time, without a heap.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod bitmap;
mod ring;

pub use bitmap::FrameBitmap;
pub use ring::ByteRing;
