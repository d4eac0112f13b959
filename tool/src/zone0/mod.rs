// SPDX-License-Identifier: Apache-2.0
//! The side that runs in zone0: hypercalls, zones and what serves them.

pub mod create;
pub mod fault;
pub mod hypervisor;
pub mod names;
pub mod record;
pub mod sentences;
pub mod serve;
pub mod supervisor;
