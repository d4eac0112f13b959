// SPDX-License-Identifier: Apache-2.0
//! What the subcommands do.

pub mod console;
pub mod describe;
pub mod pack;
pub mod show;
pub mod stats;
pub mod zone;
