// SPDX-License-Identifier: Apache-2.0
//! The walker against a map of pages, in both formats.

use paging::{AArch64Stage2, Attributes, Format, Frames, Geometry, MapError, RiscvGStage, Table};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const PAGE: u64 = 4096;
const BLOCK: u64 = 2 << 20;

/// Frames in a hash map; fails after `limit`.
#[derive(Default)]
struct Heap {
    tables: HashMap<u64, Vec<u64>>,
    next: u64,
    limit: usize,
    flushed: bool,
}

impl Heap {
    fn new(limit: usize, root_frames: usize) -> Self {
        let mut heap = Heap {
            next: 0x10_0000,
            limit,
            ..Default::default()
        };
        heap.tables.insert(0x1_0000, vec![0; 512 * root_frames]);
        heap
    }
}

impl Frames for Heap {
    fn allocate(&mut self) -> Option<u64> {
        if self.tables.len() > self.limit {
            return None;
        }
        self.next += PAGE;
        self.tables.insert(self.next, vec![0; 512]);
        Some(self.next)
    }
    fn free(&mut self, frame: u64) {
        assert!(
            self.flushed,
            "freed a table that a processor may still walk"
        );
        assert!(self.tables.remove(&frame).is_some());
    }
    fn read(&self, table: u64, index: usize) -> u64 {
        self.tables[&table][index]
    }
    fn write(&mut self, table: u64, index: usize, bits: u64) {
        let entry = &mut self.tables.get_mut(&table).unwrap()[index];
        if *entry & 1 != 0 {
            assert_eq!(
                bits & 1,
                0,
                "changed a valid entry without break before make"
            );
            self.flushed = false;
        }
        *entry = bits;
    }
    fn flush(&mut self) {
        self.flushed = true;
    }
}

const FORTY: Geometry = Geometry {
    levels: 3,
    root_bits: 10,
};
const SV39X4: Geometry = Geometry {
    levels: 3,
    root_bits: 11,
};

fn blocks_are_used<F: Format>(geometry: Geometry) {
    let mut heap = Heap::new(100, geometry.root_frames());
    let mut table = Table::<F>::new(0x1_0000, geometry);
    table
        .map(&mut heap, 1 << 30, 2 << 30, 1 << 30, Attributes::RAM)
        .unwrap();
    let tables_above = geometry.levels as usize - 2;
    assert_eq!(
        heap.tables.len(),
        tables_above,
        "1 GiB is one entry of level 2"
    );
    table
        .map(&mut heap, 2 << 30, BLOCK, BLOCK, Attributes::RAM)
        .unwrap();
    assert_eq!(heap.tables.len(), tables_above + 1);
    assert_eq!(
        table.translate(&heap, (1 << 30) + 5).unwrap().0,
        (2 << 30) + 5
    );
    assert_eq!(
        table.map(&mut heap, (1 << 30) + PAGE, 0, PAGE, Attributes::RAM),
        Err(MapError::Occupied)
    );
    // A page out of the middle splits 1 GiB into 2 MiB and 4 KiB.
    table
        .unmap(&mut heap, (1 << 30) + BLOCK + PAGE, PAGE)
        .unwrap();
    assert!(table.translate(&heap, (1 << 30) + BLOCK + PAGE).is_none());
    assert_eq!(table.translate(&heap, (1 << 30) + BLOCK).unwrap().1, PAGE);
    assert_eq!(
        table.translate(&heap, (1 << 30) + 2 * BLOCK).unwrap().1,
        BLOCK
    );
    table.clear_all(&mut heap);
    assert_eq!(heap.tables.len(), 1);
}

#[test]
fn blocks_are_used_and_split() {
    blocks_are_used::<AArch64Stage2>(FORTY);
    blocks_are_used::<RiscvGStage>(SV39X4);
    blocks_are_used::<AArch64Stage2>(Geometry {
        levels: 4,
        root_bits: 9,
    });
    blocks_are_used::<RiscvGStage>(Geometry {
        levels: 4,
        root_bits: 11,
    });
    blocks_are_used::<RiscvGStage>(Geometry {
        levels: 5,
        root_bits: 11,
    });
}

#[test]
fn a_failed_map_leaves_nothing() {
    for limit in 1..5 {
        let mut heap = Heap::new(limit, FORTY.root_frames());
        let mut table = Table::<AArch64Stage2>::new(0x1_0000, FORTY);
        let size = 2 * BLOCK + PAGE;
        if table
            .map(&mut heap, BLOCK * 511 - PAGE, 0, size, Attributes::RAM)
            .is_err()
        {
            for page in 0..size / PAGE {
                assert!(
                    table
                        .translate(&heap, BLOCK * 511 - PAGE + page * PAGE)
                        .is_none()
                );
            }
        }
    }
}

#[test]
fn addresses_outside_are_refused() {
    let mut heap = Heap::new(100, FORTY.root_frames());
    let mut table = Table::<AArch64Stage2>::new(0x1_0000, FORTY);
    for (guest, size) in [
        (1 << 40, PAGE),
        ((1 << 40) - PAGE, 2 * PAGE),
        (u64::MAX - 4095, PAGE),
        (1, PAGE),
        (0, 0),
    ] {
        assert_eq!(
            table.map(&mut heap, guest, 0, size, Attributes::RAM),
            Err(MapError::Misaligned)
        );
    }
    assert!(table.translate(&heap, u64::MAX).is_none());
}

/// Pages near block and GiB edges, so that blocks, splits and joins all occur.
fn address() -> impl Strategy<Value = u64> {
    (
        0u64..3,
        prop::sample::select(vec![0u64, 1, 2, 511, 512, 513, 1023, 1024, 262_143]),
    )
        .prop_map(|(gib, page)| (gib << 30) + page * PAGE)
}

fn size() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![1u64, 2, 511, 512, 513, 1024, 1536]).prop_map(|pages| pages * PAGE)
}

fn agrees<F: Format>(geometry: Geometry, steps: &[(bool, u64, u64, u64)]) {
    let mut heap = Heap::new(1000, geometry.root_frames());
    let mut table = Table::<F>::new(0x1_0000, geometry);
    let mut model = BTreeMap::<u64, u64>::new();
    for &(map, guest, physical, size) in steps {
        let pages = size / PAGE;
        if map {
            let occupied = model.range(guest..guest + size).next().is_some();
            let result = table.map(&mut heap, guest, physical, size, Attributes::RAM);
            assert_eq!(result.is_err(), occupied);
            if !occupied {
                model.extend((0..pages).map(|p| (guest + p * PAGE, physical + p * PAGE)));
            }
        } else {
            table.unmap(&mut heap, guest, size).unwrap();
            (0..pages).for_each(|p| {
                model.remove(&(guest + p * PAGE));
            });
        }
        for probe in steps
            .iter()
            .flat_map(|s| [s.1, s.1 + s.3, s.1 + s.3 - PAGE, s.1.saturating_sub(PAGE)])
        {
            assert_eq!(
                table.translate(&heap, probe).map(|t| t.0),
                model.get(&probe).copied()
            );
        }
    }
    table.clear_all(&mut heap);
    assert_eq!(heap.tables.len(), 1, "every table came back");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..Default::default() })]
    #[test]
    fn agrees_with_a_page_map(
        steps in prop::collection::vec((any::<bool>(), address(), address(), size()), 1..12)
    ) {
        agrees::<AArch64Stage2>(FORTY, &steps);
        agrees::<RiscvGStage>(SV39X4, &steps);
    }
}
