// SPDX-License-Identifier: Apache-2.0
//! The SBI that guests see, confined to their own zone's harts.

mod base;
mod console;
mod hsm;
mod rfence;

use super::vectors::Registers;
use super::{exit, timer, vcpu};
use crate::cpu;
use crate::zone::{self, Zone};
use abi::ExitCause;
use abi::status::StopReason;
use rv64::sbi::{HartMask, error, extension, function, reset};

pub use base::init;

/// a0 and a1 of an answer.
type Answer = Result<u64, i64>;

const A0: u8 = 10;
const A1: u8 = 11;
const A6: u8 = 16;
const A7: u8 = 17;

/// An environment call; the guest goes on behind it.
pub fn call(zone: &Zone, number: usize, registers: &mut Registers) {
    let identifier = registers.get(A7);
    let function = registers.get(A6);
    registers.pc = registers.pc.wrapping_add(4);
    let arguments: [u64; 5] =
        core::array::from_fn(|index| registers.get(A0.wrapping_add(index as u8)));
    if identifier == abi::hypercall::RISCV_EXTENSION {
        cpu::this().count(ExitCause::Hypercall);
        exit::trace(registers, ExitCause::Hypercall, function);
        let (status, value) = crate::hypercall::call(zone, function, arguments);
        registers.set(A0, status as u64);
        registers.set(A1, value);
        // It may have been about this very zone.
        zone::vcpu::attend();
        return;
    }
    let cause = if identifier == extension::IPI {
        ExitCause::Ipi
    } else {
        ExitCause::Firmware
    };
    cpu::this().count(cause);
    exit::trace(registers, cause, identifier);
    if identifier <= extension::LEGACY_SHUTDOWN {
        let status = legacy(zone, number, registers, identifier, arguments);
        registers.set(A0, status as u64);
        return;
    }
    let answer = match identifier {
        extension::BASE => base::call(function, arguments),
        extension::TIME if function == function::SET_TIMER => {
            timer::set(arguments[0]);
            Ok(0)
        }
        extension::IPI if function == function::SEND_IPI => {
            let [mask, base, ..] = arguments;
            send_ipi(zone, HartMask { mask, base })
        }
        extension::RFENCE => rfence::call(zone, function, arguments),
        extension::HSM => hsm::call(zone, number, registers, function, arguments),
        extension::SRST if function == function::SYSTEM_RESET => system_reset(zone, arguments),
        extension::DBCN => console::call(zone, function, arguments),
        _ => Err(error::NOT_SUPPORTED),
    };
    // A hart that was suspended and resumed has its registers already.
    let Some((status, value)) = (match answer {
        Ok(value) => Some((error::SUCCESS, value)),
        Err(hsm::RESUMED) => None,
        Err(status) => Some((status, 0)),
    }) else {
        return;
    };
    registers.set(A0, status as u64);
    registers.set(A1, value);
}

/// vCPUs by bit, or `INVALID_PARAM` where the mask names a hart that is not the zone's.
fn selected(zone: &Zone, mask: HartMask) -> Result<u64, i64> {
    let harts = zone.layout().descriptor.cpus().iter().map(|cpu| cpu.guest);
    mask.select(harts).ok_or(error::INVALID_PARAM)
}

fn send_ipi(zone: &Zone, mask: HartMask) -> Answer {
    let selected = selected(zone, mask)?;
    for (vcpu, index) in zone.layout().cpu_indices().enumerate() {
        if selected >> vcpu & 1 != 0 {
            vcpu::send_software(index);
        }
    }
    Ok(0)
}

/// Does not return, unless the type is none.
fn system_reset(zone: &Zone, [kind, ..]: [u64; 5]) -> Answer {
    match kind {
        reset::SHUTDOWN => stop(zone, StopReason::PowerOff),
        reset::COLD_REBOOT | reset::WARM_REBOOT => stop(zone, StopReason::Reset),
        _ => Err(error::INVALID_PARAM),
    }
}

fn stop(zone: &Zone, reason: StopReason) -> ! {
    // Refused only if it has stopped meanwhile, which is as well.
    let _ = zone.stop(reason, None);
    zone::vcpu::leave()
}

/// The calls of version 0.1, which answer in a0 alone.
fn legacy(
    zone: &Zone,
    number: usize,
    registers: &Registers,
    identifier: u64,
    arguments: [u64; 5],
) -> i64 {
    let answer = match identifier {
        extension::LEGACY_SET_TIMER => {
            timer::set(arguments[0]);
            Ok(0)
        }
        extension::LEGACY_PUTCHAR => {
            console::put(zone, arguments[0] as u8);
            Ok(0)
        }
        extension::LEGACY_CLEAR_IPI => {
            vcpu::clear_software();
            Ok(0)
        }
        extension::LEGACY_SEND_IPI => {
            legacy_mask(zone, registers, arguments[0]).and_then(|mask| send_ipi(zone, mask))
        }
        extension::LEGACY_FENCE_I => legacy_fence(zone, registers, function::FENCE_I, arguments),
        extension::LEGACY_SFENCE_VMA => {
            legacy_fence(zone, registers, function::SFENCE_VMA, arguments)
        }
        extension::LEGACY_SFENCE_VMA_ASID => {
            legacy_fence(zone, registers, function::SFENCE_VMA_ASID, arguments)
        }
        extension::LEGACY_SHUTDOWN => stop(zone, StopReason::PowerOff),
        // Also getchar: there is never a character.
        _ => Err(-1),
    };
    let _ = number;
    match answer {
        Ok(_) => 0,
        Err(status) => status,
    }
}

fn legacy_fence(zone: &Zone, registers: &Registers, function: u64, arguments: [u64; 5]) -> Answer {
    let [mask, start, size, asid, _] = arguments;
    let mask = legacy_mask(zone, registers, mask)?;
    rfence::call(zone, function, [mask.mask, mask.base, start, size, asid])
}

/// A mask that the guest has in its memory, by virtual address; 0: all harts.
fn legacy_mask(_zone: &Zone, _registers: &Registers, address: u64) -> Result<HartMask, i64> {
    if address == 0 {
        return Ok(HartMask::ALL);
    }
    let mask = super::fetch::double_word(address).ok_or(error::INVALID_ADDRESS)?;
    Ok(HartMask { mask, base: 0 })
}
