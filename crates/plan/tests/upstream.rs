// SPDX-License-Identifier: Apache-2.0
//! Upstream's JSON files become the same zones.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use plan::pin::Pins;
use plan::planner::Sources;
use plan::units::MIB;
use plan::upstream;

const ZONE: &str = r#"{
  "name": "Linux2", "zone_id": 1, "cpus": [2, 3],
  "memory_regions": [
    { "type": "ram", "physical_start": "0x50000000", "virtual_start": "0x50000000", "size": "0x15000000" },
    { "type": "io", "physical_start": "0x9000000", "virtual_start": "0x9000000", "size": "0x1000" },
    { "type": "io", "physical_start": "0x9010000", "virtual_start": "0x9010000", "size": "0x1000" },
    { "type": "virtio", "physical_start": "0xa003c00", "virtual_start": "0xa003c00", "size": "0x200" },
    { "type": "virtio", "physical_start": "0xa003600", "virtual_start": "0xa003600", "size": "0x200" }
  ],
  "interrupts": [75, 76, 78], "ivc_configs": [],
  "kernel_filepath": "./Image", "dtb_filepath": "./linux2.dtb",
  "kernel_load_paddr": "0x50400000", "dtb_load_paddr": "0x50000000", "entry_point": "0x50400000",
  "arch_config": { "gic_version": "v3", "gicd_base": "0x8000000", "gicd_size": "0x10000", "gicr_base": "0x80a0000", "gicr_size": "0xf60000" }
}"#;

const VIRTIO: &str = r#"{ "zones": [ { "id": 1,
  "memory_region": [ { "zone0_ipa": "0x50000000", "zonex_ipa": "0x50000000", "size": "0x15000000" } ],
  "devices": [
    { "type": "blk", "addr": "0xa003c00", "len": "0x200", "irq": 78, "img": "rootfs2.ext4", "status": "enable" },
    { "type": "console", "addr": "0xa003800", "len": "0x200", "irq": 76, "status": "enable" },
    { "type": "net", "addr": "0xa003600", "len": "0x200", "irq": 75, "tap": "tap0", "mac": ["0x00", "0x16", "0x3e", "0x10", "0x10", "0x10"], "status": "enable" },
    { "type": "gpu", "addr": "0xa003400", "len": "0x200", "irq": 74, "width": 800, "height": 600, "status": "disable" }
  ] } ] }"#;

fn machine_with_console() -> plan::Machine {
    let dtb = with_console(&aarch64(4, 2048 * MIB, "arm,gic-v3"), "/pl011@9000000");
    plan::Machine::from_tree(&dtb, SHARE, "virt").unwrap()
}

fn files() -> Sources {
    Sources {
        kernel: Some(linux(b"ARM\x64", 0, 20 * MIB)),
        dtb: Some(aarch64(2, 256 * MIB, "arm,gic-v3")),
        ..Default::default()
    }
}

#[test]
fn a_pair_of_files() {
    let (found, problems) = upstream::read(ZONE, Some(VIRTIO));
    assert!(!problems.has_errors(), "{problems:?}");
    let found = found.unwrap();
    assert_eq!(
        (found.zone.name.value.as_str(), found.id),
        ("linux2", Some(1))
    );
    let (plan, problems) = plan::plan(&found.zone, &machine_with_console(), &files());
    let plan = plan.ok_or(problems.clone()).unwrap();
    let descriptor = &plan.descriptor;
    assert_eq!(descriptor.entry, 0x5040_0000);
    assert_eq!(descriptor.arguments[0], 0x5000_0000);
    assert_eq!(
        descriptor
            .memory()
            .iter()
            .map(|one| one.guest)
            .collect::<Vec<_>>(),
        [0x5000_0000]
    );
    let devices: Vec<_> = descriptor
        .devices()
        .iter()
        .map(|one| (one.guest, one.line))
        .collect();
    assert_eq!(
        devices,
        [(0xa00_3c00, 78), (0xa00_3800, 76), (0xa00_3600, 75)]
    );
    // zone0 keeps its console, the other window is the zone's.
    assert!(
        problems
            .0
            .iter()
            .any(|one| one.code == "zone0-console" && one.warning)
    );
    assert_eq!(
        descriptor
            .mmio()
            .iter()
            .map(|one| one.physical)
            .collect::<Vec<_>>(),
        [0x901_0000]
    );
    // Lines of virtual devices are not physical ones.
    assert_eq!(descriptor.line_count, 0);
    assert_eq!(upstream::virtio_ids(VIRTIO).unwrap(), [1]);
}

#[test]
fn what_is_wrong_with_them() {
    for (from, to, says) in [
        ("\"cpus\": [2, 3]", "\"cpus\": []", "names no processors"),
        ("\"type\": \"ram\"", "\"type\": \"rom\"", "unknown type"),
        ("\"0x15000000\" }", "\"lots\" }", "not a number"),
        ("\"kernel_filepath\": \"./Image\",", "", "is missing"),
        (
            "\"0x50000000\", \"virtual_start\"",
            "\"0x50000001\", \"virtual_start\"",
            "whole pages",
        ),
        ("{", "", "expected"),
    ] {
        assert!(ZONE.contains(from), "{from}");
        let (found, problems) = upstream::read(&ZONE.replacen(from, to, 1), Some(VIRTIO));
        assert!(found.is_none(), "{to}");
        assert!(
            problems.errors().any(|one| one.obstacle.contains(says)) || says == "expected",
            "{to}: {problems:?}"
        );
    }
    assert!(upstream::virtio_ids("{}").is_err());
    let (_, problems) = upstream::read(ZONE, None);
    assert!(
        problems
            .0
            .iter()
            .any(|one| one.warning && one.obstacle.contains("hvisor virtio start"))
    );
}

/// A zone that is loaded again is where it was, whatever became free meanwhile.
#[test]
fn decisions_hold() {
    let text = "name = \"z\"\ncpus = 1\nmemory = \"128 MiB\"\nkernel = \"k\"\npassthrough = [\"/serial@9010000\"]\n[[disk]]\npath = \"/d\"\n[[network]]\n";
    let other = "name = \"other\"\ncpus = 1\nmemory = \"64 MiB\"\nkernel = \"k\"\n";
    let read = |text: &str| plan::zonefile::read(text).0.unwrap();
    let sources = sources();
    let mut machine = machine();
    let (first, _) = plan::plan(&read(other), &machine, &sources);
    machine.occupy(&first.unwrap().descriptor, 1);
    let (second, _) = plan::plan(&read(text), &machine, &sources);
    let second = second.unwrap();
    machine.occupy(&second.descriptor, 2);
    machine.give_back(1);
    machine.give_back(2);
    let mut zone = read(text);
    Pins::of(&second).apply(&mut zone);
    let (again, problems) = plan::plan(&zone, &machine, &sources);
    let again = again.ok_or(problems).unwrap();
    assert_eq!(again.descriptor, second.descriptor);
    assert_eq!(again.loads, second.loads);
}
