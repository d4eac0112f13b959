// SPDX-License-Identifier: Apache-2.0
//! Plans are whole: what the kernel's own admission takes, nothing overlaps.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use abi::descriptor::{MEMORY_LENT, ZoneDescriptor, controller, kind};
use abi::inventory::owner;
use common::*;
use ownership::{Facts, Owner, Range, Resources};
use plan::machine::Machine;
use plan::planner::Plan;
use plan::units::{GIB, MIB};
use plan::{Problems, tree};
use proptest::prelude::*;

fn plan_for(text: &str, machine: &Machine, sources: &plan::Sources) -> (Option<Plan>, Problems) {
    let (zone, problems) = plan::zonefile::read(text);
    match zone {
        Some(zone) => plan::plan(&zone, machine, sources),
        None => (None, problems),
    }
}

fn must(text: &str, machine: &Machine, sources: &plan::Sources) -> Plan {
    let (plan, problems) = plan_for(text, machine, sources);
    plan.unwrap_or_else(|| panic!("{:#?}", problems.0))
}

/// The kernel's tables, filled as the machine is.
fn resources(machine: &Machine) -> (Box<Resources>, Facts) {
    let mut all = Box::new(Resources::new());
    for (index, cpu) in machine.cpus.iter().enumerate() {
        all.add_cpu(index, cpu.physical, cpu.alive && cpu.owner == owner::FREE);
    }
    for piece in &machine.memory {
        let to = if piece.owner == owner::FREE {
            Owner::Free
        } else {
            Owner::Kernel
        };
        all.ram
            .add(Range::new(piece.base, piece.size).unwrap(), to)
            .unwrap();
    }
    let index = tree::Index::new(&machine.tree);
    for (at, entry) in index.entries.iter().enumerate() {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let device = !name.starts_with("memory")
            && !entry.path.starts_with("/cpus")
            && !entry.path.starts_with("/reserved")
            && !name.starts_with("int");
        for (base, size) in index
            .reg(at)
            .unwrap_or_default()
            .into_iter()
            .filter(|_| device)
        {
            // Several devices in one page are one piece.
            let _ = all
                .mmio
                .add(Range::covering(base, size).unwrap(), Owner::Free);
        }
    }
    all.lines.set_up(
        machine.architecture.conventions().first_line,
        machine.lines,
        Owner::Free,
    );
    let identical = matches!(machine.controller, controller::GIC_V2 | controller::GIC_V3);
    let facts = Facts {
        architecture: machine.architecture.number(),
        controller: machine.controller,
        lines_are_identical: identical,
        guest_bits: 40,
    };
    (all, facts)
}

fn admitted(machine: &Machine, descriptor: &ZoneDescriptor) {
    let (mut all, facts) = resources(machine);
    all.admit(1, descriptor, &facts).unwrap();
}

const LINUX: &str = r#"
name = "linux1"
cpus = 2
memory = "512 MiB"
kernel = "Image"
initrd = "initrd"
cmdline = "console=ttyS0"
[[disk]]
path = "/disk.img"
[[network]]
[[console]]
"#;

#[test]
fn a_linux_zone() {
    let machine = machine();
    let plan = must(LINUX, &machine, &sources());
    let descriptor = &plan.descriptor;
    admitted(&machine, descriptor);
    assert_eq!(descriptor.kind, kind::USER);
    assert_eq!(
        descriptor
            .cpus()
            .iter()
            .map(|cpu| (cpu.physical, cpu.guest))
            .collect::<Vec<_>>(),
        [(2, 0), (3, 1)]
    );
    assert_eq!(descriptor.memory()[0].guest, 0x4000_0000);
    assert_eq!(descriptor.memory()[0].flags, MEMORY_LENT);
    assert_eq!(descriptor.entry, 0x4000_0000);
    assert_eq!(
        descriptor
            .devices()
            .iter()
            .map(|one| one.guest)
            .collect::<Vec<_>>(),
        [0x0900_0000, 0x0a00_0000, 0x0a00_1000, 0x0a00_2000]
    );
    let dtb = plan
        .loads
        .iter()
        .find(|load| load.what == "device tree")
        .unwrap();
    assert_eq!(descriptor.arguments[0], dtb.guest);
    let tree = tree::parse(&plan.dtb).unwrap();
    let index = tree::Index::new(&tree);
    let serial = index.find("/serial@9000000").unwrap();
    assert_eq!(index.reg(serial), Some(vec![(0x900_0000, 8)]));
    let gic = index.find("/interrupt-controller@8000000").unwrap();
    assert_eq!(
        index.reg(gic),
        Some(vec![(0x800_0000, 0x1_0000), (0x80a_0000, 0x4_0000)])
    );
    let line = &index.interrupts(serial).unwrap()[0];
    assert_eq!(
        (line.controller, line.cells.as_slice()),
        (gic, &[0, descriptor.devices()[0].line - 32, 4][..])
    );
}

