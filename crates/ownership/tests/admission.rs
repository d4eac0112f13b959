// SPDX-License-Identifier: Apache-2.0
//! Admission: bad descriptors are refused with their reason and change nothing.

use abi::Error;
use abi::descriptor::{
    Controller, CpuAssignment, GuestRange, LineAssignment, MemoryRegion, MmioRegion, VirtualDevice,
    ZoneDescriptor, architecture, controller, device, kind,
};
use ownership::{Facts, Owner, Range, Resources};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const FACTS: Facts = Facts {
    architecture: architecture::AARCH64,
    controller: controller::GIC_V3,
    lines_are_identical: true,
    guest_bits: 40,
};

fn machine() -> Resources {
    let mut resources = Resources::new();
    resources.home = Owner::Zone(0);
    resources
        .ram
        .add(Range::new(1 << 30, 512 * MIB).unwrap(), Owner::Free)
        .unwrap();
    let kernel = Range::new(1 << 30, 16 * MIB).unwrap();
    resources
        .ram
        .transfer(kernel, Owner::Free, Owner::Kernel)
        .unwrap();
    resources
        .mmio
        .add(Range::new(0, 1 << 30).unwrap(), Owner::Zone(0))
        .unwrap();
    resources.lines.set_up(32, 288, Owner::Zone(0));
    for index in 0..4 {
        resources.add_cpu(index, index as u64 * 0x100, index != 3);
    }
    resources
}

fn good() -> ZoneDescriptor {
    let mut zone = ZoneDescriptor::new(architecture::AARCH64, kind::USER);
    zone.name = abi::name_to_bytes("linux").unwrap();
    zone.controller = Controller {
        kind: controller::GIC_V3,
        lines: 288,
        regions: [
            GuestRange {
                base: 0x800_0000,
                size: 0x1_0000,
            },
            GuestRange {
                base: 0x80a_0000,
                size: 0x4_0000,
            },
            GuestRange::default(),
        ],
    };
    zone.cpu_count = 2;
    zone.cpus[0] = CpuAssignment {
        physical: 0x100,
        guest: 0,
    };
    zone.cpus[1] = CpuAssignment {
        physical: 0x200,
        guest: 1,
    };
    zone.memory_count = 1;
    zone.memory[0] = MemoryRegion {
        guest: 1 << 30,
        physical: (1 << 30) + 32 * MIB,
        size: 64 * MIB,
        ..Default::default()
    };
    zone.mmio_count = 1;
    zone.mmio[0] = MmioRegion {
        guest: 0x900_0000,
        physical: 0x900_0000,
        size: 0x1000,
    };
    zone.line_count = 1;
    zone.lines[0] = LineAssignment {
        physical: 33,
        guest: 33,
        ..Default::default()
    };
    zone.device_count = 1;
    zone.devices[0] = VirtualDevice {
        guest: 0xa00_0000,
        size: 0x200,
        line: 40,
        kind: device::VIRTIO_MMIO,
        reserved: 0,
    };
    zone
}

fn owners(resources: &Resources) -> String {
    let ram: Vec<_> = resources.ram.pieces().collect();
    let mmio: Vec<_> = resources.mmio.pieces().collect();
    let cpus: Vec<_> = resources.cpus().collect();
    let lines: Vec<_> = (0..300).map(|line| resources.lines.owner(line)).collect();
    format!("{ram:?} {mmio:?} {cpus:?} {lines:?}")
}

#[test]
fn what_is_admitted_comes_back_whole() {
    let mut resources = machine();
    let before = owners(&resources);
    for _ in 0..100 {
        resources.admit(1, &good(), &FACTS).unwrap();
        assert_ne!(owners(&resources), before);
        let again = resources.admit(2, &good(), &FACTS);
        assert_eq!(again, Err(Error::CpuNotFree));
        resources.release(1);
        assert_eq!(owners(&resources), before);
    }
}

type Spoil = fn(&mut ZoneDescriptor);

