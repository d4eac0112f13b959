// SPDX-License-Identifier: Apache-2.0
//! What a zone is, in one bounded structure.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// "HVZD".
pub const MAGIC: u32 = u32::from_le_bytes(*b"HVZD");

pub const MAX_MEMORY: usize = 16;
pub const MAX_MMIO: usize = 64;
pub const MAX_LINES: usize = 128;
pub const MAX_DEVICES: usize = 32;
pub const MAX_IMAGES: usize = 8;
pub const NAME_SIZE: usize = 32;

/// Instruction set a descriptor is for.
pub mod architecture {
    pub const AARCH64: u32 = 1;
    pub const RISCV64: u32 = 2;
    pub const LOONGARCH64: u32 = 3;
    pub const X86_64: u32 = 4;
}

/// Kinds of zones.
pub mod kind {
    /// zone0; never in a descriptor.
    pub const MANAGEMENT: u32 = 0;
    pub const USER: u32 = 1;
    pub const REALTIME: u32 = 2;
}

/// One processor: the firmware's number of it (MPIDR affinity, hart) and the
/// number the zone sees.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CpuAssignment {
    pub physical: u64,
    pub guest: u64,
}

/// `MemoryRegion::flags`: mapped to zone0 as well, for its back ends.
pub const MEMORY_LENT: u32 = 1 << 0;

/// RAM. All of it is the zone's own; addresses and size in bytes, page-aligned.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct MemoryRegion {
    pub guest: u64,
    pub physical: u64,
    pub size: u64,
    pub flags: u32,
    pub reserved: u32,
}

/// A device's registers, mapped into the zone; page-aligned.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct MmioRegion {
    pub guest: u64,
    pub physical: u64,
    pub size: u64,
}

/// `LineAssignment::flags`: edge-triggered (otherwise level, active high).
pub const LINE_EDGE: u32 = 1 << 0;

/// A wired interrupt: physical and guest number as the interrupt controller
/// counts them (GIC INTID, PLIC/APLIC source). GICs want both equal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct LineAssignment {
    pub physical: u32,
    pub guest: u32,
    pub flags: u32,
    pub reserved: u32,
}

/// Kinds of virtual devices.
pub mod device {
    /// virtio over MMIO, version 2 (virtio 1.2, 4.2). Interrupt status is
    /// answered and acknowledged by the kernel, queue notifications are posted.
    pub const VIRTIO_MMIO: u32 = 1;
    /// A 16550 with byte registers. Writes are posted; the line status register
    /// is answered by the kernel from [`crate::io::DeviceShared::shadow`].
    pub const SERIAL_16550: u32 = 2;
}

/// A virtual device, served by a back end in zone0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct VirtualDevice {
    /// Guest address of its registers, `size`-aligned is not required.
    pub guest: u64,
    /// Bytes, at most a page.
    pub size: u32,
    /// Guest interrupt line (GIC INTID, PLIC/APLIC source); the zone's alone.
    pub line: u32,
    pub kind: u32,
    pub reserved: u32,
}

/// Kinds of modelled interrupt controllers.
pub mod controller {
    /// regions: distributor, CPU interface.
    pub const GIC_V2: u32 = 1;
    /// regions: distributor, redistributors (128 KiB a processor, in order).
    pub const GIC_V3: u32 = 2;
    /// regions: PLIC. `lines` sources, context 2n+1 is vCPU n's S-mode one.
    pub const PLIC: u32 = 3;
    /// regions: APLIC (S). Direct delivery.
    pub const APLIC: u32 = 4;
    /// regions: APLIC (S), IMSICs (S, a page per vCPU).
    pub const APLIC_IMSIC: u32 = 5;
}

/// A range of guest-physical addresses.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct GuestRange {
    pub base: u64,
    pub size: u64,
}

/// The interrupt controller the zone sees.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Controller {
    pub kind: u32,
    /// Interrupt numbers it has (GIC: INTIDs up to this, PLIC/APLIC: sources).
    pub lines: u32,
    pub regions: [GuestRange; 3],
}

/// `Image::payload` of a bundle entry, copied to `guest` before each start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Image {
    pub guest: u64,
    /// Index of the bundle entry.
    pub payload: u32,
    pub reserved: u32,
}

