// SPDX-License-Identifier: Apache-2.0
//! Exits from a zone.

use super::vectors::Registers;

/// Synchronous exit from a zone.
pub extern "C" fn exit_sync(_registers: &mut Registers) {}

/// A physical interrupt while a zone ran: the short path. Only x0..x18 and x30
/// were saved, the rest is still in the registers. Non-zero: the whole
/// [`Registers`] are wanted, [`exit_attention`] is called with them.
pub extern "C" fn exit_irq() -> u64 {
    0
}

/// After an [`exit_irq`] that returned non-zero.
pub extern "C" fn exit_attention(_registers: &mut Registers) {}

/// SError while a zone ran.
pub extern "C" fn exit_serror(_registers: &mut Registers) {}
