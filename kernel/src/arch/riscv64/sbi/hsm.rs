// SPDX-License-Identifier: Apache-2.0
//! HSM: the zone's own harts started, stopped and suspended.

use super::Answer;
use crate::arch::isa::vectors::Registers;
use crate::arch::isa::{controller, cpu as hart, csr, interrupts, timer, vcpu};
use crate::cpu;
use crate::zone::layout::Gpa;
use crate::zone::vcpu::{Power, StartError};
use crate::zone::{self, Zone};
use core::sync::atomic::Ordering;
use rv64::cause::interrupt;
use rv64::sbi::{error, function, hart_state, suspend};

/// Not an SBI status: the registers are those of a resumed hart.
pub const RESUMED: i64 = i64::MIN;

pub fn call(
    zone: &Zone,
    number: usize,
    registers: &mut Registers,
    function: u64,
    arguments: [u64; 5],
) -> Answer {
    let [a0, a1, a2, ..] = arguments;
    match function {
        function::HART_START => start(zone, a0, a1, a2),
        function::HART_STOP => zone::vcpu::power_off_self(),
        function::HART_STATUS => status(zone, a0),
        function::HART_SUSPEND => suspend(zone, number, registers, a0 as u32, a1, a2),
        _ => Err(error::NOT_SUPPORTED),
    }
}

fn start(zone: &Zone, hart: u64, entry: u64, argument: u64) -> Answer {
    let number = zone
        .layout()
        .vcpu_by_guest_number(hart)
        .ok_or(error::INVALID_PARAM)?;
    zone.layout()
        .ram(Gpa(entry), 2)
        .ok_or(error::INVALID_ADDRESS)?;
    match zone.start_vcpu(number, entry, [0, argument, 0, 0]) {
        Ok(()) => Ok(0),
        Err(StartError::NoSuchVcpu) => Err(error::INVALID_PARAM),
        Err(StartError::AlreadyOn | StartError::AlreadyStarting) => Err(error::ALREADY_AVAILABLE),
    }
}

fn status(zone: &Zone, hart: u64) -> Answer {
    let number = zone
        .layout()
        .vcpu_by_guest_number(hart)
        .ok_or(error::INVALID_PARAM)?;
    let vcpu = zone.vcpus.get(number).ok_or(error::INVALID_PARAM)?;
    Ok(match vcpu.power() {
        Power::Off => hart_state::STOPPED,
        Power::Starting => hart_state::START_PENDING,
        Power::On => hart_state::STARTED,
    })
}

fn suspend(
    zone: &Zone,
    number: usize,
    registers: &mut Registers,
    kind: u32,
    entry: u64,
    argument: u64,
) -> Answer {
    match u64::from(kind) {
        suspend::RETENTIVE => {
            wait(zone);
            Ok(0)
        }
        suspend::NON_RETENTIVE => {
            zone.layout()
                .ram(Gpa(entry), 2)
                .ok_or(error::INVALID_ADDRESS)?;
            wait(zone);
            let guest = zone
                .layout()
                .descriptor
                .cpus()
                .get(number)
                .map_or(0, |cpu| cpu.guest);
            vcpu::restart(registers, guest, entry, argument);
            Err(RESUMED)
        }
        _ => Err(error::INVALID_PARAM),
    }
}

/// Sleeps until the guest has an interrupt to take.
fn wait(zone: &Zone) {
    while !vcpu::is_interrupted() {
        hart::wait_for_interrupt();
        let pending = csr::read!("sip") & csr::read!("sie");
        if pending & 1 << interrupt::SUPERVISOR_EXTERNAL != 0 {
            controller::take_external(zone);
        }
        if pending & 1 << interrupt::SUPERVISOR_TIMER != 0 {
            timer::expired();
        }
        if pending & 1 << interrupt::SUPERVISOR_SOFTWARE != 0 {
            interrupts::take_kick();
            vcpu::take_wanted();
        }
        if cpu::this().mailbox.load(Ordering::Acquire) != 0 {
            zone::vcpu::serve_mail();
        }
    }
}