#[test]
fn bad_descriptors_are_refused_with_their_reason() {
    let cases: &[(&str, Error, Spoil)] = &[
        ("other architecture", Error::WrongArchitecture, |z| {
            z.architecture = 2
        }),
        ("unknown kind", Error::BadDescriptor, |z| z.kind = 7),
        ("zone0 again", Error::BadDescriptor, |z| {
            z.kind = kind::MANAGEMENT
        }),
        ("unknown flag", Error::BadDescriptor, |z| z.flags = 1),
        ("no name", Error::BadDescriptor, |z| z.name = [0; 32]),
        ("name not UTF-8", Error::BadDescriptor, |z| z.name[0] = 0xff),
        ("upper case", Error::BadDescriptor, |z| z.name[0] = b'L'),
        ("text after the name", Error::BadDescriptor, |z| {
            z.name[20] = b'x'
        }),
        ("endless name", Error::BadDescriptor, |z| {
            z.name = [b'a'; 32]
        }),
        ("leading dash", Error::BadDescriptor, |z| z.name[0] = b'-'),
        ("no processor", Error::BadDescriptor, |z| z.cpu_count = 0),
        ("no memory", Error::BadDescriptor, |z| z.memory_count = 0),
        ("unknown memory flag", Error::BadDescriptor, |z| {
            z.memory[0].flags = 2
        }),
        ("other controller", Error::WrongController, |z| {
            z.controller.kind = controller::GIC_V2
        }),
        ("processor twice", Error::CpuNotFree, |z| {
            z.cpus[1].physical = 0x100
        }),
        ("guest number twice", Error::CpuNotFree, |z| {
            z.cpus[1].guest = 0
        }),
        ("no such processor", Error::CpuNotFree, |z| {
            z.cpus[0].physical = 0x101
        }),
        ("dead processor", Error::CpuNotFree, |z| {
            z.cpus[0].physical = 0x300
        }),
        ("memory of the kernel", Error::MemoryNotFree, |z| {
            z.memory[0].physical = 1 << 30
        }),
        ("memory half the kernel's", Error::MemoryNotFree, |z| {
            z.memory[0].physical = (1 << 30) + 8 * MIB
        }),
        ("memory past the end", Error::MemoryNotFree, |z| {
            z.memory[0].size = 512 * MIB
        }),
        ("memory that is a device", Error::MemoryNotFree, |z| {
            z.memory[0].physical = 0x900_0000
        }),
        ("unaligned address", Error::Misaligned, |z| {
            z.memory[0].physical += 1
        }),
        ("unaligned guest address", Error::Misaligned, |z| {
            z.memory[0].guest += 8
        }),
        ("unaligned size", Error::Misaligned, |z| {
            z.memory[0].size += 1
        }),
        ("empty memory", Error::Misaligned, |z| z.memory[0].size = 0),
        ("memory that wraps", Error::Misaligned, |z| {
            z.memory[0].size = u64::MAX - 4095
        }),
        ("guest address too high", Error::Misaligned, |z| {
            z.memory[0].guest = 1 << 40
        }),
        ("guest address at the end", Error::Misaligned, |z| {
            z.memory[0].guest = u64::MAX - 4095
        }),
        ("memory over the GIC", Error::GuestOverlap, |z| {
            z.memory[0].guest = 0x800_0000 - 32 * MIB
        }),
        ("device in memory", Error::GuestOverlap, |z| {
            z.devices[0].guest = 1 << 30
        }),
        ("device over the GIC", Error::GuestOverlap, |z| {
            z.devices[0].guest = 0x80a_0000
        }),
        ("window over the GIC", Error::GuestOverlap, |z| {
            z.mmio[0].guest = 0x800_0000
        }),
        ("device of RAM", Error::DeviceNotFree, |z| {
            z.mmio[0].physical = (1 << 30) + 256 * MIB
        }),
        ("unaligned window", Error::Misaligned, |z| {
            z.mmio[0].physical += 4
        }),
        ("device over two pages", Error::Misaligned, |z| {
            z.devices[0].guest = 0xa00_0f00
        }),
        ("device without registers", Error::Misaligned, |z| {
            z.devices[0].size = 0
        }),
        ("unaligned device", Error::Misaligned, |z| {
            z.devices[0].guest += 4
        }),
        ("device that wraps", Error::Misaligned, |z| {
            z.devices[0].guest = u64::MAX - 7
        }),
        ("unknown device", Error::BadDescriptor, |z| {
            z.devices[0].kind = 9
        }),
        ("two devices in one place", Error::GuestOverlap, |z| {
            z.device_count = 2;
            z.devices[1] = VirtualDevice {
                line: 41,
                ..z.devices[0]
            };
        }),
        ("a private line", Error::LineNotFree, |z| {
            z.lines[0].physical = 27;
            z.lines[0].guest = 27;
        }),
        ("line that is not there", Error::LineNotFree, |z| {
            z.lines[0].physical = 288;
            z.lines[0].guest = 287;
        }),
        ("renumbered line", Error::LineNotFree, |z| {
            z.lines[0].guest = 34
        }),
        ("line twice", Error::LineNotFree, |z| {
            z.line_count = 2;
            z.lines[1] = z.lines[0];
        }),
        ("line of a device and a wire", Error::LineNotFree, |z| {
            z.devices[0].line = 33
        }),
        ("line 0", Error::LineNotFree, |z| z.devices[0].line = 0),
        ("line past the controller's", Error::LineNotFree, |z| {
            z.devices[0].line = 288
        }),
        ("one page for two regions", Error::MemoryNotFree, |z| {
            z.memory_count = 2;
            z.memory[1] = MemoryRegion {
                guest: 2 << 30,
                ..z.memory[0]
            };
        }),
    ];
    assert!(cases.len() >= 40);
    for (name, reason, spoil) in cases {
        let mut resources = machine();
        let before = owners(&resources);
        let mut zone = good();
        spoil(&mut zone);
        assert_eq!(resources.admit(1, &zone, &FACTS), Err(*reason), "{name}");
        assert_eq!(owners(&resources), before, "{name}");
    }
}

