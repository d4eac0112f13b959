// SPDX-License-Identifier: Apache-2.0
//! The boot order.

/// On the processor that the firmware entered us on.
pub fn main(_tree: u64) -> ! {
    crate::cpu::park()
}

/// On every other one.
pub fn secondary() -> ! {
    crate::cpu::park()
}
