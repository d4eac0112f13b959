// SPDX-License-Identifier: Apache-2.0
//! The interrupt files of this hart, through their CSRs (AIA 3.8).

use super::csr;
use rv64::csr::{hstatus, imsic};

/// The kernel's own file: delivers every identity up to `highest`.
pub fn init_own(highest: u32) {
    let select = |register: u64, value: u64| {
        csr::write!("0x150", register);
        csr::write!("0x151", value);
    };
    select(imsic::EITHRESHOLD, 0);
    // 64 identities a register; 0 is none.
    for register in (0..=u64::from(highest / 32)).step_by(2) {
        select(imsic::EIE0.wrapping_add(register), u64::MAX);
        select(imsic::EIP0.wrapping_add(register), 0);
    }
    select(imsic::EIDELIVERY, 1);
}

/// The kernel's file's best identity, taken; 0 for none.
pub fn claim_own() -> u32 {
    (csr::swap!("0x15c", 0) >> 16) as u32
}

/// Whether this hart has guest files (GEILEN is not 0).
pub fn has_guest_files() -> bool {
    csr::write!("hgeie", u64::MAX);
    let files = csr::read!("hgeie");
    csr::write!("hgeie", 0);
    files & 2 != 0
}

/// Empties guest file 1: nothing delivered, enabled or pending.
pub fn clear_guest(highest: u32) {
    let status = csr::read!("hstatus");
    csr::write!(
        "hstatus",
        (status & !hstatus::VGEIN_MASK) | 1 << hstatus::VGEIN_SHIFT
    );
    let select = |register: u64, value: u64| {
        csr::write!("0x250", register);
        csr::write!("0x251", value);
    };
    select(imsic::EIDELIVERY, 0);
    select(imsic::EITHRESHOLD, 0);
    for register in (0..=u64::from(highest / 32)).step_by(2) {
        select(imsic::EIE0.wrapping_add(register), 0);
        select(imsic::EIP0.wrapping_add(register), 0);
    }
    csr::write!("0x250", 0);
    csr::write!("hstatus", status);
}
