// SPDX-License-Identifier: Apache-2.0
//! Compressed loads and stores: C for RV64, and Zcb.

use crate::memory::{Access, Refused};

/// x8 .. x15, from a 3-bit field.
const fn short(field: u16) -> u8 {
    8 | (field & 7) as u8
}

const fn load(width: u8, signed: bool, register: u8) -> Result<Access, Refused> {
    Ok(Access {
        write: false,
        width,
        signed,
        register,
        length: 2,
    })
}

const fn store(width: u8, register: u8) -> Result<Access, Refused> {
    Ok(Access {
        write: true,
        width,
        signed: false,
        register,
        length: 2,
    })
}

/// Decodes a 16-bit instruction.
pub const fn decode(instruction: u16) -> Result<Access, Refused> {
    let funct3 = instruction >> 13;
    match (instruction & 3, funct3) {
        (0, 4) => zcb(instruction),
        (0, _) => {
            let register = short(instruction >> 2);
            match funct3 {
                2 => load(4, true, register),
                3 => load(8, true, register),
                6 => store(4, register),
                7 => store(8, register),
                1 | 5 => Err(Refused::FloatingPoint),
                _ => Err(Refused::Unknown),
            }
        }
        (2, _) => {
            let rd = ((instruction >> 7) & 31) as u8;
            let rs2 = ((instruction >> 2) & 31) as u8;
            match funct3 {
                // rd = x0 is reserved.
                2 if rd != 0 => load(4, true, rd),
                3 if rd != 0 => load(8, true, rd),
                6 => store(4, rs2),
                7 => store(8, rs2),
                1 | 5 => Err(Refused::FloatingPoint),
                _ => Err(Refused::Unknown),
            }
        }
        _ => Err(Refused::Unknown),
    }
}

const fn zcb(instruction: u16) -> Result<Access, Refused> {
    let register = short(instruction >> 2);
    let upper = instruction & (1 << 6) != 0;
    match (instruction >> 10) & 7 {
        0 => load(1, false, register),
        1 => load(2, upper, register),
        2 => store(1, register),
        3 if !upper => store(2, register),
        _ => Err(Refused::Unknown),
    }
}
