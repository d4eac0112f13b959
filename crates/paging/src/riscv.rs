// SPDX-License-Identifier: Apache-2.0

use crate::table::{Attributes, Entry, Format, Memory};

/// G-stage entries of Sv39x4, Sv48x4 and Sv57x4 (RISC-V Privileged, "Two-Stage
/// Address Translation"). U is always set; A and D are set in advance, so that
/// neither Svade faults nor Svadu updates occur. Device memory takes its type
/// from the PMAs, so Svpbmt stays PMA here.
pub struct RiscvGStage;

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
/// RSW bit: a device's registers.
const DEVICE: u64 = 1 << 8;
const PPN: u64 = ((1 << 44) - 1) << 10;

impl Format for RiscvGStage {
    fn encode(entry: Entry, _level: u8) -> u64 {
        match entry {
            Entry::Invalid => 0,
            Entry::Table(next) => ((next >> 2) & PPN) | VALID,
            Entry::Leaf {
                physical,
                attributes,
            } => {
                let mut bits = ((physical >> 2) & PPN) | VALID | READ | USER | ACCESSED | DIRTY;
                if attributes.write {
                    bits |= WRITE;
                }
                if attributes.execute {
                    bits |= EXECUTE;
                }
                if attributes.memory == Memory::Device {
                    bits |= DEVICE;
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
        Entry::Leaf {
            physical: address,
            attributes: Attributes {
                write: bits & WRITE != 0,
                execute: bits & EXECUTE != 0,
                memory: if bits & DEVICE != 0 {
                    Memory::Device
                } else {
                    Memory::Normal
                },
            },
        }
    }
}
