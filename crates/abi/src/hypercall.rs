// SPDX-License-Identifier: Apache-2.0
//! Hypercalls.
//!
//! AArch64: `hvc #0` with x0 = [`AARCH64_BASE`] + function, x1..x5 = arguments;
//! returns x0 = status, x1 = value.
//! RISC-V: `ecall` with a7 = [`RISCV_EXTENSION`], a6 = function, a0..a4 =
//! arguments; returns a0 = status, a1 = value.
//!
//! A status is 0 or a negative [`Error`]. Buffers are guest-physical addresses
//! in the caller's own memory; they are always the last two arguments
//! (address, length in bytes), and at most [`MAX_BUFFER`] long.

/// First function identifier on AArch64: SMCCC fast call, 64 bit, owner 6
/// (vendor-specific hypervisor service), numbers from 0x1000.
pub const AARCH64_BASE: u64 = 0xC600_1000;
/// SBI extension identifier on RISC-V (in the firmware-specific range).
pub const RISCV_EXTENSION: u64 = 0x0A48_5653;
/// Longest buffer of one call, in bytes; bounds the time of a call.
pub const MAX_BUFFER: u64 = 64 * 1024;

macro_rules! numbered {
    ($(#[$meta:meta])* $vis:vis enum $name:ident: $repr:ty { $($(#[$vmeta:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr($repr)]
        $vis enum $name { $($(#[$vmeta])* $variant = $value,)* }
        impl $name {
            /// All values, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// The value with this number, if there is one.
            pub const fn from_number(number: $repr) -> Option<Self> {
                match number { $($value => Some(Self::$variant),)* _ => None }
            }
            /// The number of this value in the ABI.
            pub const fn number(self) -> $repr { self as $repr }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// What a caller can ask for. Only `Version` is answered to a zone other than zone0.
    pub enum Function: u32 {
        /// () -> ABI version.
        Version = 0,
        /// (kind, first, buf, len): entries of [`crate::inventory`] from index
        /// `first` on, as many as fit -> how many were written.
        Inventory = 1,
        /// (offset, buf, len): the firmware's device tree -> bytes written.
        FirmwareTree = 2,
        /// (buf, len): a [`crate::ZoneDescriptor`] -> zone number. Everything
        /// is checked before anything changes.
        ZoneCreate = 3,
        /// (zone, gpa, buf, len): copies into a zone that is `Created`.
        ZoneWrite = 4,
        /// (zone).
        ZoneStart = 5,
        /// (zone): parks its processors; its memory is kept.
        ZoneStop = 6,
        /// (zone).
        ZonePause = 7,
        /// (zone).
        ZoneResume = 8,
        /// (zone): from `Stopped` back to `Created`, memory scrubbed.
        ZoneReset = 9,
        /// (zone): scrubs and gives everything back; the number is free again.
        ZoneDestroy = 10,
        /// (zone, buf, len): a [`crate::status::ZoneStatus`].
        ZoneStatus = 11,
        /// (zone, index, buf, len): a [`crate::status::ZoneWindow`].
        ZoneWindow = 12,
        /// (cpu index, buf, len): a [`crate::counters::CpuCounters`].
        Counters = 13,
        /// (position, buf, len): bytes of the log from `position` on -> bytes
        /// written. The buffer starts with a [`crate::status::LogHeader`].
        LogRead = 14,
        /// (cpu index, position, buf, len): [`crate::counters::TraceEntry`]s ->
        /// how many; the buffer starts with a [`crate::status::LogHeader`].
        TraceRead = 15,
        /// (zone): the caller serves the zone's devices from now on.
        BackendAttach = 16,
        /// (zone): nobody does any more.
        BackendDetach = 17,
        /// (zone, device, level): drives the interrupt line of a virtual device.
        DeviceInterrupt = 18,
        /// (zone, vcpu): a response was put into that vCPU's ring.
        DeviceResponse = 19,
        /// (zone, offset, buf, len): writes the zone's kept text (see [`KEPT_SIZE`]).
        KeptWrite = 20,
        /// (zone, offset, buf, len): reads it -> bytes written to the buffer.
        KeptRead = 21,
    }
}

/// What the kernel keeps per zone for its manager, which may come back after a
/// crash of zone0 without any memory of its own; in bytes.
pub const KEPT_SIZE: u64 = 16 * 1024;

numbered! {
    /// Why a call was refused. The number is negated in the status.
    pub enum Error: u32 {
        /// The function does not exist.
        NotSupported = 1,
        /// The caller may not call it.
        NotPermitted = 2,
        /// An argument is out of its range.
        InvalidArgument = 3,
        /// The buffer is not in the caller's memory, or too short or long.
        BadBuffer = 4,
        /// There is no such zone.
        NoSuchZone = 5,
        /// The zone's state does not allow it.
        WrongState = 6,
        /// The descriptor's magic, version, length or a count is wrong.
        BadDescriptor = 7,
        /// A zone of that name exists.
        NameTaken = 8,
        /// All zone numbers are in use.
        TooManyZones = 9,
        /// A processor does not exist or is not free.
        CpuNotFree = 10,
        /// A memory region is not RAM, or not free.
        MemoryNotFree = 11,
        /// Regions overlap in the zone's own address space.
        GuestOverlap = 12,
        /// An address or size is not page-aligned, empty, or wraps.
        Misaligned = 13,
        /// A device window is not free, or is RAM or the kernel's own.
        DeviceNotFree = 14,
        /// An interrupt line does not exist or is not free.
        LineNotFree = 15,
        /// The interrupt controller asked for is not what this machine can give.
        WrongController = 16,
        /// The kernel's pools are used up.
        OutOfMemory = 17,
        /// An address is outside what the zone owns.
        OutOfRange = 18,
        /// Another processor changes the same zone just now; try again.
        Busy = 19,
        /// A processor did not answer in time.
        TimedOut = 20,
        /// The descriptor is for another architecture.
        WrongArchitecture = 21,
    }
}

impl Error {
    /// The status word of a refused call.
    pub const fn status(self) -> i64 {
        -(self as u32 as i64)
    }

    /// The error in a status word; `None` for success or an unknown number.
    pub fn from_status(status: i64) -> Option<Self> {
        u32::try_from(status.checked_neg()?)
            .ok()
            .and_then(Self::from_number)
    }
}
