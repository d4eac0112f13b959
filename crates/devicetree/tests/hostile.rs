// SPDX-License-Identifier: Apache-2.0
//! Nothing in the bytes of a tree may panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod support;

use devicetree::{Edit, Tree, Writer, edit};
use proptest::prelude::*;
use support::sample;

struct Nothing;
impl Edit<'_> for Nothing {}

/// Calls everything.
fn read(bytes: &[u8]) {
    let Ok(tree) = Tree::new(bytes) else { return };
    tree.reservations().take(1000).count();
    tree.stdout();
    for node in tree.nodes() {
        node.name();
        node.children().count();
        for (name, _) in node.properties() {
            node.cell(name);
            node.number(name);
            node.text(name);
            node.strings(name).count();
        }
        for index in 0..4 {
            node.region(index);
        }
        for interrupt in node.interrupts().take(100) {
            interrupt.cell(1);
        }
        node.is_available();
        node.phandle().and_then(|phandle| tree.by_phandle(phandle));
    }
    let mut out = vec![0; bytes.len() * 2 + 1024];
    let copied = Writer::new(&mut out, &tree, tree.reservations())
        .and_then(|writer| edit(&tree, &mut Nothing, writer));
    if let Ok(length) = copied {
        assert_eq!(
            Tree::new(&out[..length]).unwrap().nodes().count(),
            tree.nodes().count()
        );
    }
}

#[test]
fn every_cut_is_survived() {
    let bytes = sample();
    for length in 0..bytes.len() {
        assert!(Tree::new(&bytes[..length]).is_err(), "{length} bytes");
        // The same with a header that says so.
        if length >= 8 {
            let mut cut = bytes[..length].to_vec();
            cut[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
            read(&cut);
        }
    }
}

proptest! {
    #[test]
    fn bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        read(&bytes);
    }

    #[test]
    fn damaged_words(damage in proptest::collection::vec((any::<prop::sample::Index>(), word()), 1..6)) {
        let mut bytes = sample();
        for (at, value) in damage {
            let at = at.index(bytes.len() / 4) * 4;
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        read(&bytes);
    }

    #[test]
    fn damaged_bytes(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = sample();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read(&bytes);
    }
}

/// Words that mean something, or are at an edge.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        prop_oneof![Just(0u32), Just(1), Just(2), Just(3), Just(4), Just(9)],
        prop_oneof![
            Just(u32::MAX),
            Just(u32::MAX - 3),
            Just(0x7fff_ffff),
            Just(0x8000_0000)
        ],
        0u32..1024,
        any::<u32>(),
    ]
}