#[test]
fn headers_are_checked() {
    use zerocopy::IntoBytes;
    let zone = good();
    assert!(ZoneDescriptor::parse(zone.as_bytes()).is_some());
    let spoils: &[Spoil] = &[
        |z| z.magic = 0,
        |z| z.version = 2,
        |z| z.length = 8,
        |z| z.cpu_count = 33,
        |z| z.memory_count = 17,
        |z| z.mmio_count = 65,
        |z| z.line_count = 129,
        |z| z.device_count = 33,
        |z| z.image_count = u32::MAX,
    ];
    for spoil in spoils {
        let mut bad = zone;
        spoil(&mut bad);
        assert!(ZoneDescriptor::parse(bad.as_bytes()).is_none());
    }
    let bytes = zone.as_bytes();
    assert!(ZoneDescriptor::parse(&bytes[..bytes.len() - 1]).is_none());
}

proptest! {
    /// Whatever bytes a descriptor has: refused without a change, or admitted
    /// and given back whole.
    #[test]
    fn any_descriptor_is_all_or_nothing(
        changes in prop::collection::vec((0usize..size_of::<ZoneDescriptor>(), any::<u8>()), 1..6)
    ) {
        use zerocopy::{FromBytes, IntoBytes};
        let mut bytes = good().as_bytes().to_vec();
        for (at, value) in changes {
            bytes[at] = value;
        }
        let zone = ZoneDescriptor::read_from_bytes(&bytes).unwrap();
        let mut resources = machine();
        let before = owners(&resources);
        match resources.admit(1, &zone, &FACTS) {
            Ok(()) => prop_assert_ne!(owners(&resources), before.clone()),
            Err(_) => prop_assert_eq!(owners(&resources), before.clone()),
        }
        resources.release(1);
        prop_assert_eq!(owners(&resources), before);
    }
}
