// SPDX-License-Identifier: Apache-2.0
//! Exits from a zone, by cause.

use super::vectors::Registers;
use super::{abort, controller::Physical, cpu, guest_psci, inject, system_register};
use crate::drivers::gic;
use crate::hypercall;
use crate::zone::{self, fault::fault, vcpu};
use abi::ExitCause;
use abi::counters::TraceEntry;
use abi::status::{FaultCause, FaultRecord};

/// Exception classes (ESR_ELx.EC, DDI 0487 D23.2.39).
mod class {
    pub const WAIT: u64 = 0x01;
    pub const ILLEGAL_STATE: u64 = 0x0e;
    pub const HVC64: u64 = 0x16;
    pub const SMC64: u64 = 0x17;
    pub const SYSTEM_REGISTER: u64 = 0x18;
    pub const INSTRUCTION_ABORT: u64 = 0x20;
    pub const DATA_ABORT: u64 = 0x24;
    /// Traps of features that zones do not have, and unknown instructions.
    pub const UNDEFINED: [u64; 15] = [
        0x00, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0c, 0x11, 0x12, 0x13, 0x19, 0x1d,
    ];
    pub const ERET: u64 = 0x1a;
}

/// Synchronous exit from a zone.
pub extern "C" fn exit_sync(registers: &mut Registers) {
    // SAFETY: reads without effects.
    let syndrome = unsafe { read_register!("esr_el2") };
    match syndrome >> 26 & 0x3f {
        class::DATA_ABORT => abort::data(registers, syndrome),
        class::SYSTEM_REGISTER => system_register::access(registers, syndrome),
        class::HVC64 => call(registers, syndrome),
        class::SMC64 => {
            registers.pc = registers.pc.wrapping_add(4);
            call(registers, syndrome);
        }
        class::INSTRUCTION_ABORT => abort::instruction(registers, syndrome),
        class::WAIT => {
            note(ExitCause::WaitForInterrupt, registers.pc, 0);
            skip(registers, syndrome);
        }
        class::ILLEGAL_STATE | class::ERET => undefined(registers, syndrome),
        other if class::UNDEFINED.contains(&other) => undefined(registers, syndrome),
        _ => fault(
            FaultCause::UnexpectedExit,
            FaultRecord {
                pc: registers.pc,
                syndrome,
                ..FaultRecord::default()
            },
        ),
    }
}

fn undefined(registers: &mut Registers, syndrome: u64) {
    note(ExitCause::Other, registers.pc, syndrome);
    inject::undefined(registers);
}

/// Counts and traces an exit.
#[inline]
pub fn note(cause: ExitCause, pc: u64, detail: u64) {
    let processor = crate::cpu::this();
    processor.count(cause);
    processor.trace(TraceEntry {
        time: cpu::counter(),
        pc,
        cause: cause.number(),
        zone: processor.owner.load(core::sync::atomic::Ordering::Relaxed),
        detail,
    });
}

/// Over the instruction that trapped: 4 bytes, or 2 of AArch32's short ones.
pub fn skip(registers: &mut Registers, syndrome: u64) {
    let length = if syndrome >> 25 & 1 != 0 { 4 } else { 2 };
    registers.pc = registers.pc.wrapping_add(length);
}

/// HVC and SMC: ours, PSCI, or nobody's.
fn call(registers: &mut Registers, syndrome: u64) {
    use abi::hypercall::AARCH64_BASE;
    let Some((zone, number)) = zone::current() else {
        return;
    };
    let [function, arguments @ ..] = registers.x;
    // The immediate of `hvc` and `smc` is 0 by SMCCC.
    if syndrome & 0xffff != 0 {
        note(ExitCause::Other, registers.pc, syndrome);
        return set_result(registers, guest_psci::NOT_SUPPORTED);
    }
    match function.checked_sub(AARCH64_BASE) {
        Some(own) if own <= 0xfff => {
            note(ExitCause::Hypercall, registers.pc, own);
            let [a, b, c, d, e, ..] = arguments;
            let (status, value) = hypercall::call(zone, own, [a, b, c, d, e]);
            registers.x[0] = status as u64;
            registers.x[1] = value;
            // It may have been about this very zone.
            vcpu::attend();
        }
        _ => {
            note(ExitCause::Firmware, registers.pc, function);
            let [a, b, c, ..] = arguments;
            let result = guest_psci::call(zone, number, function, [a, b, c]);
            set_result(registers, result);
        }
    }
}

fn set_result(registers: &mut Registers, value: u64) {
    let [first, ..] = &mut registers.x;
    *first = value;
}

/// A physical interrupt while a zone ran: the short path. Only x0..x18 and x30
/// were saved, the rest is still in the registers. Non-zero: the whole
/// [`Registers`] are wanted, [`exit_attention`] is called with them.
pub extern "C" fn exit_irq() -> u64 {
    let acknowledged = gic::acknowledge();
    let intid = gic::intid(acknowledged);
    let Some((zone, number)) = zone::current() else {
        return unclaimed(acknowledged);
    };
    let vcpu = number as u8;
    if intid == gic::KICK {
        gic::drop_priority(acknowledged);
        gic::deactivate(acknowledged);
        crate::cpu::this().count(ExitCause::Kick);
        let physical = &mut Physical {
            zone,
            own: Some(vcpu),
        };
        zone.controller.lock().gic.synchronize(vcpu, physical);
        let mail = crate::cpu::this()
            .mailbox
            .load(core::sync::atomic::Ordering::Acquire);
        return u64::from(mail != 0);
    }
    if intid >= gic::SPURIOUS_FIRST {
        crate::cpu::this().count(ExitCause::SpuriousInterrupt);
        return 0;
    }
    gic::drop_priority(acknowledged);
    if intid == gic::maintenance_line() {
        crate::cpu::this().count(ExitCause::Maintenance);
        let physical = &mut Physical {
            zone,
            own: Some(vcpu),
        };
        zone.controller.lock().gic.synchronize(vcpu, physical);
        gic::deactivate(acknowledged);
        return 0;
    }
    let timer = intid < 32;
    let cause = if timer {
        ExitCause::TimerInterrupt
    } else {
        ExitCause::DeviceInterrupt
    };
    crate::cpu::this().count(cause);
    let physical = &mut Physical {
        zone,
        own: Some(vcpu),
    };
    if !zone
        .controller
        .lock()
        .gic
        .hardware_interrupt(vcpu, intid as u16, physical)
    {
        crate::cpu::this().count(ExitCause::SpuriousInterrupt);
        gic::enable_line(intid, false);
        gic::deactivate(acknowledged);
    }
    0
}

/// An interrupt of no zone: off.
#[cold]
fn unclaimed(acknowledged: u32) -> u64 {
    if gic::intid(acknowledged) < gic::SPURIOUS_FIRST {
        gic::drop_priority(acknowledged);
        gic::deactivate(acknowledged);
    }
    0
}

/// After an [`exit_irq`] that returned non-zero.
pub extern "C" fn exit_attention(_registers: &mut Registers) {
    vcpu::serve_mail();
}

/// SError while a zone ran: an error of hardware, on account of the zone.
pub extern "C" fn exit_serror(registers: &mut Registers) {
    // SAFETY: reads without effects.
    let syndrome = unsafe { read_register!("esr_el2") };
    fault(
        FaultCause::HardwareError,
        FaultRecord {
            pc: registers.pc,
            syndrome,
            ..FaultRecord::default()
        },
    )
}
