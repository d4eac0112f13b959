// SPDX-License-Identifier: Apache-2.0
//! PSCI 1.1 (DEN0022) and SMCCC (DEN0028) for a zone's own processors.

use super::{controller, cpu};
use crate::zone::Zone;
use crate::zone::vcpu::{self, Power, StartError};
use abi::status::StopReason;

/// SMCCC and PSCI: the call does not exist.
pub const NOT_SUPPORTED: u64 = -1i64 as u64;
const SUCCESS: u64 = 0;
const INVALID_PARAMETERS: u64 = -2i64 as u64;
const ALREADY_ON: u64 = -4i64 as u64;
const ON_PENDING: u64 = -5i64 as u64;

/// Version 1.1 of both.
const VERSION_1_1: u64 = 0x1_0001;
/// No migration is needed: there is no Trusted OS.
const MIGRATE_NOT_NEEDED: u64 = 2;
const AFFINITY_ON: u64 = 0;
const AFFINITY_OFF: u64 = 1;
const AFFINITY_ON_PENDING: u64 = 2;

/// Bit 30: the 64-bit form of a call.
const WIDE: u64 = 1 << 30;

mod function {
    pub const SMCCC_VERSION: u64 = 0x8000_0000;
    pub const PSCI_VERSION: u64 = 0x8400_0000;
    pub const CPU_SUSPEND: u64 = 0x8400_0001;
    pub const CPU_OFF: u64 = 0x8400_0002;
    pub const CPU_ON: u64 = 0x8400_0003;
    pub const AFFINITY_INFO: u64 = 0x8400_0004;
    pub const MIGRATE_INFO_TYPE: u64 = 0x8400_0006;
    pub const SYSTEM_OFF: u64 = 0x8400_0008;
    pub const SYSTEM_RESET: u64 = 0x8400_0009;
    pub const FEATURES: u64 = 0x8400_000a;
}
use function::*;

/// The value for x0; some calls do not return.
pub fn call(zone: &Zone, number: usize, function: u64, arguments: [u64; 3]) -> u64 {
    let wide = function & WIDE != 0;
    let [a, b, c] = if wide {
        arguments
    } else {
        arguments.map(|value| value & 0xffff_ffff)
    };
    let has_wide_form = matches!(function & !WIDE, CPU_SUSPEND | CPU_ON | AFFINITY_INFO);
    if wide && !has_wide_form {
        return NOT_SUPPORTED;
    }
    match function & !WIDE {
        SMCCC_VERSION | PSCI_VERSION => VERSION_1_1,
        CPU_SUSPEND => {
            // Every state is standby: back at the next interrupt, state kept. One
            // that waits in a list register does not wake this level.
            if !controller::has_pending(zone, number) {
                cpu::wait_for_interrupt();
            }
            SUCCESS
        }
        CPU_OFF => vcpu::power_off_self(),
        CPU_ON => cpu_on(zone, a, b, c),
        AFFINITY_INFO => affinity_info(zone, a, b),
        MIGRATE_INFO_TYPE => MIGRATE_NOT_NEEDED,
        SYSTEM_OFF => end(zone, StopReason::PowerOff),
        SYSTEM_RESET => end(zone, StopReason::Reset),
        FEATURES => features(a),
        _ => NOT_SUPPORTED,
    }
}

fn end(zone: &Zone, reason: StopReason) -> ! {
    // Refused only if another processor of the zone was first.
    if zone.stop(reason, None).is_ok() {
        crate::log!(
            "zone {}: {}",
            zone.number(),
            match reason {
                StopReason::Reset => "asks for a reset",
                _ => "powers off",
            }
        );
    }
    vcpu::leave()
}

fn cpu_on(zone: &Zone, target: u64, entry: u64, context: u64) -> u64 {
    let Some(vcpu) = zone.layout().vcpu_by_guest_number(target) else {
        return INVALID_PARAMETERS;
    };
    match zone.start_vcpu(vcpu, entry, [context, 0, 0, 0]) {
        Ok(()) => SUCCESS,
        Err(StartError::AlreadyOn) => ALREADY_ON,
        Err(StartError::AlreadyStarting) => ON_PENDING,
        Err(StartError::NoSuchVcpu) => INVALID_PARAMETERS,
    }
}

/// For affinity level 0; higher levels are on if any processor in them is.
fn affinity_info(zone: &Zone, target: u64, level: u64) -> u64 {
    if level > 3 {
        return INVALID_PARAMETERS;
    }
    let mask = match level {
        0 => cpu::AFFINITY,
        1 => cpu::AFFINITY & !0xff,
        2 => cpu::AFFINITY & !0xffff,
        _ => cpu::AFFINITY & !0xff_ffff,
    };
    let mut answer = INVALID_PARAMETERS;
    for (assignment, vcpu) in zone.layout().descriptor.cpus().iter().zip(&zone.vcpus) {
        if assignment.guest & mask != target & mask {
            continue;
        }
        match vcpu.power() {
            Power::On => return AFFINITY_ON,
            Power::Starting => answer = AFFINITY_ON_PENDING,
            Power::Off if answer == INVALID_PARAMETERS => answer = AFFINITY_OFF,
            Power::Off => {}
        }
    }
    answer
}

fn features(function: u64) -> u64 {
    match function & !WIDE {
        SMCCC_VERSION | PSCI_VERSION | CPU_SUSPEND | CPU_OFF | CPU_ON | AFFINITY_INFO
        | MIGRATE_INFO_TYPE | SYSTEM_OFF | SYSTEM_RESET | FEATURES => SUCCESS,
        _ => NOT_SUPPORTED,
    }
}
