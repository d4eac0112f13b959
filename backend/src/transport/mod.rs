// SPDX-License-Identifier: Apache-2.0
//! virtio over MMIO, whatever the device.

mod mmio;
mod queue;

pub use mmio::{CONFIG_SPACE, Effect, QueueRegisters, Registers, State, status};
pub use queue::{Broken, Chain, Virtqueue};

/// Features every device of ours has: version 1, indirect descriptors, event index.
pub const COMMON_FEATURES: u64 = 1 << 32 | 1 << 28 | 1 << 29;
pub const F_EVENT_IDX: u64 = 1 << 29;
pub const F_VERSION_1: u64 = 1 << 32;

/// InterruptStatus: a buffer was used.
pub const INTERRUPT_USED: u32 = 1 << 0;
/// InterruptStatus: the configuration changed.
pub const INTERRUPT_CONFIG: u32 = 1 << 1;
