// SPDX-License-Identifier: Apache-2.0
//! Data and instruction aborts: modelled devices, zone0's devices, faults.

use super::controller::Physical;
use super::exit::{note, skip};
use super::vectors::Registers;
use crate::zone::device::{self, Access, Outcome};
use crate::zone::fault::fault;
use crate::zone::layout::Gpa;
use crate::zone::{self, Zone};
use abi::ExitCause;
use abi::descriptor::GuestRange;
use abi::status::{FAULT_WRITE, FaultCause, FaultRecord};

/// ISS of data aborts (DDI 0487, D23.2.39).
#[derive(Clone, Copy)]
struct Syndrome(u64);

impl Syndrome {
    fn is_valid(self) -> bool {
        self.0 >> 24 & 1 != 0
    }
    /// Bytes.
    fn width(self) -> u8 {
        1 << (self.0 >> 22 & 3)
    }
    fn is_write(self) -> bool {
        self.0 >> 6 & 1 != 0
    }
    fn is_table_walk(self) -> bool {
        self.0 >> 7 & 1 != 0
    }
    fn register(self) -> usize {
        (self.0 >> 16 & 0x1f) as usize
    }
    fn is_signed(self) -> bool {
        self.0 >> 21 & 1 != 0
    }
    fn is_64_bit(self) -> bool {
        self.0 >> 15 & 1 != 0
    }
    /// Translation, access flag or permission fault: HPFAR_EL2 tells of the
    /// first and, in a table walk, of all.
    fn is_translation(self) -> bool {
        matches!(self.0 >> 2 & 0xf, 0b0001)
    }

    /// What a load puts into its register.
    fn extend(self, value: u64) -> u64 {
        let unused = 64u32.wrapping_sub(u32::from(self.width()).wrapping_mul(8));
        let value = value << unused;
        let value = if self.is_signed() {
            ((value as i64) >> unused) as u64
        } else {
            value >> unused
        };
        if self.is_64_bit() {
            value
        } else {
            value & 0xffff_ffff
        }
    }
}

/// Where the abort was: guest-physical, and guest-virtual. Of a table walk only
/// the page is known, for the offset in FAR_EL2 is that of the access behind it.
fn addresses(syndrome: Syndrome) -> (u64, u64) {
    // SAFETY: reads without effects.
    let (page, address) = unsafe { (read_register!("hpfar_el2"), read_register!("far_el2")) };
    let offset = if syndrome.is_table_walk() {
        0
    } else {
        address & 0xfff
    };
    ((page & 0xfff_ffff_fff0) << 8 | offset, address)
}

pub fn data(registers: &mut Registers, bits: u64) {
    let syndrome = Syndrome(bits);
    let Some((zone, number)) = zone::current() else {
        return;
    };
    let (at, virtual_address) = addresses(syndrome);
    let record = || FaultRecord {
        flags: if syndrome.is_write() { FAULT_WRITE } else { 0 },
        width: if syndrome.is_valid() {
            syndrome.width().into()
        } else {
            0
        },
        pc: registers.pc,
        address: at,
        virtual_address,
        syndrome: bits,
        ..FaultRecord::default()
    };
    if !syndrome.is_translation() || syndrome.is_table_walk() {
        fault(FaultCause::DataAccess, record());
    }
    let Some(target) = Target::find(zone, Gpa(at)) else {
        if zone::zone0::map_device(zone, Gpa(at)) {
            return note(ExitCause::Other, registers.pc, at);
        }
        fault(FaultCause::DataAccess, record());
    };
    if !syndrome.is_valid() {
        fault(FaultCause::UndecodableAccess, record());
    }
    let write = syndrome.is_write().then(|| {
        let value = registers.x.get(syndrome.register()).copied().unwrap_or(0);
        let unused = 64u32.wrapping_sub(u32::from(syndrome.width()).wrapping_mul(8));
        value << unused >> unused
    });
    let Some(value) = target.access(zone, number, syndrome.width(), write, registers.pc) else {
        return;
    };
    if write.is_none()
        && let Some(register) = registers.x.get_mut(syndrome.register())
    {
        *register = syndrome.extend(value);
    }
    skip(registers, bits);
}

/// A modelled device and where in it.
enum Target {
    Distributor(u32),
    Redistributors(u32),
    Device { device: usize, offset: u32 },
}

impl Target {
    fn find(zone: &Zone, at: Gpa) -> Option<Self> {
        let layout = zone.layout();
        let [distributor, second, _] = layout.descriptor.controller.regions;
        if let Some(offset) = offset_in(distributor, at) {
            return Some(Self::Distributor(offset));
        }
        let is_v3 = layout.descriptor.controller.kind == abi::descriptor::controller::GIC_V3;
        if is_v3 && let Some(offset) = offset_in(second, at) {
            return Some(Self::Redistributors(offset));
        }
        let (device, offset) = layout.device(at)?;
        Some(Self::Device { device, offset })
    }

    /// The value read; `None` if the guest is to try again.
    fn access(
        &self,
        zone: &Zone,
        number: usize,
        width: u8,
        write: Option<u64>,
        pc: u64,
    ) -> Option<u64> {
        let vcpu = u8::try_from(number).ok()?;
        match *self {
            Self::Distributor(offset) => {
                note(ExitCause::InterruptController, pc, offset.into());
                let physical = &mut Physical {
                    zone,
                    own: Some(vcpu),
                };
                let gic = &mut zone.controller.lock().gic;
                match write {
                    Some(value) => gic.distributor_write(vcpu, offset, width, value, physical),
                    None => return Some(gic.distributor_read(vcpu, offset, width, physical)),
                }
                Some(0)
            }
            Self::Redistributors(offset) => {
                note(
                    ExitCause::InterruptController,
                    pc,
                    u64::from(offset) | 1 << 32,
                );
                let physical = &mut Physical {
                    zone,
                    own: Some(vcpu),
                };
                let gic = &mut zone.controller.lock().gic;
                match write {
                    Some(value) => gic.redistributor_write(vcpu, offset, width, value, physical),
                    None => return Some(gic.redistributor_read(vcpu, offset, width, physical)),
                }
                Some(0)
            }
            Self::Device { device, offset } => {
                match device::access(
                    zone,
                    number,
                    &Access {
                        device,
                        offset,
                        width,
                        write,
                    },
                ) {
                    Outcome::Done(value) => Some(value),
                    Outcome::Retry => {
                        zone::vcpu::serve_mail();
                        None
                    }
                }
            }
        }
    }
}

fn offset_in(range: GuestRange, at: Gpa) -> Option<u32> {
    let offset = at.0.checked_sub(range.base)?;
    (offset < range.size).then(|| u32::try_from(offset).ok())?
}

pub fn instruction(registers: &mut Registers, bits: u64) {
    let (address, virtual_address) = addresses(Syndrome(bits));
    let known = Syndrome(bits).is_translation() || Syndrome(bits).is_table_walk();
    fault(
        FaultCause::InstructionFetch,
        FaultRecord {
            pc: registers.pc,
            address: if known { address } else { 0 },
            virtual_address,
            syndrome: bits,
            ..FaultRecord::default()
        },
    )
}