#[test]
fn a_realtime_zone_lends_nothing() {
    let machine = machine();
    let text = "name = \"rt\"\nkind = \"realtime\"\nmemory = \"16 MiB\"\nkernel = \"rt.bin\"\nload = 0x4000_0000\nserial = false\n";
    let raw = plan::Sources {
        kernel: Some(vec![0; 4096]),
        ..Default::default()
    };
    let plan = must(text, &machine, &raw);
    admitted(&machine, &plan.descriptor);
    assert_eq!(plan.descriptor.kind, kind::REALTIME);
    assert_eq!(plan.descriptor.memory()[0].flags, 0);
    assert_eq!(plan.descriptor.device_count, 0);
}

#[test]
fn passthrough_keeps_addresses_where_it_can() {
    let machine = machine();
    let text =
        format!("passthrough = [\"/pl011@9000000\", \"/gpio@9020000\", \"/rtc@9020800\"]\n{LINUX}");
    let plan = must(&text, &machine, &sources());
    admitted(&machine, &plan.descriptor);
    let windows: Vec<_> = plan
        .descriptor
        .mmio()
        .iter()
        .map(|one| (one.guest, one.physical, one.size))
        .collect();
    assert_eq!(
        windows,
        [
            (0x900_0000, 0x900_0000, 0x1000),
            (0x902_0000, 0x902_0000, 0x1000)
        ]
    );
    // The virtual serial makes room.
    assert!(
        plan.descriptor
            .devices()
            .iter()
            .all(|device| device.guest != 0x900_0000)
    );
    assert_eq!(
        plan.descriptor
            .lines()
            .iter()
            .map(|line| line.physical)
            .collect::<Vec<_>>(),
        [33, 39, 34]
    );
    assert!(
        plan.descriptor
            .devices()
            .iter()
            .all(|device| ![33, 34, 39].contains(&device.line))
    );
    let tree = tree::parse(&plan.dtb).unwrap();
    let index = tree::Index::new(&tree);
    let pl011 = index
        .get(index.find("/pl011@9000000").unwrap())
        .unwrap()
        .node;
    let clocks = tree::cells(tree::bytes(pl011, "clocks").unwrap());
    let clock = index
        .get(index.by_phandle(clocks[0]).unwrap())
        .unwrap()
        .node;
    assert_eq!(tree::u32_of(clock, "clock-frequency"), Some(24_000_000));
}

#[test]
fn identity_for_trusted_dma() {
    let machine = machine();
    let text = format!("dma = \"identity\"\npassthrough = [\"/ethernet@a100000\"]\n{LINUX}");
    let plan = must(&text, &machine, &sources());
    admitted(&machine, &plan.descriptor);
    assert!(
        plan.descriptor
            .memory()
            .iter()
            .all(|piece| piece.guest == piece.physical)
    );
}

#[test]
fn riscv_controllers() {
    for (aia, kind) in [
        ("none", controller::PLIC),
        ("aplic", controller::APLIC),
        ("aplic-imsic", controller::APLIC_IMSIC),
    ] {
        let machine = Machine::from_tree(&riscv64(4, 2 * GIB, aia), SHARE, "virt").unwrap();
        let sources = plan::Sources {
            kernel: Some(linux(b"RSC\x05", 0x20_0000, 30 * MIB)),
            ..sources()
        };
        let plan = must(LINUX, &machine, &sources);
        admitted(&machine, &plan.descriptor);
        assert_eq!(plan.descriptor.controller.kind, kind);
        assert_eq!(plan.descriptor.entry, 0x8020_0000);
        let tree = tree::parse(&plan.dtb).unwrap();
        let index = tree::Index::new(&tree);
        let hart = index.get(index.find("/cpus/cpu@1").unwrap()).unwrap().node;
        assert!(!tree::strings(hart, "riscv,isa-extensions").contains(&"h".to_owned()));
        let serial = index.find("/serial@10000000").unwrap();
        assert_eq!(index.interrupts(serial).unwrap().len(), 1);
    }
}

#[test]
fn gicv2() {
    let machine = Machine::from_tree(&aarch64(4, 2 * GIB, "arm,gic-400"), SHARE, "virt").unwrap();
    let plan = must(LINUX, &machine, &sources());
    admitted(&machine, &plan.descriptor);
    assert_eq!(plan.descriptor.controller.kind, controller::GIC_V2);
}

