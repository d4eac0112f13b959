// SPDX-License-Identifier: Apache-2.0
//! Guest accesses to what is not its memory: modelled registers, or a fault.

use super::vectors::Registers;
use super::{controller, csr, exit, fetch, stage2};
use crate::cpu;
use crate::zone::device::{self, Outcome};
use crate::zone::layout::Gpa;
use crate::zone::{self, Zone};
use abi::ExitCause;
use abi::status::{FAULT_WRITE, FaultCause};
use rv64::cause::exception;
use rv64::{Access, Transformed};

/// A load or store at guest-physical `address` that nothing is mapped at.
pub fn access(zone: &Zone, vcpu: usize, registers: &mut Registers, address: u64) {
    let write = csr::read!("scause") == exception::STORE_GUEST_PAGE_FAULT;
    let flags = if write { FAULT_WRITE } else { 0 };
    let at = Gpa(address);
    let layout = zone.layout();
    let register = controller::offset(layout, at);
    let virtual_device = layout.device(at);
    if register.is_none() && virtual_device.is_none() {
        // Mapped meanwhile (a window lent to zone0): an old translation is to be forgotten.
        let mapped = zone.space.lock().is_mapped(address);
        if mapped || crate::zone::zone0::map_device(zone, at) {
            cpu::this().count(ExitCause::Other);
            exit::trace(registers, ExitCause::Other, address);
            stage2::flush_here();
            return;
        }
        exit::fault(FaultCause::DataAccess, registers, address, flags);
    }
    let Some(access) = decode(registers, address, flags) else {
        return;
    };
    // What is decoded must be what faulted: the guest may have changed the instruction.
    if access.write != write {
        return;
    }
    if let Some(offset) = register {
        cpu::this().count(ExitCause::InterruptController);
        exit::trace(registers, ExitCause::InterruptController, address);
        let done = if access.write {
            let value = access.stored(registers.get(access.register));
            zone.controller
                .lock()
                .write(zone, offset, access, value)
                .map(|()| 0)
        } else {
            zone.controller.lock().read(zone, offset, access)
        };
        match done {
            Ok(value) => finish(registers, access, value.into()),
            Err(controller::BadAccess) => {
                exit::fault(FaultCause::DeviceAccess, registers, address, flags);
            }
        }
    } else if let Some((device, offset)) = virtual_device {
        exit::trace(registers, ExitCause::DeviceAccess, address);
        let write = access
            .write
            .then(|| access.stored(registers.get(access.register)));
        let request = device::Access {
            device,
            offset,
            width: access.width,
            write,
        };
        match device::access(zone, vcpu, &request) {
            Outcome::Done(value) => finish(registers, access, value),
            Outcome::Retry => zone::vcpu::serve_mail(),
        }
    }
}

/// The access by `htinst`, or by the instruction itself. `None`: it can not be
/// fetched (any more); the guest executes it again and meets its own fault.
fn decode(registers: &Registers, address: u64, flags: u32) -> Option<Access> {
    let refused = || -> ! { exit::fault(FaultCause::UndecodableAccess, registers, address, flags) };
    match rv64::transformed(csr::read!("htinst")) {
        Transformed::Access(access) => Some(access),
        Transformed::Refused(_) => refused(),
        // The guest's page tables are in no RAM of its own.
        Transformed::PageTable(..) => {
            exit::fault(FaultCause::DataAccess, registers, address, flags)
        }
        Transformed::Absent => match rv64::decode(fetch::instruction(registers.pc)?) {
            Ok(access) => Some(access),
            Err(_) => refused(),
        },
    }
}

/// Gives a load its value and goes behind the instruction.
fn finish(registers: &mut Registers, access: Access, value: u64) {
    if !access.write {
        registers.set(access.register, access.loaded(value));
    }
    registers.pc = registers.pc.wrapping_add(access.length.into());
}
