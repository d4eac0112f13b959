// SPDX-License-Identifier: Apache-2.0
//! Exits by cause, and the trace.

use crate::hypercall::numbered;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

numbered! {
    /// Why a processor left its zone for the kernel.
    pub enum ExitCause: u32 {
        /// A device's interrupt line that the zone owns.
        DeviceInterrupt = 0,
        /// The zone's timer.
        TimerInterrupt = 1,
        /// Another processor wants something.
        Kick = 2,
        /// List registers ran low (GIC maintenance).
        Maintenance = 3,
        /// An interrupt that is nobody's.
        SpuriousInterrupt = 4,
        /// A hypercall of ours.
        Hypercall = 5,
        /// PSCI, SBI.
        Firmware = 6,
        /// A trapped system register or CSR.
        SystemRegister = 7,
        /// A register of the modelled interrupt controller.
        InterruptController = 8,
        /// Inter-processor interrupts that had to be modelled.
        Ipi = 9,
        /// A register of a virtual device, answered by its back end.
        DeviceAccess = 10,
        /// One answered by the kernel.
        DeviceFast = 11,
        /// A queue notification or another posted write.
        DevicePosted = 12,
        /// Waiting for an interrupt, where that traps.
        WaitForInterrupt = 13,
        /// Anything that ends the zone.
        Fault = 14,
        /// Anything else that was served.
        Other = 15,
    }
}

impl ExitCause {
    pub const COUNT: usize = Self::ALL.len();

    /// The name the tool prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceInterrupt => "device-interrupt",
            Self::TimerInterrupt => "timer-interrupt",
            Self::Kick => "kick",
            Self::Maintenance => "maintenance",
            Self::SpuriousInterrupt => "spurious-interrupt",
            Self::Hypercall => "hypercall",
            Self::Firmware => "firmware-call",
            Self::SystemRegister => "system-register",
            Self::InterruptController => "interrupt-controller",
            Self::Ipi => "ipi",
            Self::DeviceAccess => "device-access",
            Self::DeviceFast => "device-fast",
            Self::DevicePosted => "device-posted",
            Self::WaitForInterrupt => "wait-for-interrupt",
            Self::Fault => "fault",
            Self::Other => "other",
        }
    }
}

/// Counters of one processor since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CpuCounters {
    /// The firmware's number.
    pub physical: u64,
    /// Its zone, or [`crate::inventory::owner`].
    pub zone: u32,
    /// Its number in that zone.
    pub vcpu: u32,
    /// By [`ExitCause`] number, since the zone was given the processor.
    pub exits: [u64; ExitCause::COUNT],
}

/// Entries a processor's trace keeps.
pub const TRACE_ENTRIES: usize = 256;

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct TraceEntry {
    /// Ticks.
    pub time: u64,
    /// Guest program counter.
    pub pc: u64,
    /// [`ExitCause`].
    pub cause: u32,
    pub zone: u32,
    /// Interrupt number, guest-physical address, function or register.
    pub detail: u64,
}
