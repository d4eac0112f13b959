// SPDX-License-Identifier: Apache-2.0
//! Trapped system registers (EC 0x18).

use super::controller::Physical;
use super::exit::{note, skip};
use super::vectors::Registers;
use super::{identification, inject};
use crate::zone;
use abi::ExitCause;

/// A register by op0, op1, CRn, CRm, op2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name(pub u8, pub u8, pub u8, pub u8, pub u8);

const ICC_SGI1R: Name = Name(3, 0, 12, 11, 5);
const ICC_ASGI1R: Name = Name(3, 0, 12, 11, 6);
const ICC_SGI0R: Name = Name(3, 0, 12, 11, 7);
const DC_ISW: Name = Name(1, 0, 7, 6, 2);
const DC_CSW: Name = Name(1, 0, 7, 10, 2);
const DC_CISW: Name = Name(1, 0, 7, 14, 2);

/// ISS of EC 0x18 (DDI 0487, D23.2.39).
fn name(syndrome: u64) -> Name {
    let field = |shift: u32, mask: u64| (syndrome >> shift & mask) as u8;
    Name(
        field(20, 3),
        field(14, 7),
        field(10, 15),
        field(1, 15),
        field(17, 7),
    )
}

enum Answer {
    Read(u64),
    Done,
    Undefined,
}

pub fn access(registers: &mut Registers, syndrome: u64) {
    let name = name(syndrome);
    let register = (syndrome >> 5 & 0x1f) as usize;
    let is_read = syndrome & 1 != 0;
    let value = registers.x.get(register).copied().unwrap_or(0);
    let sgi = matches!(name, ICC_SGI1R | ICC_ASGI1R | ICC_SGI0R);
    let cause = if sgi {
        ExitCause::Ipi
    } else {
        ExitCause::SystemRegister
    };
    note(cause, registers.pc, syndrome);
    let answer = if is_read {
        read(name)
    } else {
        write(name, value)
    };
    match answer {
        Answer::Read(value) => {
            if let Some(slot) = registers.x.get_mut(register) {
                *slot = value;
            }
        }
        Answer::Done => {}
        Answer::Undefined => return inject::undefined(registers),
    }
    skip(registers, syndrome);
}

fn read(name: Name) -> Answer {
    match name {
        Name(3, 0, 0, ..) => Answer::Read(identification::read(name)),
        _ if is_absent_but_harmless(name) => Answer::Read(0),
        _ => Answer::Undefined,
    }
}

fn write(name: Name, value: u64) -> Answer {
    match name {
        ICC_SGI1R => send_sgi(value, true),
        ICC_SGI0R => send_sgi(value, false),
        // Secure group 1, and caches by set and way: there is nothing to do.
        ICC_ASGI1R | DC_ISW | DC_CSW | DC_CISW => Answer::Done,
        _ if is_absent_but_harmless(name) => Answer::Done,
        _ => Answer::Undefined,
    }
}

fn send_sgi(value: u64, group1: bool) -> Answer {
    if let Some((zone, number)) = zone::current()
        && let Ok(vcpu) = u8::try_from(number)
    {
        let physical = &mut Physical {
            zone,
            own: Some(vcpu),
        };
        zone.controller
            .lock()
            .gic
            .send_sgi(vcpu, value, group1, physical);
    }
    Answer::Done
}

/// Read as zero, ignore writes: auxiliary control, OS lock and debug ROM,
/// performance monitors, error records.
fn is_absent_but_harmless(name: Name) -> bool {
    matches!(
        name,
        Name(3, 0, 1, 0, 1) // ACTLR_EL1
            | Name(2, 0, 1, ..) // OS lock, debug ROM, power control
            | Name(3, 3, 9, 12..=14, _) // PMU
            | Name(3, 0, 9, 14, _) // PMINTEN*_EL1
            | Name(3, 3, 14, 8..=15, _) // PMEVCNTR, PMEVTYPER
            | Name(3, 0, 5, 3..=4, _) // RAS
    )
}
