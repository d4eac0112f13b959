// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::panic)]
mod support;

use machine::{
    Conduit, ConsoleKind, Controller, Enable, Region, board, discover, free_line, named_lines,
};
use support::{Board, MPIDRS};

fn region(base: u64, size: u64) -> Region {
    Region { base, size }
}

#[test]
fn a_board() {
    let machine = discover(&Board::default().tree()).unwrap();
    assert_eq!(machine.model.as_str(), "test board");
    assert_eq!(
        machine.cpus.iter().map(|cpu| cpu.hw_id).collect::<Vec<_>>(),
        MPIDRS
    );
    assert!(machine.cpus.iter().all(|cpu| cpu.enable == Enable::Psci));
    let banks = [
        region(0x4000_0000, 0x1000_0000),
        region(0x8_0000_0000, 0x4000_0000),
    ];
    assert_eq!(machine.memory.as_slice(), banks);
    let reserved: Vec<_> = machine
        .reserved
        .iter()
        .map(|entry| (entry.region.base, entry.no_map))
        .collect();
    assert_eq!(
        reserved,
        [
            (0x4700_0000, false),
            (0x4800_0000, false),
            (0x4ff0_0000, true)
        ]
    );
    assert_eq!(machine.bundle, Some(region(0x4800_0000, 0x0100_0000)));
    let console = machine.console.unwrap();
    assert_eq!(
        (console.kind, console.region),
        (ConsoleKind::Pl011, region(0x900_0000, 0x1000))
    );
    let psci = machine.psci.unwrap();
    assert_eq!((psci.conduit, psci.cpu_on), (Conduit::Hvc, 0xc400_0003));
    assert_eq!(machine.timer.virtual_, Some(27));
    assert_eq!(machine.timer.hypervisor, Some(26));
    assert_eq!(machine.command_line.as_str(), "hvisor arguments");
    let Controller::GicV3(gic) = machine.controller else {
        panic!("{:?}", machine.controller)
    };
    assert_eq!(gic.distributor, region(0x800_0000, 0x1_0000));
    assert_eq!(
        gic.redistributors.as_slice(),
        [region(0x80a_0000, 0x8_0000)]
    );
    assert_eq!((gic.maintenance, gic.its.len()), (25, 1));
}

#[test]
fn a_gicv2() {
    let tree = Board {
        compatible: "arm,gic-400",
        regions: vec![0x10, 1, 0x20, 2, 0x30, 3, 0x40, 4],
        ..Board::default()
    };
    let Controller::GicV2(gic) = discover(&tree.tree()).unwrap().controller else {
        panic!("not a GICv2")
    };
    assert_eq!(gic.distributor, region(0x10, 1));
    assert_eq!(gic.cpu, region(0x20, 2));
    assert_eq!(gic.hypervisor, region(0x30, 3));
    assert_eq!(gic.virtual_cpu, region(0x40, 4));
}

#[test]
fn no_bundle_and_no_known_console() {
    let tree = Board {
        bundle: None,
        stdout: "/soc/dma@9100000",
        ..Board::default()
    }
    .tree();
    let machine = discover(&tree).unwrap();
    assert_eq!((machine.bundle, machine.console), (None, None));
}

fn complaint(board: Board) -> String {
    discover(&board.tree()).unwrap_err().to_string()
}

#[test]
fn says_what_is_wrong() {
    let cases = [
        (
            Board {
                cpus: false,
                ..Board::default()
            },
            "device tree: node '/cpus': there is none",
        ),
        (
            Board {
                banks: vec![],
                ..Board::default()
            },
            "device tree: node 'memory', property 'reg': there is none",
        ),
        (
            Board {
                banks: vec![(0x1000, 0x1000), (0x1800, 0x1000)],
                ..Board::default()
            },
            "device tree: node 'memory', property 'reg': value makes no sense",
        ),
        (
            Board {
                banks: vec![(u64::MAX - 0xfff, 0x2000)],
                ..Board::default()
            },
            "device tree: node 'memory@fffffffffffff000', property 'reg': value makes no sense",
        ),
        (
            Board {
                banks: (0..33).map(|bank| (bank << 32, 0x1000)).collect(),
                ..Board::default()
            },
            "device tree: node 'memory@2000000000', property 'reg': more than hvisor has room for",
        ),
        (
            Board {
                bundle: Some((0x5000, 0x4000)),
                ..Board::default()
            },
            "device tree: node 'chosen', property 'linux,initrd-end': value makes no sense",
        ),
        (
            Board {
                compatible: "vendor,unknown",
                ..Board::default()
            },
            "device tree: node 'interrupt-controller', property 'compatible': there is none",
        ),
        (
            Board {
                regions: vec![0x800_0000, 0x1_0000],
                ..Board::default()
            },
            "device tree: node 'intc@8000000', property 'reg': value makes no sense",
        ),
    ];
    for (board, expected) in cases {
        assert_eq!(complaint(board), expected);
    }
    assert_eq!(
        discover(b"nothing like it").unwrap_err().to_string(),
        "device tree: magic is 0x6e6f7468, not 0xd00dfeed"
    );
    assert!(
        board(
            &Board {
                banks: vec![],
                ..Board::default()
            }
            .tree()
        )
        .unwrap()
        .memory
        .is_empty()
    );
}

#[test]
fn lines_that_the_tree_names() {
    let tree = Board::default().tree();
    let lines: Vec<_> = named_lines(&tree).unwrap().iter().collect();
    // PPIs, the serial port, the PMU, PCI's through its map, the DMA engine.
    assert_eq!(lines, [25, 26, 27, 29, 30, 33, 72, 73, 74, 75, 285, 286]);
    assert_eq!(free_line(&tree, 288).unwrap(), Some(287));
    assert_eq!(free_line(&tree, 287).unwrap(), Some(284));
    assert_eq!(free_line(&tree, 32).unwrap(), None);
}
