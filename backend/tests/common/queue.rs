// SPDX-License-Identifier: Apache-2.0
//! The driver's side of a virtio-mmio device and its split queues.

use super::{Machine, RAM_BASE, TestLink};
use backend::zone::Zone;

pub const SIZE: u16 = 64;
const WRITABLE: u16 = 2;
const NEXT: u16 = 1;
const INDIRECT: u16 = 4;

/// Brings a device up; the features that were agreed on.
pub fn start(m: &Machine, zone: &mut Zone<TestLink>, device: u32, wanted: u64, queues: u32) -> u64 {
    assert_eq!(m.read(zone, device, 0), u32::from_le_bytes(*b"virt"));
    assert_eq!(m.read(zone, device, 4), 2);
    m.write(zone, device, 0x70, 0);
    m.write(zone, device, 0x70, 1);
    m.write(zone, device, 0x70, 3);
    m.write(zone, device, 0x14, 0);
    let low = u64::from(m.read(zone, device, 0x10));
    m.write(zone, device, 0x14, 1);
    let features = (low | u64::from(m.read(zone, device, 0x10)) << 32) & (wanted | 1 << 32);
    m.write(zone, device, 0x24, 0);
    m.write(zone, device, 0x20, features & 0xffff_ffff);
    m.write(zone, device, 0x24, 1);
    m.write(zone, device, 0x20, features >> 32);
    m.write(zone, device, 0x70, 11);
    assert_eq!(m.read(zone, device, 0x70), 11, "features were refused");
    for index in 0..queues {
        let queue = Queue::at(device, index);
        m.store(queue.base, &[0; 0x4000]);
        m.write(zone, device, 0x30, u64::from(index));
        assert!(m.read(zone, device, 0x34) >= u32::from(SIZE));
        m.write(zone, device, 0x38, u64::from(SIZE));
        for (register, address) in [
            (0x80, queue.table()),
            (0x90, queue.available()),
            (0xa0, queue.used()),
        ] {
            m.write(zone, device, register, address & 0xffff_ffff);
            m.write(zone, device, register + 4, address >> 32);
        }
        m.write(zone, device, 0x44, 1);
        assert_eq!(m.read(zone, device, 0x44), 1);
    }
    m.write(zone, device, 0x70, 15);
    assert_eq!(m.read(zone, device, 0x70), 15);
    features
}

/// The driver's view of a queue.
pub struct Queue {
    pub device: u32,
    pub index: u32,
    base: u64,
    next: u16,
    seen: u16,
    free: u16,
}

/// A buffer: guest address, length, whether the device writes it.
pub type Buffer = (u64, u32, bool);

impl Queue {
    /// Each queue has 16 KiB at a place of its own.
    pub fn at(device: u32, index: u32) -> Self {
        let base = RAM_BASE + u64::from(device * 8 + index) * 0x4000;
        Self {
            device,
            index,
            base,
            next: 0,
            seen: 0,
            free: 0,
        }
    }

    pub fn table(&self) -> u64 {
        self.base
    }
    pub fn available(&self) -> u64 {
        self.base + 0x1000
    }
    pub fn used(&self) -> u64 {
        self.base + 0x2000
    }

    pub fn descriptor(
        &self,
        m: &Machine,
        table: u64,
        index: u16,
        buffer: Buffer,
        flags: u16,
        next: u16,
    ) {
        let (address, length, writable) = buffer;
        let flags = flags | if writable { WRITABLE } else { 0 };
        let mut bytes = address.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
        m.store(table + u64::from(index) * 16, &bytes);
    }

    /// Makes a chain available; its head.
    pub fn add(&mut self, m: &Machine, buffers: &[Buffer]) -> u16 {
        let head = self.free;
        for (at, buffer) in buffers.iter().enumerate() {
            let index = (head + at as u16) % SIZE;
            let last = at + 1 == buffers.len();
            let flags = if last { 0 } else { NEXT };
            self.descriptor(m, self.table(), index, *buffer, flags, (index + 1) % SIZE);
        }
        self.free = (head + buffers.len() as u16) % SIZE;
        self.offer(m, head);
        head
    }

    /// As `add`, by an indirect table.
    pub fn add_indirect(&mut self, m: &Machine, buffers: &[Buffer]) -> u16 {
        let head = self.free;
        let table = self.base + 0x3000 + u64::from(head) % 4 * 0x400;
        for (at, buffer) in buffers.iter().enumerate() {
            let flags = if at + 1 == buffers.len() { 0 } else { NEXT };
            self.descriptor(m, table, at as u16, *buffer, flags, at as u16 + 1);
        }
        let whole = (table, buffers.len() as u32 * 16, false);
        self.descriptor(m, self.table(), head, whole, INDIRECT, 0);
        self.free = (head + 1) % SIZE;
        self.offer(m, head);
        head
    }

    pub fn offer(&mut self, m: &Machine, head: u16) {
        let slot = self.available() + 4 + u64::from(self.next % SIZE) * 2;
        m.store(slot, &head.to_le_bytes());
        self.next = self.next.wrapping_add(1);
        m.store(self.available() + 2, &self.next.to_le_bytes());
    }

    /// The next used chain: head and bytes written.
    pub fn take(&mut self, m: &Machine) -> Option<(u16, u32)> {
        if m.load16(self.used() + 2) == self.seen {
            return None;
        }
        let bytes = m.load(self.used() + 4 + u64::from(self.seen % SIZE) * 8, 8);
        self.seen = self.seen.wrapping_add(1);
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        Some((word(0) as u16, word(4)))
    }

    /// Notifies and turns the back end until a chain is used.
    pub fn wait(&mut self, m: &Machine, zone: &mut Zone<TestLink>) -> (u16, u32) {
        m.notify(self.device, self.index);
        for _ in 0..100 {
            zone.turn(100).unwrap();
            if let Some(used) = self.take(m) {
                return used;
            }
        }
        panic!("nothing was used");
    }
}
