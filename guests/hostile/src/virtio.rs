// SPDX-License-Identifier: Apache-2.0
//! A driver from hell for virtio over MMIO (virtio 1.2, 4.2).

use crate::memory::{read, write};
use crate::platform::{Platform, Window};
use crate::random::Random;

const DRIVER_FEATURES: u64 = 0x20;
const DRIVER_FEATURES_SELECT: u64 = 0x24;
const QUEUE_SELECT: u64 = 0x30;
const QUEUE_SIZE: u64 = 0x38;
const QUEUE_READY: u64 = 0x44;
const QUEUE_NOTIFY: u64 = 0x50;
const INTERRUPT_ACK: u64 = 0x64;
const STATUS: u64 = 0x70;
/// Descriptor area, driver area, device area: low word, then high.
const AREAS: [u64; 3] = [0x80, 0x90, 0xa0];
const ENTRIES: u64 = 16;
/// Descriptor flags: NEXT, WRITE, INDIRECT.
const FLAGS: u64 = 7;

fn set(base: u64, register: u64, value: u64) {
    write(base + register, 4, value);
}

/// Negotiates VERSION_1 and everything else at random.
fn begin(base: u64, random: &mut Random) {
    set(base, STATUS, 0);
    set(base, STATUS, 3);
    for select in 0..2 {
        set(base, DRIVER_FEATURES_SELECT, select);
        let offered = {
            set(base, 0x14, select);
            read(base + 0x10, 4)
        };
        set(
            base,
            DRIVER_FEATURES,
            if select == 1 {
                offered
            } else {
                offered & random.next()
            },
        );
    }
    set(base, STATUS, 11);
}

/// Rings in `ram` whose descriptors loop, overlap and lie outside of RAM.
fn rings(base: u64, ram: Window, platform: &Platform, random: &mut Random) {
    for queue in 0..3 {
        set(base, QUEUE_SELECT, queue);
        set(
            base,
            QUEUE_SIZE,
            if random.below(4) == 0 {
                random.next()
            } else {
                ENTRIES
            },
        );
        let mut addresses = [0; 3];
        for (index, (register, slot)) in AREAS.iter().zip(&mut addresses).enumerate() {
            let place = ram.base + queue * 0x4000 + index as u64 * 0x1000;
            *slot = if random.below(4) == 0 {
                random.argument(platform.ram())
            } else {
                place
            };
            set(base, *register, *slot & 0xffff_ffff);
            set(base, *register + 4, *slot >> 32);
        }
        set(base, QUEUE_READY, 1);
    }
    set(base, STATUS, 15);
    for _ in 0..64 {
        for queue in 0..3 {
            scribble(ram.base + queue * 0x4000, platform, random);
            set(base, QUEUE_NOTIFY, queue);
        }
        set(base, QUEUE_NOTIFY, random.next());
        set(base, INTERRUPT_ACK, 3);
        // While the device reads them.
        scribble(ram.base + random.below(3) * 0x4000, platform, random);
    }
}

/// Descriptors, available ring with a jumping index, and indirect tables that
/// point to themselves.
fn scribble(place: u64, platform: &Platform, random: &mut Random) {
    for entry in 0..ENTRIES {
        let at = place + entry * 16;
        let address = if random.below(3) == 0 {
            place
        } else {
            random.argument(platform.ram())
        };
        let length = if random.below(2) == 0 {
            random.below(4096)
        } else {
            random.next()
        };
        write(at, 8, address);
        write(at + 8, 4, length);
        write(at + 12, 2, random.below(FLAGS + 1));
        write(at + 14, 2, random.below(ENTRIES + 2));
    }
    let available = place + 0x1000;
    write(available, 2, random.below(2));
    for entry in 0..ENTRIES {
        write(available + 4 + entry * 2, 2, random.below(ENTRIES + 4));
    }
    let index = read(available + 2, 2);
    let step = if random.below(8) == 0 {
        random.next()
    } else {
        random.below(ENTRIES)
    };
    write(available + 2, 2, index.wrapping_add(step));
}

/// `count` rounds on each device of the zone.
pub fn attack(platform: &Platform, count: u64, random: &mut Random) {
    let devices = platform.virtio.get(..platform.virtio_count).unwrap_or(&[]);
    for round in 0..count {
        for device in devices {
            begin(device.base, random);
            rings(device.base, platform.scratch(), platform, random);
            if round % 4 == 0 {
                crate::memory::sweep_random(device.base, device.size.min(0x200), 50, random);
            }
            set(device.base, STATUS, 0);
        }
    }
}
