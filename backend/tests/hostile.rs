// SPDX-License-Identifier: Apache-2.0
//! Rings as no driver makes them, each by name: the device asks for a reset,
//! says so, and works again after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use backend::{BlockConfig, DeviceKind};
use common::queue::{Queue, SIZE, start};
use common::{Machine, RAM_BASE, RAM_SIZE, disk};

const BUFFER: u64 = RAM_BASE + 0x30_0000;
const STATUS: u32 = 0x70;
const NEEDS_RESET: u32 = 64;
const NEXT: u16 = 1;
const WRITABLE: u16 = 2;
const INDIRECT: u16 = 4;
const END: u64 = RAM_BASE + RAM_SIZE as u64;

/// Lets `spoil` ruin the ring of a live disk.
fn broken_by(name: &str, spoil: impl FnOnce(&Machine, &mut Queue)) {
    let m = Machine::new(&format!("hostile-{name}"));
    let path = disk(&m.directory, "disk", 1 << 20);
    let mut zone = m.attach(vec![DeviceKind::Block(BlockConfig::new(&path))]);
    start(&m, &mut zone, 0, u64::MAX, 1);
    let mut queue = Queue::at(0, 0);
    spoil(&m, &mut queue);
    m.notify(0, 0);
    zone.turn(100).unwrap();
    assert_ne!(
        m.read(&mut zone, 0, STATUS) & NEEDS_RESET,
        0,
        "{name} was accepted"
    );
    assert_eq!(m.acknowledge(0) & 2, 2, "{name}: nobody was told");
    assert_eq!(queue.take(&m), None);
    // Nothing more is served, and no notification wakes it.
    m.notify(0, 0);
    zone.turn(100).unwrap();
    start(&m, &mut zone, 0, u64::MAX, 1);
    let mut queue = Queue::at(0, 0);
    m.store(BUFFER, &[0; 16]);
    queue.add(
        &m,
        &[
            (BUFFER, 16, false),
            (BUFFER + 512, 512, true),
            (BUFFER + 16, 1, true),
        ],
    );
    assert_eq!(
        queue.wait(&m, &mut zone).1,
        513,
        "{name}: dead after a reset"
    );
}

/// One descriptor at the head of the table, offered.
fn one(m: &Machine, queue: &mut Queue, address: u64, length: u32, flags: u16, next: u16) {
    queue.descriptor(m, queue.table(), 0, (address, length, false), flags, next);
    queue.offer(m, 0);
}

#[test]
fn chains() {
    broken_by("loop", |m, queue| one(m, queue, BUFFER, 16, NEXT, 0));
    broken_by("next-beyond-table", |m, queue| {
        one(m, queue, BUFFER, 16, NEXT, SIZE)
    });
    broken_by("no-header", |m, queue| one(m, queue, BUFFER, 8, 0, 0));
    broken_by("no-status", |m, queue| one(m, queue, BUFFER, 16, 0, 0));
    broken_by("beyond-memory", |m, queue| {
        one(m, queue, END - 8, 16, NEXT, 1)
    });
    broken_by("below-memory", |m, queue| one(m, queue, 0x1000, 16, 0, 0));
    broken_by("wraps", |m, queue| one(m, queue, u64::MAX - 8, 16, 0, 0));
    broken_by("huge", |m, queue| {
        one(m, queue, BUFFER, u32::MAX, WRITABLE, 0)
    });
    broken_by("readable-after-writable", |m, queue| {
        queue.add(
            m,
            &[(BUFFER, 16, false), (BUFFER, 16, true), (BUFFER, 16, false)],
        );
    });
}

#[test]
fn heads_and_indices() {
    broken_by("head-beyond-table", |m, queue| queue.offer(m, SIZE));
    broken_by("head-far-beyond", |m, queue| queue.offer(m, u16::MAX));
    broken_by("index-jumps", |m, queue| {
        m.store(queue.available() + 2, &(SIZE + 1).to_le_bytes());
    });
    broken_by("index-goes-back", |m, queue| {
        m.store(queue.available() + 2, &u16::MAX.to_le_bytes());
    });
}

#[test]
fn indirect_tables() {
    broken_by("table-of-odd-size", |m, queue| {
        one(m, queue, BUFFER, 17, INDIRECT, 0)
    });
    broken_by("empty-table", |m, queue| {
        one(m, queue, BUFFER, 0, INDIRECT, 0)
    });
    broken_by("table-beyond-memory", |m, queue| {
        one(m, queue, END - 16, 64, INDIRECT, 0)
    });
    broken_by("table-in-table", |m, queue| {
        queue.descriptor(m, BUFFER, 0, (BUFFER, 16, false), INDIRECT, 0);
        one(m, queue, BUFFER, 16, INDIRECT, 0);
    });
    broken_by("loop-in-table", |m, queue| {
        queue.descriptor(m, BUFFER, 0, (BUFFER, 16, false), NEXT, 0);
        one(m, queue, BUFFER, 16, INDIRECT, 0);
    });
    broken_by("longest-table", |m, queue| {
        for at in 0..4096u16 {
            queue.descriptor(m, BUFFER, at, (BUFFER, 1, false), NEXT, at + 1);
        }
        one(m, queue, BUFFER, 65536, INDIRECT, 0);
    });
}

#[test]
fn a_flood_of_the_same_chain_stays_bounded() {
    let m = Machine::new("hostile-flood");
    let path = disk(&m.directory, "disk", 1 << 20);
    let mut zone = m.attach(vec![DeviceKind::Block(BlockConfig::new(&path))]);
    start(&m, &mut zone, 0, u64::MAX, 1);
    let mut queue = Queue::at(0, 0);
    m.store(BUFFER, &[0; 16]);
    queue.add(
        &m,
        &[
            (BUFFER, 16, false),
            (BUFFER + 512, 512, true),
            (BUFFER + 16, 1, true),
        ],
    );
    for _ in 1..SIZE {
        queue.offer(&m, 0);
    }
    let mut used = 0;
    m.notify(0, 0);
    for _ in 0..100 {
        zone.turn(10).unwrap();
        while queue.take(&m).is_some() {
            used += 1;
        }
    }
    assert_eq!(used, SIZE);
}

#[test]
fn queues_in_wrong_places() {
    for (register, address) in [
        (0x80, END - 16),
        (0x90, 0),
        (0xa0, END),
        (0x80, RAM_BASE + 8),
    ] {
        let m = Machine::new("hostile-place");
        let path = disk(&m.directory, "disk", 1 << 20);
        let mut zone = m.attach(vec![DeviceKind::Block(BlockConfig::new(&path))]);
        start(&m, &mut zone, 0, u64::MAX, 1);
        // Again, with the queue elsewhere.
        m.write(&mut zone, 0, STATUS, 0);
        m.write(&mut zone, 0, STATUS, 3);
        m.write(&mut zone, 0, 0x24, 1);
        m.write(&mut zone, 0, 0x20, 1);
        m.write(&mut zone, 0, STATUS, 11);
        let queue = Queue::at(0, 0);
        for (register, address) in [
            (0x80, queue.table()),
            (0x90, queue.available()),
            (0xa0, queue.used()),
        ] {
            m.write(&mut zone, 0, register, address & 0xffff_ffff);
        }
        m.write(&mut zone, 0, register, address & 0xffff_ffff);
        m.write(&mut zone, 0, 0x44, 1);
        m.write(&mut zone, 0, STATUS, 15);
        assert_ne!(
            m.read(&mut zone, 0, STATUS) & NEEDS_RESET,
            0,
            "{register:#x} {address:#x}"
        );
    }
}
