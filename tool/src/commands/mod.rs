// SPDX-License-Identifier: Apache-2.0
//! What the subcommands do.

pub mod describe;
pub mod pack;
