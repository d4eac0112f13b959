// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod support;

use devicetree::{Block, Error, MAX_DEPTH, Region, Tree};
use support::sample;
use vm_fdt::FdtWriter;

#[test]
fn finds_nodes_and_properties() {
    let bytes = sample();
    let tree = Tree::new(&bytes).unwrap();
    assert_eq!(Tree::size(&bytes), Some(bytes.len()));
    assert_eq!(tree.reservations().collect::<Vec<_>>(), [(0x1000, 0x2000)]);
    let names: Vec<_> = tree.nodes().map(|node| node.name()).collect();
    assert_eq!(
        names,
        [
            "",
            "aliases",
            "chosen",
            "intc@8000",
            "gpio@9000",
            "bus@1000",
            "serial@20",
            "key@30"
        ]
    );
    let serial = tree.find("/bus/serial").unwrap();
    assert_eq!(serial, tree.find("/bus@1000/serial@20").unwrap());
    assert_eq!(serial.parent().unwrap().parent().unwrap(), tree.root());
    assert!(serial.is_compatible("ns16550a") && !serial.is_compatible("ns1655"));
    assert_eq!(tree.find("/bus@1000/serial@21"), None);
    assert_eq!(tree.by_phandle(2).unwrap().name(), "gpio@9000");
    assert_eq!(tree.by_phandle(3), None);
    let (stdout, options) = tree.stdout().unwrap();
    assert_eq!((stdout, options), (serial, "115200n8"));
}

#[test]
fn status_counts_on_the_way_up() {
    let bytes = sample();
    let tree = Tree::new(&bytes).unwrap();
    assert!(tree.find("/bus/serial").unwrap().is_available());
    assert!(!tree.find("/bus/key").unwrap().is_available());
}

#[test]
fn translates_through_ranges() {
    let bytes = sample();
    let tree = Tree::new(&bytes).unwrap();
    let serial = tree.find("/bus/serial").unwrap();
    assert_eq!(serial.reg().count(), 2);
    assert_eq!(
        serial.region(0),
        Some(Region {
            address: 0x1000_0020,
            size: 0x10
        })
    );
    // Behind the end of the bus's window.
    assert_eq!(serial.region(1), None);
    assert_eq!(serial.region(2), None);
    assert_eq!(
        tree.find("/intc").unwrap().region(0),
        Some(Region {
            address: 0x8000,
            size: 0x1000
        })
    );
}

#[test]
fn resolves_interrupts() {
    let bytes = sample();
    let tree = Tree::new(&bytes).unwrap();
    let lines: Vec<_> = tree
        .find("/bus/serial")
        .unwrap()
        .interrupts()
        .map(|interrupt| (interrupt.controller.name(), interrupt.cell(1)))
        .collect();
    assert_eq!(lines, [("intc@8000", Some(5)), ("intc@8000", Some(6))]);
    let lines: Vec<_> = tree
        .find("/bus/key")
        .unwrap()
        .interrupts()
        .map(|interrupt| {
            (
                interrupt.controller.name(),
                interrupt.specifier.collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [("gpio@9000", vec![7, 8]), ("intc@8000", vec![0, 9, 4])]
    );
}

#[test]
fn an_interrupt_parent_loop_ends() {
    let mut fdt = FdtWriter::new().unwrap();
    let root = fdt.begin_node("").unwrap();
    for (name, own, other) in [("a", 1, 2), ("b", 2, 1)] {
        let node = fdt.begin_node(name).unwrap();
        fdt.property_u32("phandle", own).unwrap();
        fdt.property_u32("interrupt-parent", other).unwrap();
        fdt.property_u32("interrupts", 1).unwrap();
        fdt.end_node(node).unwrap();
    }
    fdt.end_node(root).unwrap();
    let bytes = fdt.finish().unwrap();
    let tree = Tree::new(&bytes).unwrap();
    assert_eq!(tree.find("/a").unwrap().interrupts().count(), 0);
}

fn word(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn says_what_is_wrong_with_the_header() {
    let good = sample();
    let broken = |at: usize, value: u32| {
        let mut bytes = good.clone();
        word(&mut bytes, at, value);
        Tree::new(&bytes).map(|_| ()).unwrap_err()
    };
    assert_eq!(Tree::new(&[]).unwrap_err(), Error::Outside(Block::Tree));
    assert_eq!(broken(0, 1), Error::Magic(1));
    assert_eq!(broken(4, u32::MAX), Error::Outside(Block::Tree));
    assert_eq!(broken(8, u32::MAX - 3), Error::Outside(Block::Structure));
    assert_eq!(broken(8, 57), Error::Outside(Block::Structure));
    assert_eq!(broken(12, u32::MAX), Error::Outside(Block::Strings));
    assert_eq!(broken(16, u32::MAX), Error::Outside(Block::Reservations));
    assert_eq!(broken(20, 16), Error::Version(16));
    assert_eq!(broken(24, 18), Error::Version(18));
    // The structure block of length 0.
    assert_eq!(broken(36, 0), Error::Truncated { at: 0 });
}

#[test]
fn too_deep_is_refused() {
    let nested = |levels: usize| {
        let mut fdt = FdtWriter::new().unwrap();
        let nodes: Vec<_> = (0..levels)
            .map(|level| fdt.begin_node(if level == 0 { "" } else { "n" }).unwrap())
            .collect();
        for node in nodes.into_iter().rev() {
            fdt.end_node(node).unwrap();
        }
        fdt.finish().unwrap()
    };
    assert!(Tree::new(&nested(MAX_DEPTH)).is_ok());
    assert!(matches!(
        Tree::new(&nested(MAX_DEPTH + 1)),
        Err(Error::Depth { .. })
    ));
}
