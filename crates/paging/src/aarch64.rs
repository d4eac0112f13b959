// SPDX-License-Identifier: Apache-2.0

use crate::table::{Attributes, Entry, Format, Memory};

/// VMSAv8-64 stage 2, 4 KiB granule (Arm ARM DDI 0487, D8.3).
pub struct AArch64Stage2;

const VALID: u64 = 1 << 0;
const TABLE_OR_PAGE: u64 = 1 << 1;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
/// MemAttr: Normal, outer and inner write-back; Device-nGnRE.
const NORMAL: u64 = 0b1111 << 2;
const DEVICE: u64 = 0b0001 << 2;
const READ: u64 = 1 << 6;
const WRITE: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 0b11 << 8;
const ACCESSED: u64 = 1 << 10;
const EXECUTE_NEVER: u64 = 1 << 54;

impl Format for AArch64Stage2 {
    fn encode(entry: Entry, level: u8) -> u64 {
        match entry {
            Entry::Invalid => 0,
            Entry::Table(next) => (next & ADDRESS) | TABLE_OR_PAGE | VALID,
            Entry::Leaf {
                physical,
                attributes,
            } => {
                let mut bits = (physical & ADDRESS) | READ | INNER_SHAREABLE | ACCESSED | VALID;
                if level == 0 {
                    bits |= TABLE_OR_PAGE;
                }
                if attributes.write {
                    bits |= WRITE;
                }
                if !attributes.execute {
                    bits |= EXECUTE_NEVER;
                }
                bits | match attributes.memory {
                    Memory::Normal => NORMAL,
                    Memory::Device => DEVICE,
                }
            }
        }
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
                write: bits & WRITE != 0,
                execute: bits & EXECUTE_NEVER == 0,
                memory: if bits & NORMAL == NORMAL {
                    Memory::Normal
                } else {
                    Memory::Device
                },
            },
        }
    }
}
