// SPDX-License-Identifier: Apache-2.0
//! Exits from a zone.

use super::vectors::Registers;
use super::{controller, csr, interrupts, mmio, sbi, timer, vcpu};
use crate::cpu;
use crate::zone;
use abi::ExitCause;
use abi::counters::TraceEntry;
use abi::status::{FaultCause, FaultRecord};
use core::sync::atomic::Ordering;
use rv64::cause::{INTERRUPT, exception, interrupt};
use rv64::csr::sstatus;

/// A physical interrupt while a zone ran: the short path. Non-zero: the whole
/// [`Registers`] are wanted, [`exit_attention`] is called with them.
pub extern "C" fn exit_irq() -> u64 {
    let processor = cpu::this();
    match csr::read!("scause") & !INTERRUPT {
        interrupt::SUPERVISOR_SOFTWARE => {
            interrupts::take_kick();
            processor.count(ExitCause::Kick);
            vcpu::take_wanted();
            u64::from(processor.mailbox.load(Ordering::Acquire) != 0)
        }
        interrupt::SUPERVISOR_TIMER => {
            processor.count(ExitCause::TimerInterrupt);
            timer::expired();
            0
        }
        interrupt::SUPERVISOR_EXTERNAL => {
            if let Some((zone, _)) = zone::current() {
                controller::take_external(zone);
            }
            0
        }
        other => {
            processor.count(ExitCause::SpuriousInterrupt);
            csr::clear!("sie", 1u64.checked_shl(other as u32).unwrap_or(0));
            0
        }
    }
}

/// After an [`exit_irq`] that returned non-zero.
pub extern "C" fn exit_attention(_registers: &mut Registers) {
    zone::vcpu::serve_mail();
}

/// Exception of a zone.
pub extern "C" fn exit_sync(registers: &mut Registers) {
    let cause = csr::read!("scause");
    let value = csr::read!("stval");
    let Some((zone, number)) = zone::current() else {
        return;
    };
    match cause {
        exception::ECALL_VS => sbi::call(zone, number, registers),
        exception::LOAD_GUEST_PAGE_FAULT | exception::STORE_GUEST_PAGE_FAULT => {
            // The two lowest bits are the virtual address's.
            let address = csr::read!("htval") << 2 | value & 3;
            mmio::access(zone, number, registers, address);
        }
        exception::INSTRUCTION_GUEST_PAGE_FAULT => {
            let address = csr::read!("htval") << 2 | value & 3;
            fault(FaultCause::InstructionFetch, registers, address, 0);
        }
        // A CSR or instruction of the hypervisor extension, of interrupt files
        // that the zone does not have, of a counter: the zone's harts have none.
        exception::VIRTUAL_INSTRUCTION => {
            cpu::this().count(ExitCause::SystemRegister);
            trace(registers, ExitCause::SystemRegister, value);
            inject(registers, exception::ILLEGAL_INSTRUCTION, value);
        }
        exception::HARDWARE_ERROR => fault(FaultCause::HardwareError, registers, value, 0),
        _ => fault(FaultCause::UnexpectedExit, registers, value, 0),
    }
}

/// An entry of this processor's trace.
pub fn trace(registers: &Registers, cause: ExitCause, detail: u64) {
    let processor = cpu::this();
    processor.trace(TraceEntry {
        time: super::cpu::now(),
        pc: registers.pc,
        cause: cause.number(),
        zone: processor.owner.load(Ordering::Relaxed),
        detail,
    });
}

/// The guest takes an exception, at its own handler.
pub fn inject(registers: &mut Registers, cause: u64, value: u64) {
    let status = csr::read!("vsstatus");
    let privilege = if registers.sstatus & sstatus::SPP != 0 {
        sstatus::SPP
    } else {
        0
    };
    let enabled = if status & sstatus::SIE != 0 {
        sstatus::SPIE
    } else {
        0
    };
    let kept = status & !(sstatus::SPP | sstatus::SPIE | sstatus::SIE);
    csr::write!("vsstatus", kept | privilege | enabled);
    csr::write!("vsepc", registers.pc);
    csr::write!("vscause", cause);
    csr::write!("vstval", value);
    registers.pc = csr::read!("vstvec") & !3;
    registers.sstatus |= sstatus::SPP;
}

/// Ends the zone.
pub fn fault(cause: FaultCause, registers: &Registers, address: u64, flags: u32) -> ! {
    zone::fault::fault(
        cause,
        FaultRecord {
            flags,
            pc: registers.pc,
            address,
            virtual_address: csr::read!("stval"),
            syndrome: csr::read!("scause"),
            ..FaultRecord::default()
        },
    )
}
