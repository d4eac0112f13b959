// SPDX-License-Identifier: Apache-2.0
//! How a zone is.

use crate::hypercall::numbered;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

numbered! {
    /// Where a zone is in its life; `ownership::lifecycle` has the transitions.
    pub enum State: u32 {
        /// Owns everything it was given; may be loaded.
        Created = 0,
        Running = 1,
        Paused = 2,
        /// Its processors are parked; see [`StopReason`].
        Stopped = 3,
    }
}

numbered! {
    pub enum StopReason: u32 {
        /// It has not stopped.
        None = 0,
        /// By a hypercall.
        Asked = 1,
        /// The guest powered itself off.
        PowerOff = 2,
        /// The guest asked for a reset.
        Reset = 3,
        /// See the fault record.
        Fault = 4,
    }
}

numbered! {
    /// What a zone did that it may not.
    pub enum FaultCause: u32 {
        None = 0,
        /// A data access to an address that it does not own.
        DataAccess = 1,
        /// An instruction fetch from an address that it does not own.
        InstructionFetch = 2,
        /// An access to a modelled device by an instruction that reports no syndrome.
        UndecodableAccess = 3,
        /// A system register or CSR that it may not use.
        SystemRegister = 4,
        /// An instruction that is not virtualised.
        Instruction = 5,
        /// An access of a wrong width or alignment to a modelled device.
        DeviceAccess = 6,
        /// A physical error (SError, hardware error) while it ran.
        HardwareError = 7,
        /// An exit that the architecture defines, but not for this configuration.
        UnexpectedExit = 8,
        /// The kernel's own part of the zone was found inconsistent.
        Internal = 9,
    }
}

/// `FaultRecord::flags`.
pub const FAULT_WRITE: u32 = 1 << 0;

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FaultRecord {
    /// [`FaultCause`].
    pub cause: u32,
    pub vcpu: u32,
    pub flags: u32,
    /// Bytes of the access, 0 if unknown.
    pub width: u32,
    /// Guest program counter.
    pub pc: u64,
    /// Guest-physical address, or the register's encoding.
    pub address: u64,
    /// Guest-virtual address, 0 if unknown.
    pub virtual_address: u64,
    /// ESR_EL2, scause, ...
    pub syndrome: u64,
    /// Ticks.
    pub time: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ZoneStatus {
    pub zone: u32,
    /// [`State`].
    pub state: u32,
    /// [`StopReason`].
    pub stop_reason: u32,
    /// [`crate::descriptor::kind`].
    pub kind: u32,
    pub name: [u8; crate::descriptor::NAME_SIZE],
    pub cpu_count: u32,
    pub device_count: u32,
    /// Windows that [`crate::Function::ZoneWindow`] knows.
    pub window_count: u32,
    /// 1 while a back end is attached.
    pub backend: u32,
    /// Times it was started since it was created.
    pub starts: u32,
    pub reserved: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes of the manager's kept text that were written.
    pub kept: u64,
    /// Ticks.
    pub created: u64,
    pub entered: u64,
    pub stopped: u64,
    pub fault: FaultRecord,
}

/// Kinds of windows.
pub mod window {
    /// The zone's [`crate::io::IoArea`].
    pub const IO: u32 = 1;
    /// Lent RAM.
    pub const MEMORY: u32 = 2;
}

/// A piece of a zone that zone0 may map.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct ZoneWindow {
    pub kind: u32,
    pub reserved: u32,
    /// Address in zone0's physical address space.
    pub zone0: u64,
    /// Address in the zone's (0 for [`window::IO`]).
    pub guest: u64,
    pub size: u64,
}

/// Starts the answer of `LogRead` and `TraceRead`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct LogHeader {
    /// Position of the first byte or entry that follows; later than asked for
    /// if older ones were overwritten.
    pub position: u64,
    /// Position after the last one there is.
    pub end: u64,
}
