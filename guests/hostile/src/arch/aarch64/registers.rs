// SPDX-License-Identifier: Apache-2.0
//! Every system register that can be named.

use super::execute;
use crate::random::Random;

const READ: u32 = 0xd530_0000;
const WRITE: u32 = 0xd510_0000;

/// Registers whose change would only end this program: those of its own
/// exceptions, stack, translation and single step.
const OWN: [(u32, u32, u32, u32, u32); 7] = [
    (3, 0, 1, 0, 0),  // SCTLR_EL1
    (3, 0, 12, 0, 0), // VBAR_EL1
    (3, 0, 4, 0, 1),  // ELR_EL1
    (3, 0, 4, 0, 0),  // SPSR_EL1
    (3, 0, 4, 2, 0),  // SPSel
    (2, 0, 0, 2, 2),  // MDSCR_EL1
    (3, 3, 4, 2, 1),  // DAIF
];

/// Reads all, writes back what was read, and writes noise where it cannot hurt
/// ourselves. How many reads and writes were served.
pub fn sweep(random: &mut Random) -> (u64, u64) {
    let (mut reads, mut writes) = (0, 0);
    for op0 in 2..4u32 {
        for op1 in 0..8 {
            for crn in 0..16 {
                for crm in 0..16 {
                    for op2 in 0..8 {
                        let field = (op0 - 2) << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
                        let (value, read) = execute(READ | field, 0);
                        reads += u64::from(read);
                        if OWN.contains(&(op0, op1, crn, crm, op2)) {
                            continue;
                        }
                        writes += u64::from(execute(WRITE | field, if read { value } else { 0 }).1);
                        if is_foreign(op0, op1, crn) {
                            execute(WRITE | field, random.next());
                            execute(WRITE | field, u64::MAX);
                            execute(WRITE | field, value);
                        }
                    }
                }
            }
        }
    }
    (reads, writes)
}

/// Identification, interrupt controller, performance monitors, implementation
/// defined, and those of higher exception levels.
fn is_foreign(op0: u32, op1: u32, crn: u32) -> bool {
    op0 == 3 && (matches!(crn, 0 | 9 | 11 | 15) || matches!(op1, 4..=6))
        || op0 == 3 && op1 == 0 && crn == 12
}

/// System instructions by set and way, address translation of other levels,
/// and calls and breaks with immediates.
pub fn instructions(random: &mut Random) -> u64 {
    let mut served = 0;
    // DC ISW, CSW, CISW; AT S1E2R.., S12E1R..; TLBI of EL2 and EL3.
    let fixed = [
        0xd508_7640,
        0xd508_7a40,
        0xd508_7e40,
        0xd50c_7800,
        0xd50c_7820,
        0xd50c_7880,
        0xd50c_78a0,
        0xd50e_7800,
        0xd50c_8700,
        0xd50c_8780,
        0xd50c_8720,
        0xd50e_8700,
        0xd508_831f,
        0xd508_871f,
    ];
    for word in fixed {
        for _ in 0..16 {
            served += u64::from(execute(word, random.next()).1);
        }
    }
    for immediate in 0..0x1_0000u32 {
        // HVC, SMC, HLT, BRK, DCPS1..3; x0 names no function.
        let kind = [
            0xd400_0002,
            0xd400_0003,
            0xd440_0000,
            0xd420_0000,
            0xd4a0_0001,
            0xd4a0_0002,
            0xd4a0_0003,
        ];
        for word in kind {
            if immediate % 64 == 0 || immediate < 64 {
                served += u64::from(execute(word | immediate << 5, 0x4242_4242).1);
            }
        }
    }
    served
}
