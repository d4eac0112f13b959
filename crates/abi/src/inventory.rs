// SPDX-License-Identifier: Apache-2.0
//! What the machine has and who owns it, as [`crate::Function::Inventory`] reports it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Kinds of entries.
pub mod kind {
    /// [`super::Memory`]: RAM in ascending order, adjacent pieces of one owner joined.
    pub const MEMORY: u64 = 0;
    /// [`super::Cpu`].
    pub const CPUS: u64 = 1;
    /// [`super::Line`]: lines that have an owner.
    pub const LINES: u64 = 2;
    /// [`super::Memory`]: device windows that have an owner.
    pub const MMIO: u64 = 3;
    /// [`super::Machine`]; one entry.
    pub const MACHINE: u64 = 4;
}

/// Owners beside zone numbers.
pub mod owner {
    pub const FREE: u32 = 0xffff_ffff;
    /// hvisor itself, or reserved by the firmware.
    pub const KERNEL: u32 = 0xffff_fffe;
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Memory {
    pub base: u64,
    pub size: u64,
    pub owner: u32,
    pub reserved: u32,
}

/// States of a processor.
pub mod cpu_state {
    /// Named by the firmware, but never came up.
    pub const DEAD: u32 = 0;
    /// In the kernel, waiting for a zone.
    pub const PARKED: u32 = 1;
    pub const RUNNING: u32 = 2;
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Cpu {
    /// The firmware's number (MPIDR affinity, hart).
    pub physical: u64,
    pub owner: u32,
    pub state: u32,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Line {
    pub physical: u32,
    pub owner: u32,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Machine {
    pub abi_version: u32,
    /// [`crate::descriptor::architecture`].
    pub architecture: u32,
    /// [`crate::descriptor::controller`]: what zones get here.
    pub controller: u32,
    /// Highest interrupt number + 1.
    pub lines: u32,
    /// Ticks per second of the time stamps.
    pub tick_frequency: u64,
    /// Ticks from the processor's reset (or counter's zero) to zone0's first instruction.
    pub zone0_entered: u64,
    /// Ticks now.
    pub now: u64,
    /// Bytes of the kernel: image and pools.
    pub kernel_size: u64,
    /// Bytes of its pools in use and in all.
    pub pool_used: u64,
    pub pool_size: u64,
}
