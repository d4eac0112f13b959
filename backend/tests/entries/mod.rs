// SPDX-License-Identifier: Apache-2.0
//! What the fuzz targets run, on any bytes; `tests/smoke.rs` runs it on some.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::common::queue::{Queue, SIZE, start};
use super::common::{Machine, RAM_BASE, TestLink, disk};
use backend::transport::{F_VERSION_1, Registers, status};
use backend::zone::Zone;
use backend::{BlockConfig, ConsoleConfig, DeviceKind};

/// Takes bytes until there are no more, then zeroes.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }
    fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, at| word | u64::from(self.byte()) << (8 * at))
    }
}

/// Any accesses to the register file keep its promises.
pub fn registers(data: &[u8]) {
    let features = 0x1234 | F_VERSION_1;
    let mut registers = Registers::new(2, features, &[256, 64]);
    let mut source = Source(data);
    while !source.0.is_empty() {
        let offset = u32::from(source.byte()) | u32::from(source.byte() & 1) << 8;
        let width = 1 << (source.byte() & 3);
        let kind = source.byte();
        let value = if kind & 2 != 0 {
            u64::from(source.byte())
        } else {
            source.word()
        };
        if kind & 1 != 0 {
            registers.write(offset, width, value);
        } else {
            registers.read(offset, width, &[1, 2, 3], 1);
        }
        if registers.is_live() {
            assert_ne!(registers.state().status & status::FEATURES_OK, 0);
            assert_eq!(registers.negotiated() & !features, 0);
            assert_ne!(registers.negotiated() & F_VERSION_1, 0);
        }
        for (queue, max) in registers.queues().iter().zip([256, 64]) {
            assert!(queue.ready == 0 || queue.size.is_power_of_two() && queue.size <= max);
        }
        let mut other = Registers::new(2, features, &[256, 64]);
        assert!(other.restore(registers.state(), registers.queues()));
        assert_eq!(other.queues(), registers.queues());
    }
}

const HEADER: u64 = RAM_BASE + 0x20_0000;
const DATA: u64 = RAM_BASE + 0x30_0000;
/// Block, serial, console: the devices, and how many queues each has.
const QUEUES: [(u32, u32); 3] = [(0, 1), (2, 2), (2, 2)];

/// An address inside, at the edge of, or outside memory.
fn address(source: &mut Source) -> u64 {
    let offset = u64::from(source.byte()) << 8;
    match source.byte() & 7 {
        0 => source.word(),
        1 => RAM_BASE + super::common::RAM_SIZE as u64 - 16 + offset / 256,
        2 => u64::MAX - offset,
        3 => RAM_BASE + offset,
        4 => HEADER,
        _ => DATA + offset,
    }
}

/// A driver that does anything to its rings breaks no more than its device.
pub fn rings(data: &[u8]) {
    let m = Machine::new("rings");
    let path = disk(&m.directory, "disk", 1 << 20);
    let console = ConsoleConfig {
        console: "main".into(),
    };
    let mut zone = m.attach(vec![
        DeviceKind::Block(BlockConfig::new(&path)),
        DeviceKind::Serial(console.clone()),
        DeviceKind::Console(console),
    ]);
    start(&m, &mut zone, 0, u64::MAX, 1);
    start(&m, &mut zone, 2, u64::MAX, 2);
    let mut source = Source(data);
    while !source.0.is_empty() {
        step(&m, &mut zone, &mut source);
    }
    zone.turn(0).unwrap();
    survivor(&m, &mut zone);
}

fn step(m: &Machine, zone: &mut Zone<TestLink>, source: &mut Source) {
    let (device, queues) = QUEUES[usize::from(source.byte()) % QUEUES.len()];
    let queue = Queue::at(device, u32::from(source.byte()) % queues);
    let mut index = || u16::from(source.byte());
    match index() % 8 {
        0 | 1 => {
            let at = index() % SIZE;
            let (flags, next, length) = (index() & 7, index() % 80, u32::from(index()) * 64);
            let buffer = (address(source), length, false);
            queue.descriptor(m, queue.table(), at, buffer, flags, next);
        }
        2 => {
            let slot = queue.available() + 4 + u64::from(index() % SIZE) * 2;
            m.store(slot, &(index() % 80).to_le_bytes());
        }
        3 => {
            // By a little, or to anywhere.
            let step = index();
            let old = m.load16(queue.available() + 2);
            let new = old.wrapping_add(if step < 128 { step % 4 } else { step << 8 });
            m.store(queue.available() + 2, &new.to_le_bytes());
        }
        4 => {
            m.notify(device, queue.index);
            zone.turn(0).unwrap();
        }
        5 => {
            let (kind, sector) = (index() % 16, index());
            let mut header = u32::from(kind).to_le_bytes().to_vec();
            header.extend([0; 4]);
            header.extend(u64::from(sector).to_le_bytes());
            m.store(HEADER, &header);
        }
        6 => {
            let offset = index() as u32 & 0xfc;
            let value = source.word() >> (source.byte() & 63);
            m.write(zone, device, offset, value);
        }
        _ => {
            let value = source.word();
            m.store(
                queue.table() + u64::from(source.byte()) * 32,
                &value.to_le_bytes(),
            );
        }
    }
}

/// After whatever happened: a reset device works, and so does the serial line.
fn survivor(m: &Machine, zone: &mut Zone<TestLink>) {
    m.access(zone, 1, 7, 1, Some(0x5a));
    assert_eq!(m.access(zone, 1, 7, 1, None), 0x5a);
    start(m, zone, 0, u64::MAX, 1);
    let mut queue = Queue::at(0, 0);
    m.store(HEADER, &[0; 16]);
    m.store(HEADER + 0x100, &[0xff]);
    queue.add(
        m,
        &[
            (HEADER, 16, false),
            (DATA, 512, true),
            (HEADER + 0x100, 1, true),
        ],
    );
    assert_eq!(queue.wait(m, zone).1, 513);
    assert_eq!(m.load(HEADER + 0x100, 1), [0]);
}