/// The whole zone. Counts say how many entries of each array are meant; the
/// others are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ZoneDescriptor {
    pub magic: u32,
    pub version: u32,
    /// `size_of::<ZoneDescriptor>()`.
    pub length: u32,
    pub architecture: u32,
    pub kind: u32,
    pub flags: u32,
    /// UTF-8, NUL-padded: `[a-z0-9][a-z0-9_-]*`.
    pub name: [u8; NAME_SIZE],
    pub cpu_count: u32,
    pub memory_count: u32,
    pub mmio_count: u32,
    pub line_count: u32,
    pub device_count: u32,
    pub image_count: u32,
    /// Guest address the first processor starts at.
    pub entry: u64,
    /// Its first argument registers (AArch64 x0..x3; RISC-V a0..a3, where a0
    /// is replaced by the hart number).
    pub arguments: [u64; 4],
    pub controller: Controller,
    pub cpus: [CpuAssignment; crate::MAX_VCPUS],
    pub memory: [MemoryRegion; MAX_MEMORY],
    pub mmio: [MmioRegion; MAX_MMIO],
    pub lines: [LineAssignment; MAX_LINES],
    pub devices: [VirtualDevice; MAX_DEVICES],
    pub images: [Image; MAX_IMAGES],
}

impl ZoneDescriptor {
    /// An empty descriptor of this version.
    pub fn new(architecture: u32, kind: u32) -> Self {
        let mut descriptor = Self::EMPTY;
        descriptor.magic = MAGIC;
        descriptor.version = crate::VERSION;
        descriptor.length = size_of::<Self>() as u32;
        descriptor.architecture = architecture;
        descriptor.kind = kind;
        descriptor
    }

    /// All zero; no valid descriptor.
    pub const EMPTY: Self = {
        const RANGE: GuestRange = GuestRange { base: 0, size: 0 };
        Self {
            magic: 0,
            version: 0,
            length: 0,
            architecture: 0,
            kind: 0,
            flags: 0,
            name: [0; NAME_SIZE],
            cpu_count: 0,
            memory_count: 0,
            mmio_count: 0,
            line_count: 0,
            device_count: 0,
            image_count: 0,
            entry: 0,
            arguments: [0; 4],
            controller: Controller {
                kind: 0,
                lines: 0,
                regions: [RANGE; 3],
            },
            cpus: [CpuAssignment {
                physical: 0,
                guest: 0,
            }; crate::MAX_VCPUS],
            memory: [MemoryRegion {
                guest: 0,
                physical: 0,
                size: 0,
                flags: 0,
                reserved: 0,
            }; MAX_MEMORY],
            mmio: [MmioRegion {
                guest: 0,
                physical: 0,
                size: 0,
            }; MAX_MMIO],
            lines: [LineAssignment {
                physical: 0,
                guest: 0,
                flags: 0,
                reserved: 0,
            }; MAX_LINES],
            devices: [VirtualDevice {
                guest: 0,
                size: 0,
                line: 0,
                kind: 0,
                reserved: 0,
            }; MAX_DEVICES],
            images: [Image {
                guest: 0,
                payload: 0,
                reserved: 0,
            }; MAX_IMAGES],
        }
    };

    /// Reads a descriptor: header and counts are right, nothing else is checked.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (descriptor, _) = Self::read_from_prefix(bytes).ok()?;
        let counts_fit = descriptor.cpu_count as usize <= crate::MAX_VCPUS
            && descriptor.memory_count as usize <= MAX_MEMORY
            && descriptor.mmio_count as usize <= MAX_MMIO
            && descriptor.line_count as usize <= MAX_LINES
            && descriptor.device_count as usize <= MAX_DEVICES
            && descriptor.image_count as usize <= MAX_IMAGES;
        (descriptor.magic == MAGIC
            && descriptor.version == crate::VERSION
            && descriptor.length as usize == size_of::<Self>()
            && counts_fit)
            .then_some(descriptor)
    }

    pub fn cpus(&self) -> &[CpuAssignment] {
        bounded(&self.cpus, self.cpu_count)
    }
    pub fn memory(&self) -> &[MemoryRegion] {
        bounded(&self.memory, self.memory_count)
    }
    pub fn mmio(&self) -> &[MmioRegion] {
        bounded(&self.mmio, self.mmio_count)
    }
    pub fn lines(&self) -> &[LineAssignment] {
        bounded(&self.lines, self.line_count)
    }
    pub fn devices(&self) -> &[VirtualDevice] {
        bounded(&self.devices, self.device_count)
    }
    pub fn images(&self) -> &[Image] {
        bounded(&self.images, self.image_count)
    }
}

fn bounded<T>(array: &[T], count: u32) -> &[T] {
    array.get(..count as usize).unwrap_or(array)
}
