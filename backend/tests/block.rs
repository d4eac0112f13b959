// SPDX-License-Identifier: Apache-2.0
//! virtio-blk against real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use backend::zone::Zone;
use backend::{BlockConfig, DeviceKind};
use common::queue::{Buffer, Queue, start};
use common::{Machine, RAM_BASE, TestLink, disk};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

const HEADER: u64 = RAM_BASE + 0x20_0000;
const STATUS: u64 = HEADER + 0x100;
const DATA: u64 = RAM_BASE + 0x30_0000;
const MIB: u64 = 1 << 20;
/// All features but those of rings.
const PLAIN: u64 = 0xffff;
const ALL: u64 = u64::MAX;

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const DISCARD: u32 = 11;
const ZEROES: u32 = 13;

fn put_header(m: &Machine, kind: u32, sector: u64) {
    let mut header = kind.to_le_bytes().to_vec();
    header.extend([0; 4]);
    header.extend(sector.to_le_bytes());
    m.store(HEADER, &header);
    m.store(STATUS, &[0xff]);
}

/// One request; status and bytes written.
fn request(
    m: &Machine,
    zone: &mut Zone<TestLink>,
    queue: &mut Queue,
    kind: u32,
    sector: u64,
    data: &[Buffer],
    indirect: bool,
) -> (u8, u32) {
    put_header(m, kind, sector);
    let mut chain = vec![(HEADER, 16, false)];
    chain.extend(data);
    chain.push((STATUS, 1, true));
    let head = if indirect {
        queue.add_indirect(m, &chain)
    } else {
        queue.add(m, &chain)
    };
    let (used, written) = queue.wait(m, zone);
    assert_eq!(used, head);
    (m.load(STATUS, 1)[0], written)
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8).wrapping_mul(31) ^ seed ^ (at >> 8) as u8)
        .collect()
}

#[test]
fn what_is_written_is_in_the_file_and_is_read_again() {
    let m = Machine::new("block-rw");
    let path = disk(&m.directory, "disk", 4 * MIB);
    let mut zone = m.attach(vec![DeviceKind::Block(BlockConfig::new(&path))]);
    for (wanted, indirect) in [(PLAIN, false), (ALL, true)] {
        start(&m, &mut zone, 0, wanted, 1);
        let capacity = m.access(&mut zone, 0, 0x100, 8, None);
        assert_eq!(capacity, 4 * MIB / 512);
        let mut queue = Queue::at(0, 0);
        // Around the ring more than once, scattered unevenly.
        for round in 0..150u64 {
            let bytes = pattern(12 * 512, round as u8);
            m.store(DATA, &bytes);
            let out = [
                (DATA, 100, false),
                (DATA + 100, 4000, false),
                (DATA + 4100, 2044, false),
            ];
            let sector = round * 12;
            assert_eq!(
                request(&m, &mut zone, &mut queue, OUT, sector, &out, indirect),
                (0, 1)
            );
            let back = [
                (DATA + 0x8000, 6000, true),
                (DATA + 0x8000 + 6000, 144, true),
            ];
            let result = request(&m, &mut zone, &mut queue, IN, sector, &back, indirect);
            assert_eq!(result, (0, 6145));
            assert_eq!(m.load(DATA + 0x8000, 6144), bytes);
        }
        assert_eq!(
            request(&m, &mut zone, &mut queue, FLUSH, 0, &[], indirect).0,
            0
        );
        let file = std::fs::read(&path).unwrap();
        assert_eq!(file[149 * 6144..150 * 6144], pattern(6144, 149));
    }
}