#[test]
fn two_boot_zones_in_one_bundle() {
    let mut machine = machine();
    let first = must(LINUX, &machine, &sources());
    machine.occupy(&first.descriptor, 1);
    let second = must(
        &LINUX
            .replace("linux1", "linux2")
            .replace("cpus = 2", "cpus = 1"),
        &machine,
        &sources(),
    );
    let (mut all, facts) = resources(&common::machine());
    all.admit(1, &first.descriptor, &facts).unwrap();
    all.admit(2, &second.descriptor, &facts).unwrap();
    let bytes = plan::bundle::write(None, &[first, second]).unwrap();
    let bundle = abi::bundle::Bundle::parse(&bytes).unwrap();
    let zones: Vec<_> = (0..bundle.len())
        .filter_map(|at| bundle.entry(at))
        .filter(|(kind, _)| *kind == abi::bundle::entry::ZONE)
        .collect();
    assert_eq!(zones.len(), 2);
    for (_, bytes) in zones {
        let descriptor = ZoneDescriptor::parse(bytes).unwrap();
        for image in descriptor.images() {
            let (kind, payload) = bundle.entry(image.payload as usize).unwrap();
            assert_eq!(kind, abi::bundle::entry::PAYLOAD);
            assert!(!payload.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is asked of whatever machine: a plan is taken by the kernel's
    /// admission, loads lie in RAM and do not overlap; else there is a reason.
    #[test]
    fn plans_are_admitted(
        cpus in 1u32..8,
        memory in 1u64..40,
        zone_cpus in 1usize..8,
        zone_memory in 1u64..5000,
        disks in 0usize..6,
        v3 in any::<bool>(),
        riscv in any::<bool>(),
        aia in prop::sample::select(vec!["none", "aplic", "aplic-imsic"]),
        given in prop::collection::btree_set(prop::sample::select(vec!["/pl011@9000000", "/serial@9010000", "/gpio@9020000", "/rtc@9020800"]), 0..4),
        identity in any::<bool>(),
        kernel_size in 1u64..200,
        initrd_size in 1usize..3_000_000,
        holes in prop::collection::vec((0u64..2000, 1u64..100), 0..6),
    ) {
        let memory = memory * 128 * MIB;
        let dtb = if riscv { riscv64(cpus, memory, aia) } else { aarch64(cpus, memory, if v3 { "arm,gic-v3" } else { "arm,gic-400" }) };
        let share = plan::Zone0Share { cpus: 1, memory: 100 * MIB, boot: 0 };
        let mut machine = Machine::from_tree(&dtb, share, "generated").unwrap();
        for (at, size) in holes {
            machine.reserve(0x8000_0000 + at * MIB, size * 4096);
        }
        let mut text = format!("name = \"z\"\ncpus = {zone_cpus}\nmemory = \"{zone_memory} MiB\"\nkernel = \"k\"\ninitrd = \"i\"\n");
        if !riscv && !given.is_empty() {
            text += &format!("passthrough = [{}]\n", given.iter().map(|path| format!("\"{path}\"")).collect::<Vec<_>>().join(", "));
        }
        if identity {
            text += "dma = \"identity\"\n";
        }
        for disk in 0..disks {
            text += &format!("[[disk]]\npath = \"/{disk}\"\n");
        }
        let magic = if riscv { b"RSC\x05" } else { b"ARM\x64" };
        let sources = plan::Sources { kernel: Some(linux(magic, 0, kernel_size * MIB)), initrd: Some(vec![0; initrd_size]), dtb: None, seed: Some([7; 32]) };
        let (plan, problems) = plan_for(&text, &machine, &sources);
        let Some(plan) = plan else {
            prop_assert!(problems.has_errors());
            return Ok(());
        };
        let (mut all, facts) = resources(&machine);
        prop_assert_eq!(all.admit(1, &plan.descriptor, &facts), Ok(()));
        let mut seen: Vec<(u64, u64)> = Vec::new();
        for load in &plan.loads {
            let (base, end) = (load.guest, load.guest + load.bytes.len() as u64);
            let mut at = base;
            while at < end {
                let piece = plan.descriptor.memory().iter().find(|piece| (piece.guest..piece.guest + piece.size).contains(&at));
                prop_assert!(piece.is_some(), "{} outside RAM", load.what);
                at = piece.map_or(end, |piece| piece.guest + piece.size);
            }
            prop_assert!(seen.iter().all(|(from, until)| end <= *from || *until <= base), "{} overlaps", load.what);
            seen.push((base, end));
        }
        prop_assert!(tree::parse(&plan.dtb).is_ok());
    }

    /// A zone file is text from anywhere: it never panics.
    #[test]
    fn any_text_is_read(text in "\\PC*") {
        let _ = plan::zonefile::read(&text);
    }

    /// Closer to the format: keys and values mixed.
    #[test]
    fn any_keys_are_read(parts in prop::collection::vec(prop::sample::select(vec![
        "name = \"a\"\n", "cpus = [1, -2]\n", "cpus = 99\n", "memory = \"9 EiB\"\n", "memory = -1\n", "[[disk]]\n", "path = 3\n", "[[network]]\n", "mac = \"x\"\n",
        "[layout]\n", "[[layout.memory]]\n", "physical = 0xffff_ffff_ffff_f000\n", "size = \"4 KiB\"\n", "guest = 0\n", "lines = [0, 5000]\n", "passthrough = [{}]\n", "kernel = {}\n",
    ]), 0..12)) {
        let _ = plan::zonefile::read(&parts.concat());
    }
}
