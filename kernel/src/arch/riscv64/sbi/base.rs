// SPDX-License-Identifier: Apache-2.0
//! BASE: what there is.

use super::Answer;
use crate::arch::isa::firmware;
use core::sync::atomic::{AtomicU64, Ordering};
use rv64::sbi::{SPEC_VERSION, error, extension, function};

/// "HVSR", which no registered implementation has.
const IMPLEMENTATION: u64 = 0x4856_5352;

/// mvendorid, marchid, mimpid, as the firmware said at boot: kernels choose
/// workarounds by them.
static MACHINE: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Asks the firmware what guests ask us; once.
pub fn init() {
    for (slot, function) in MACHINE.iter().zip(function::BASE_MVENDORID..) {
        let answer = firmware::call(extension::BASE, function, [0; 5]);
        slot.store(answer.unwrap_or(0), Ordering::Relaxed);
    }
}

pub fn call(function: u64, arguments: [u64; 5]) -> Answer {
    Ok(match function {
        function::BASE_SPEC_VERSION => SPEC_VERSION,
        function::BASE_IMPLEMENTATION => IMPLEMENTATION,
        function::BASE_IMPLEMENTATION_VERSION => abi::VERSION.into(),
        function::BASE_PROBE => has(arguments[0]).into(),
        function::BASE_MVENDORID => MACHINE[0].load(Ordering::Relaxed),
        function::BASE_MARCHID => MACHINE[1].load(Ordering::Relaxed),
        function::BASE_MIMPID => MACHINE[2].load(Ordering::Relaxed),
        _ => return Err(error::NOT_SUPPORTED),
    })
}

fn has(identifier: u64) -> bool {
    matches!(
        identifier,
        0..=extension::LEGACY_SHUTDOWN
            | extension::BASE
            | extension::TIME
            | extension::IPI
            | extension::RFENCE
            | extension::HSM
            | extension::SRST
            | extension::DBCN
            | abi::hypercall::RISCV_EXTENSION
    )
}