#[test]
fn many_requests_at_once_are_all_answered_in_order() {
    let m = Machine::new("block-many");
    let path = disk(&m.directory, "disk", 4 * MIB);
    let image: Vec<u8> = (0..4 * MIB).map(|at| (at >> 12) as u8).collect();
    std::fs::write(&path, image).unwrap();
    let mut config = BlockConfig::new(&path);
    config.queues = 4;
    let mut zone = m.attach(vec![DeviceKind::Block(config)]);
    start(&m, &mut zone, 0, ALL, 4);
    let mut queues: Vec<Queue> = (0..4).map(|index| Queue::at(0, index)).collect();
    for (number, queue) in queues.iter_mut().enumerate() {
        for at in 0..20u64 {
            let place = number as u64 * 20 + at;
            put_header(&m, IN, 0);
            let header = HEADER + 0x1000 + place * 16;
            let mut bytes = m.load(HEADER, 16);
            bytes[8..16].copy_from_slice(&(place * 8).to_le_bytes());
            m.store(header, &bytes);
            let status = STATUS + 0x8000 + place;
            m.store(status, &[0xff]);
            queue.add(
                &m,
                &[
                    (header, 16, false),
                    (DATA + place * 4096, 4096, true),
                    (status, 1, true),
                ],
            );
        }
        m.notify(0, number as u32);
    }
    let mut done = [0u16; 4];
    while done.iter().any(|count| *count < 20) {
        zone.turn(1000).unwrap();
        for (queue, done) in queues.iter_mut().zip(&mut done) {
            while let Some((head, written)) = queue.take(&m) {
                assert_eq!((head, written), (*done * 3, 4097));
                *done += 1;
            }
        }
    }
    for place in 0..80u64 {
        assert_eq!(m.load(DATA + place * 4096, 4096), vec![place as u8; 4096]);
    }
    assert_ne!(m.acknowledge(0), 0);
}

#[test]
fn nothing_is_in_flight_once_the_zone_stopped() {
    let m = Machine::new("block-stop");
    let path = disk(&m.directory, "disk", 4 * MIB);
    let mut zone = m.attach(vec![DeviceKind::Block(BlockConfig::new(&path))]);
    let state = EventFd::new(EFD_NONBLOCK).unwrap();
    zone.watch_state(state.try_clone().unwrap()).unwrap();
    start(&m, &mut zone, 0, ALL, 1);
    let mut queue = Queue::at(0, 0);
    put_header(&m, IN, 0);
    // Another zone's state changed: nothing happens.
    state.write(1).unwrap();
    zone.turn(100).unwrap();
    assert_eq!(m.read(&mut zone, 0, 0x70), 15);
    let chain = [
        (HEADER, 16, false),
        (DATA, 0x8_0000, true),
        (STATUS, 1, true),
    ];
    queue.add(&m, &chain);
    m.notify(0, 0);
    m.calls.0.stopped.set(true);
    state.write(1).unwrap();
    zone.turn(100).unwrap();
    zone.turn(0).unwrap();
    m.store(DATA, &[0xaa; 0x8_0000]);
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(m.load(DATA, 0x8_0000), vec![0xaa; 0x8_0000]);
    assert_eq!(m.read(&mut zone, 0, 0x70), 0);
}

#[test]
fn identity_bounds_and_unknown_requests() {
    let m = Machine::new("block-bounds");
    let path = disk(&m.directory, "disk", MIB + 300);
    let mut config = BlockConfig::new(&path);
    config.serial = "A-SERIAL-NUMBER-THAT-IS-LONG".into();
    let mut zone = m.attach(vec![DeviceKind::Block(config)]);
    start(&m, &mut zone, 0, ALL, 1);
    let mut queue = Queue::at(0, 0);
    let mut ask = |kind, sector, data: &[Buffer]| {
        request(&m, &mut zone, &mut queue, kind, sector, data, false)
    };
    assert_eq!(ask(GET_ID, 0, &[(DATA, 20, true)]), (0, 21));
    assert_eq!(m.load(DATA, 20), b"A-SERIAL-NUMBER-THAT");
    let sectors = MIB / 512;
    assert_eq!(ask(IN, sectors - 1, &[(DATA, 512, true)]), (0, 513));
    assert_eq!(ask(IN, sectors, &[(DATA, 512, true)]).0, 1);
    assert_eq!(ask(IN, sectors - 1, &[(DATA, 1024, true)]).0, 1);
    assert_eq!(ask(OUT, u64::MAX, &[(DATA, 512, false)]).0, 1);
    assert_eq!(ask(OUT, u64::MAX / 512, &[(DATA, 512, false)]).0, 1);
    assert_eq!(ask(IN, 0, &[(DATA, 511, true)]).0, 1);
    assert_eq!(ask(99, 0, &[]).0, 2);
    assert_eq!(ask(DISCARD, 0, &[(DATA, 15, false)]).0, 1);
}

