// SPDX-License-Identifier: Apache-2.0
//! The physical interrupt controller, as portable code sees it.

/// Wakes processor `index` from waiting or out of its zone.
pub fn kick(_index: usize) {}

/// Takes and ends all interrupts pending on this parked processor.
pub fn drain() {}
