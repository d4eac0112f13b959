// SPDX-License-Identifier: Apache-2.0

use crate::table::{Attributes, Entry, Format, Memory};

/// VMSAv8-64 stage 1 of a regime with one privilege level (EL2 without VHE),
/// 4 KiB granule (Arm ARM DDI 0487, D8.3). MAIR attribute 0 is Normal
/// write-back, 1 is Device-nGnRE.
pub struct AArch64Stage1;

const VALID: u64 = 1 << 0;
const TABLE_OR_PAGE: u64 = 1 << 1;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
const DEVICE: u64 = 1 << 2;
/// AP\[1\], RES1 where there is one privilege level.
const ONE_LEVEL: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 0b11 << 8;
const ACCESSED: u64 = 1 << 10;
const EXECUTE_NEVER: u64 = 1 << 54;

impl Format for AArch64Stage1 {
    fn encode(entry: Entry, level: u8) -> u64 {
        let (physical, attributes) = match entry {
            Entry::Invalid => return 0,
            Entry::Table(next) => return (next & ADDRESS) | TABLE_OR_PAGE | VALID,
            Entry::Leaf {
                physical,
                attributes,
            } => (physical, attributes),
        };
        let mut bits = (physical & ADDRESS) | ONE_LEVEL | INNER_SHAREABLE | ACCESSED | VALID;
        if level == 0 {
            bits |= TABLE_OR_PAGE;
        }
        if !attributes.write {
            bits |= READ_ONLY;
        }
        if !attributes.execute {
            bits |= EXECUTE_NEVER;
        }
        if attributes.memory == Memory::Device {
            bits |= DEVICE;
        }
        bits
    }

    fn decode(bits: u64, level: u8) -> Entry {
        if bits & VALID == 0 {
            return Entry::Invalid;
        }
        if level > 0 && bits & TABLE_OR_PAGE != 0 {
            return Entry::Table(bits & ADDRESS);
        }
        Entry::Leaf {
            physical: bits & ADDRESS,
            attributes: Attributes {
                write: bits & READ_ONLY == 0,
                execute: bits & EXECUTE_NEVER == 0,
                memory: if bits & DEVICE == 0 {
                    Memory::Normal
                } else {
                    Memory::Device
                },
            },
        }
    }
}