#[test]
fn a_read_only_disk_is_not_written() {
    let m = Machine::new("block-ro");
    let path = disk(&m.directory, "disk", MIB);
    let mut config = BlockConfig::new(&path);
    config.read_only = true;
    let mut zone = m.attach(vec![DeviceKind::Block(config)]);
    let features = start(&m, &mut zone, 0, ALL, 1);
    assert_ne!(features & 1 << 5, 0);
    let mut queue = Queue::at(0, 0);
    m.store(DATA, &[1; 512]);
    assert_eq!(
        request(
            &m,
            &mut zone,
            &mut queue,
            OUT,
            0,
            &[(DATA, 512, false)],
            false
        )
        .0,
        1
    );
    assert_eq!(std::fs::read(&path).unwrap(), vec![0; MIB as usize]);
}

#[test]
fn zeroes_and_discards_read_as_zeroes() {
    let m = Machine::new("block-zero");
    let path = disk(&m.directory, "disk", MIB);
    std::fs::write(&path, vec![0xaa; MIB as usize]).unwrap();
    let mut zone = m.attach(vec![DeviceKind::Block(BlockConfig::new(&path))]);
    let features = start(&m, &mut zone, 0, ALL, 1);
    let mut queue = Queue::at(0, 0);
    let segment = |sector: u64, count: u32, flags: u32| {
        let mut bytes = sector.to_le_bytes().to_vec();
        bytes.extend(count.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        m.store(DATA, &bytes);
        [(DATA, 16, false)]
    };
    for (sector, flags) in [(8, 0), (800, 1)] {
        let data = segment(sector, 600, flags);
        assert_eq!(
            request(&m, &mut zone, &mut queue, ZEROES, 0, &data, false).0,
            0
        );
    }
    let file = std::fs::read(&path).unwrap();
    for (sectors, byte) in [
        (0..8, 0xaa),
        (8..608, 0),
        (608..800, 0xaa),
        (800..1400, 0),
        (1400..2048, 0xaa),
    ] {
        assert!(
            file[sectors.start * 512..sectors.end * 512]
                .iter()
                .all(|found| *found == byte)
        );
    }
    let data = segment(8, 600, 4);
    assert_eq!(
        request(&m, &mut zone, &mut queue, ZEROES, 0, &data, false).0,
        2
    );
    let data = segment(2000, 100, 0);
    assert_eq!(
        request(&m, &mut zone, &mut queue, ZEROES, 0, &data, false).0,
        1
    );
    if features & 1 << 13 != 0 {
        let data = segment(1600, 8, 0);
        assert_eq!(
            request(&m, &mut zone, &mut queue, DISCARD, 0, &data, false).0,
            0
        );
        let file = std::fs::read(&path).unwrap();
        assert!(file[1600 * 512..1608 * 512].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_new_back_end_goes_on_where_the_old_one_was_killed() {
    let m = Machine::new("block-kill");
    let path = disk(&m.directory, "disk", MIB);
    let kinds = || vec![DeviceKind::Block(BlockConfig::new(&path))];
    let mut zone = m.attach(kinds());
    start(&m, &mut zone, 0, ALL, 1);
    let mut queue = Queue::at(0, 0);
    m.store(DATA, &[7; 512]);
    assert_eq!(
        request(
            &m,
            &mut zone,
            &mut queue,
            OUT,
            1,
            &[(DATA, 512, false)],
            false
        )
        .0,
        0
    );
    drop(zone);
    // A request while nobody is there, whose notification goes to nobody.
    put_header(&m, IN, 1);
    let place = DATA + 0x1000;
    queue.add(
        &m,
        &[(HEADER, 16, false), (place, 512, true), (STATUS, 1, true)],
    );
    m.acknowledge(0);
    let mut zone = m.attach(kinds());
    assert_eq!(m.read(&mut zone, 0, 0x70), 15, "the device was not reset");
    for _ in 0..10 {
        zone.turn(10).unwrap();
    }
    assert_eq!(queue.take(&m).map(|(_, written)| written), Some(513));
    assert_eq!(m.load(place, 512), vec![7; 512]);
    assert!(m.level(0));
    // A guest that was started anew finds a device that was reset.
    m.restart();
    zone.turn(10).unwrap();
    assert_eq!(m.read(&mut zone, 0, 0x70), 0);
    start(&m, &mut zone, 0, PLAIN, 1);
    let mut queue = Queue::at(0, 0);
    assert_eq!(
        request(
            &m,
            &mut zone,
            &mut queue,
            IN,
            1,
            &[(place, 512, true)],
            false
        )
        .0,
        0
    );
}
