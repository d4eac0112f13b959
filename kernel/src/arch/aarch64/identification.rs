// SPDX-License-Identifier: Apache-2.0
//! Identification registers: what the machine has, less what zones do not get.

use super::system_register::Name;

macro_rules! identification {
    ($name:expr; $($crm:literal: $($op2:literal)*;)*) => {
        match $name {
            // SAFETY: the whole block of identification registers can be read;
            // those that are not allocated read as zero.
            $($(Name(_, _, _, $crm, $op2) => unsafe {
                read_register!(concat!("s3_0_c0_c", $crm, "_", $op2))
            },)*)*
            _ => 0,
        }
    };
}

/// A register of op0 3, op1 0, CRn 0 (DDI 0487, D19.3.1).
pub fn read(name: Name) -> u64 {
    let value = identification!(name;
        1: 0 1 2 3 4 5 6 7;
        2: 0 1 2 3 4 5 6 7;
        3: 0 1 2 3 4 5 6 7;
        4: 0 1 2 3 4 5 6 7;
        5: 0 1 2 3 4 5 6 7;
        6: 0 1 2 3 4 5 6 7;
        7: 0 1 2 3 4 5 6 7;
    );
    value & visible(name.3, name.4)
}

/// The 4-bit fields (by number, from the right) that a zone may see.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "computed at compile time"
)]
const fn fields(shown: &[u32]) -> u64 {
    let mut mask = 0u64;
    let mut at = 0;
    while at < shown.len() {
        mask |= 0xf << (shown[at] * 4);
        at += 1;
    }
    mask
}

/// PFR0: EL0, EL1, FP, AdvSIMD, GIC, DIT, CSV2, CSV3. No EL2, EL3, RAS, SVE,
/// SEL2, MPAM, AMU, RME.
const PFR0: u64 = fields(&[0, 1, 4, 5, 6, 12, 14, 15]);
/// PFR1: BT, SSBS, CSV2_frac. No MTE, RAS, MPAM, SME, NMI.
const PFR1: u64 = fields(&[0, 1, 8]);
/// DFR0: debug version, breakpoints, watchpoints, context comparators.
const DFR0: u64 = fields(&[0, 3, 5, 7]);
/// ISAR1: all but LS64.
const ISAR1: u64 = !fields(&[15]);
/// ISAR2: WFxT, RPRES, GPA3, APA3, BC, PAC_frac. No MOPS.
const ISAR2: u64 = fields(&[0, 1, 2, 3, 5, 6]);
/// MMFR0: all but FGT and ECV.
const MMFR0: u64 = !fields(&[14, 15]);
/// MMFR1: HAFDBS, VMIDBits, HPDS, PAN, SpecSEI, XNX, ETS. No VH, LO, TWED, HCX, AFP, TIDCP1.
const MMFR1: u64 = fields(&[0, 1, 3, 5, 6, 7, 9]);
/// MMFR2: CnP, UAO, LSM, VARange, CCIDX, ST, AT, TTL, BBM, E0PD. No IESB, NV, FWB, IDS, EVT.
const MMFR2: u64 = fields(&[0, 1, 2, 4, 5, 7, 8, 12, 13, 15]);

const fn visible(crm: u8, op2: u8) -> u64 {
    match (crm, op2) {
        (4, 0) => PFR0,
        (4, 1) => PFR1,
        (4, _) => 0,
        (5, 0) => DFR0,
        (5, _) => 0,
        (6, 1) => ISAR1,
        (6, 2) => ISAR2,
        (6, 3..) => 0,
        (7, 0) => MMFR0,
        (7, 1) => MMFR1,
        (7, 2) => MMFR2,
        (7, _) => 0,
        // AArch32's.
        _ => u64::MAX,
    }
}
