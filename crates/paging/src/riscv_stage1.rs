// SPDX-License-Identifier: Apache-2.0

use crate::table::{Attributes, Entry, Format, Memory};

/// The supervisor's own tables (Sv39, Sv48, Sv57). U is clear; A and D are set
/// in advance. What is executable is not written, by its attributes.
pub struct RiscvStage1;

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
const DEVICE: u64 = 1 << 8;
const PPN: u64 = ((1 << 44) - 1) << 10;

impl Format for RiscvStage1 {
    fn encode(entry: Entry, _level: u8) -> u64 {
        match entry {
            Entry::Invalid => 0,
            Entry::Table(next) => ((next >> 2) & PPN) | VALID,
            Entry::Leaf {
                physical,
                attributes,
            } => {
                let mut bits = ((physical >> 2) & PPN) | VALID | READ | ACCESSED | DIRTY;
                for (on, bit) in [
                    (attributes.write, WRITE),
                    (attributes.execute, EXECUTE),
                    (attributes.memory == Memory::Device, DEVICE),
                ] {
                    if on {
                        bits |= bit;
                    }
                }
                bits
            }
        }
    }

    fn decode(bits: u64, _level: u8) -> Entry {
        if bits & VALID == 0 {
            return Entry::Invalid;
        }
        let address = (bits & PPN) << 2;
        if bits & (READ | WRITE | EXECUTE) == 0 {
            return Entry::Table(address);
        }
        let memory = if bits & DEVICE != 0 {
            Memory::Device
        } else {
            Memory::Normal
        };
        let attributes = Attributes {
            write: bits & WRITE != 0,
            execute: bits & EXECUTE != 0,
            memory,
        };
        Entry::Leaf {
            physical: address,
            attributes,
        }
    }
}
