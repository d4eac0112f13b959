// SPDX-License-Identifier: Apache-2.0
//! Exceptions that a zone takes at its own EL1.

use super::vcpu::ENTRY_STATE;
use super::vectors::Registers;

/// ESR_EL1: unknown reason, 32-bit instruction.
const UNKNOWN: u64 = 1 << 25;

/// The zone finds an undefined instruction where it is.
pub fn undefined(registers: &mut Registers) {
    // Vector by where it comes from (DDI 0487, D1.3.1): M[4] AArch32, M[3:2] EL,
    // M[0] SP_EL1.
    let state = registers.pstate;
    let offset = if state >> 4 & 1 != 0 {
        0x600
    } else if state >> 2 & 3 == 0 {
        0x400
    } else if state & 1 != 0 {
        0x200
    } else {
        0
    };
    // SAFETY: EL1's exception registers, as taking an exception sets them.
    unsafe {
        write_register!("esr_el1", UNKNOWN);
        write_register!("elr_el1", registers.pc);
        write_register!("spsr_el1", state);
        registers.pc = read_register!("vbar_el1").wrapping_add(offset);
    }
    registers.pstate = ENTRY_STATE;
}
