// SPDX-License-Identifier: Apache-2.0
//! Loads and stores (unprivileged manual, 2.6 and 4.3; privileged, "Transformed Instruction").

use crate::compressed;

/// A load or store of an integer register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub write: bool,
    /// Bytes: 1, 2, 4 or 8.
    pub width: u8,
    /// A load extends the sign.
    pub signed: bool,
    /// x0 .. x31: destination of a load, source of a store.
    pub register: u8,
    /// Bytes of the instruction: 2 or 4; 0 where it is not known.
    pub length: u8,
}

/// Why an instruction is not emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A load or store of a floating-point or vector register.
    FloatingPoint,
    /// An atomic memory operation, LR or SC.
    Atomic,
    /// No load or store that is known.
    Unknown,
}

/// What `htinst` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformed {
    /// The instruction, its address taken out.
    Access(Access),
    Refused(Refused),
    /// The guest's own page-table walk: (width in bytes, write).
    PageTable(u8, bool),
    /// Nothing: the instruction is to be fetched.
    Absent,
}

const LOAD: u32 = 0x03;
const LOAD_FP: u32 = 0x07;
const STORE: u32 = 0x23;
const STORE_FP: u32 = 0x27;
const AMO: u32 = 0x2f;

/// Bytes of the instruction that starts with these 16 bits; `None` for one
/// longer than 4.
pub const fn length(low: u16) -> Option<u8> {
    if low & 3 != 3 {
        Some(2)
    } else if low & 0x1c != 0x1c {
        Some(4)
    } else {
        None
    }
}

/// Decodes an instruction as it stands in memory; the upper half of a
/// compressed one is ignored.
pub const fn decode(instruction: u32) -> Result<Access, Refused> {
    match length(instruction as u16) {
        Some(2) => compressed::decode(instruction as u16),
        Some(_) => full(instruction, 4),
        None => Err(Refused::Unknown),
    }
}

/// Decodes `htinst` of a load or store guest-page fault.
pub const fn transformed(htinst: u64) -> Transformed {
    match htinst {
        0 => return Transformed::Absent,
        0x2000 => return Transformed::PageTable(4, false),
        0x2020 => return Transformed::PageTable(4, true),
        0x3000 => return Transformed::PageTable(8, false),
        0x3020 => return Transformed::PageTable(8, true),
        _ => {}
    }
    // Bit 0 clear: custom or reserved. Above bit 31: the same.
    if htinst & 1 == 0 || htinst >> 32 != 0 {
        return Transformed::Absent;
    }
    // Bit 1 tells a 4-byte instruction from a compressed one.
    let length = if htinst & 2 != 0 { 4 } else { 2 };
    match full(htinst as u32 | 2, length) {
        Ok(access) => Transformed::Access(access),
        Err(refused) => Transformed::Refused(refused),
    }
}

const fn full(instruction: u32, length: u8) -> Result<Access, Refused> {
    let funct3 = (instruction >> 12) & 7;
    let rd = ((instruction >> 7) & 31) as u8;
    let rs2 = ((instruction >> 20) & 31) as u8;
    match instruction & 0x7f {
        LOAD if funct3 != 7 => Ok(Access {
            write: false,
            width: 1 << (funct3 & 3),
            signed: funct3 < 4,
            register: rd,
            length,
        }),
        STORE if funct3 < 4 => Ok(Access {
            write: true,
            width: 1 << funct3,
            signed: false,
            register: rs2,
            length,
        }),
        LOAD_FP | STORE_FP => Err(Refused::FloatingPoint),
        AMO => Err(Refused::Atomic),
        _ => Err(Refused::Unknown),
    }
}

impl Access {
    /// The bits of a register or bus value that the access moves.
    const fn mask(self) -> u64 {
        match self.width {
            1 => 0xff,
            2 => 0xffff,
            4 => 0xffff_ffff,
            _ => u64::MAX,
        }
    }

    /// What a store puts on the bus, from the register's value.
    pub const fn stored(self, register: u64) -> u64 {
        register & self.mask()
    }

    /// What a load puts into the register, from the value on the bus.
    pub const fn loaded(self, bus: u64) -> u64 {
        let value = bus & self.mask();
        if !self.signed {
            return value;
        }
        match self.width {
            1 => value as u8 as i8 as i64 as u64,
            2 => value as u16 as i16 as i64 as u64,
            4 => value as u32 as i32 as i64 as u64,
            _ => value,
        }
    }
}
