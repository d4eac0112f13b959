// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod support;

use devicetree::{Node, Tree};
use machine::{Region, Zone0Edits, zone0_tree};
use support::{Board, GIC, MPIDRS};

const MEMORY: [Region; 2] = [
    Region {
        base: 0x4000_0000,
        size: 0x200_0000,
    },
    Region {
        base: 0x8_0000_0000,
        size: 0x2000_0000,
    },
];
const INITRD: Region = Region {
    base: 0x4100_0000,
    size: 0x1234,
};

fn edits() -> Zone0Edits<'static> {
    Zone0Edits {
        cpus: &MPIDRS[1..3],
        memory: &MEMORY,
        initrd: Some(INITRD),
        command_line: "console=hvc0 quiet",
        mailbox: Region {
            base: 0x8_3000_0000,
            size: 4096,
        },
        line: 287,
        withheld: &[],
        without_extensions: &[],
        interrupt_files: machine::InterruptFiles::Unchanged,
    }
}

fn derive(board: &Board, edits: &Zone0Edits<'_>) -> Vec<u8> {
    let source = board.tree();
    let mut out = vec![0; source.len() + 4096];
    let length = zone0_tree(&source, edits, &mut out).unwrap();
    out.truncate(length);
    out
}

fn cells(node: &Node<'_>, name: &str) -> Vec<u32> {
    node.cells(name).collect()
}

#[test]
fn is_a_machine_with_what_zone0_owns() {
    let tree = derive(&Board::default(), &edits());
    let tree = Tree::new(&tree).unwrap();
    let cpus: Vec<_> = tree
        .find("/cpus")
        .unwrap()
        .children()
        .map(|node| node.name())
        .collect();
    assert_eq!(cpus, ["cpu@100", "cpu@10000"]);
    let memory = tree
        .root()
        .children()
        .filter(|node| node.base_name() == "memory")
        .collect::<Vec<_>>();
    assert_eq!(memory.len(), 1);
    let pieces: Vec<_> = memory[0]
        .reg()
        .map(|raw| Region {
            base: raw.address,
            size: raw.size,
        })
        .collect();
    assert_eq!(pieces, MEMORY);
    // The reservation of the bundle is gone, the other is not.
    assert_eq!(
        tree.reservations().collect::<Vec<_>>(),
        [(0x4700_0000, 0x1000)]
    );
    assert!(tree.find("/reserved-memory/secure").is_some());
}

#[test]
fn chosen_psci_and_processors() {
    let tree = derive(&Board::default(), &edits());
    let tree = Tree::new(&tree).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(chosen.text("bootargs"), Some("console=hvc0 quiet"));
    assert_eq!(chosen.number("linux,initrd-start"), Some(INITRD.base));
    assert_eq!(chosen.number("linux,initrd-end"), Some(INITRD.end()));
    assert_eq!(chosen.number("kaslr-seed"), Some(0x1234));
    assert_eq!(tree.stdout().unwrap().0.name(), "serial@9000000");
    let psci = tree.find("/psci").unwrap();
    assert_eq!(psci.text("method"), Some("smc"));
    assert!(psci.is_compatible("arm,psci-1.0") && !psci.has("cpu_on"));
    let cpu = tree.find("/cpus/cpu@100").unwrap();
    assert_eq!(cpu.text("enable-method"), Some("psci"));
    assert!(!cpu.has("cpu-idle-states"));
    assert!(tree.find("/cpus/cpu-map").is_none());
    assert!(tree.find("/pmu").is_none());
    let monitor = tree.find("/monitor").unwrap();
    assert_eq!(cells(&monitor, "interrupts"), [0, 41, 4, 0, 42, 4]);
    assert_eq!(cells(&monitor, "interrupt-affinity"), [0x11, 0x12]);
}

#[test]
fn the_map_stays_if_all_processors_do() {
    let edits = Zone0Edits {
        cpus: &MPIDRS,
        ..edits()
    };
    let tree = derive(
        &Board {
            disabled_cpu: false,
            ..Board::default()
        },
        &edits,
    );
    assert!(Tree::new(&tree).unwrap().find("/cpus/cpu-map").is_some());
    let tree = derive(&Board::default(), &edits);
    let tree = Tree::new(&tree).unwrap();
    assert!(tree.find("/cpus/cpu-map").is_none() && tree.find("/cpus/cpu@666").is_none());
}

#[test]
fn interrupt_controller_and_iommu() {
    let tree = derive(&Board::default(), &edits());
    let tree = Tree::new(&tree).unwrap();
    let gic = tree.by_phandle(GIC).unwrap();
    assert_eq!(gic.reg().count(), 2);
    assert!(!gic.has("interrupts"));
    assert_eq!(gic.children().count(), 0);
    assert!(tree.find("/soc/iommu").is_none());
    assert!(!tree.find("/soc/dma").unwrap().has("iommus"));
    let pcie = tree.find("/soc/pcie").unwrap();
    assert!(!pcie.has("msi-map") && !pcie.has("iommu-map") && pcie.has("interrupt-map"));
}

#[test]
fn gicv2_keeps_two_regions() {
    let board = Board {
        compatible: "arm,gic-400",
        regions: vec![0x10, 1, 0x20, 2, 0x30, 3, 0x40, 4],
        psci: false,
        ..Board::default()
    };
    let tree = derive(&board, &edits());
    let tree = Tree::new(&tree).unwrap();
    assert_eq!(tree.by_phandle(GIC).unwrap().reg().count(), 2);
    // It had none.
    assert_eq!(tree.find("/psci").unwrap().text("method"), Some("smc"));
    assert_eq!(
        tree.find("/cpus/cpu@100").unwrap().text("enable-method"),
        Some("psci")
    );
}

#[test]
fn the_node_that_binds_the_driver() {
    let tree = derive(&Board::default(), &edits());
    let tree = Tree::new(&tree).unwrap();
    let node = tree.find("/hvisor@830000000").unwrap();
    assert!(node.is_compatible(abi::io::COMPATIBLE));
    assert_eq!(node.region(0).unwrap().address, 0x8_3000_0000);
    let interrupt = node.interrupts().next().unwrap();
    assert_eq!(interrupt.controller.phandle(), Some(GIC));
    assert_eq!(interrupt.specifier.collect::<Vec<_>>(), [0, 287 - 32, 1]);
}

#[test]
fn withheld_devices_are_left_out() {
    let withheld = [Region {
        base: 0x910_0800,
        size: 1,
    }];
    let tree = derive(
        &Board::default(),
        &Zone0Edits {
            withheld: &withheld,
            ..edits()
        },
    );
    let tree = Tree::new(&tree).unwrap();
    assert!(tree.find("/soc/dma").is_none());
    assert!(tree.find("/soc/serial").is_some());
}

#[test]
fn edits_that_make_no_sense_are_refused() {
    let source = Board::default().tree();
    let mut out = vec![0; source.len() + 4096];
    for wrong in [
        Zone0Edits {
            cpus: &[],
            ..edits()
        },
        Zone0Edits {
            cpus: &[0x100, 0x7777],
            ..edits()
        },
        Zone0Edits {
            memory: &[],
            ..edits()
        },
    ] {
        assert!(zone0_tree(&source, &wrong, &mut out).is_err(), "{wrong:?}");
    }
    for length in [0, 100, source.len() / 2] {
        assert!(zone0_tree(&source, &edits(), &mut out[..length]).is_err());
    }
}
