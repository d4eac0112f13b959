// SPDX-License-Identifier: Apache-2.0
//! Zones.

/// A parked or kicked processor found `bits` in its mailbox. Returns when it
/// is to wait again.
pub fn on_mailbox(_bits: u32) {}

/// Once at boot, on the first processor, when all others are parked: makes
/// zone0 and the bundle's zones and starts them.
pub fn start() {}
