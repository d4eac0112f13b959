// SPDX-License-Identifier: Apache-2.0
//! The memory map of an interrupt domain (AIA 4.5).

use crate::source::{GUEST_MASK, GUEST_SHIFT, HART_SHIFT, Mode};
use crate::{Aplic, Delivery, Host};
use lineset::next_bit;

const SOURCE_CFG: u64 = 0x0004;
const SOURCE_CFG_END: u64 = 0x1000;
const SET_IP: u64 = 0x1c00;
const SET_IP_NUM: u64 = 0x1cdc;
const IN_CLR_IP: u64 = 0x1d00;
const CLR_IP_NUM: u64 = 0x1ddc;
const SET_IE: u64 = 0x1e00;
const SET_IE_NUM: u64 = 0x1edc;
const CLR_IE: u64 = 0x1f00;
const CLR_IE_NUM: u64 = 0x1fdc;
const SET_IP_NUM_LE: u64 = 0x2000;
const GEN_MSI: u64 = 0x3000;
const TARGET: u64 = 0x3004;
const IDC: u64 = 0x4000;
/// Bytes from the first register to behind the last IDC's.
const SIZE: u64 = 0x8000;
const BITMAP: u64 = 0x80;

/// `domaincfg`.
const DOMAIN_FIXED: u32 = 0x80 << 24;
const DOMAIN_IE: u32 = 1 << 8;
const DOMAIN_DM: u32 = 1 << 2;

/// An access that is not of 4 bytes, not aligned or outside the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAccess;

enum Register {
    DomainCfg,
    SourceCfg(u32),
    SetPending(usize),
    SetPendingNumber,
    InputClearPending(usize),
    ClearPendingNumber,
    SetEnabled(usize),
    SetEnabledNumber,
    ClearEnabled(usize),
    ClearEnabledNumber,
    GenerateMessage,
    Target(u32),
    Idc(usize, u64),
    /// Reserved, or not in this kind of domain: reads 0.
    Reserved,
}

fn decode(offset: u64, width: u8) -> Result<Register, BadAccess> {
    if width != 4 || offset & 3 != 0 || offset >= SIZE {
        return Err(BadAccess);
    }
    let within = |base: u64| (base..base.saturating_add(BITMAP)).contains(&offset);
    let word = ((offset & (BITMAP - 1)) >> 2) as usize;
    let number = ((offset & 0xfff) >> 2) as u32;
    Ok(match offset {
        0 => Register::DomainCfg,
        SOURCE_CFG..SOURCE_CFG_END => Register::SourceCfg(number),
        SET_IP_NUM | SET_IP_NUM_LE => Register::SetPendingNumber,
        CLR_IP_NUM => Register::ClearPendingNumber,
        SET_IE_NUM => Register::SetEnabledNumber,
        CLR_IE_NUM => Register::ClearEnabledNumber,
        GEN_MSI => Register::GenerateMessage,
        TARGET..IDC => Register::Target(number),
        IDC.. => Register::Idc((offset.wrapping_sub(IDC) >> 5) as usize, offset & 0x1f),
        _ if within(SET_IP) => Register::SetPending(word),
        _ if within(IN_CLR_IP) => Register::InputClearPending(word),
        _ if within(SET_IE) => Register::SetEnabled(word),
        _ if within(CLR_IE) => Register::ClearEnabled(word),
        _ => Register::Reserved,
    })
}

impl Aplic {
    /// Reads the register at `offset` bytes.
    pub fn read(&mut self, offset: u64, width: u8, host: &mut impl Host) -> Result<u32, BadAccess> {
        Ok(match decode(offset, width)? {
            Register::DomainCfg => {
                let delivery = if self.delivery == Delivery::Messages {
                    DOMAIN_DM
                } else {
                    0
                };
                DOMAIN_FIXED | delivery | if self.on { DOMAIN_IE } else { 0 }
            }
            Register::SourceCfg(source) => self.mode_of(source) as u32,
            Register::Target(source) => self.target.get(source as usize).copied().unwrap_or(0),
            Register::SetPending(index) => {
                self.gather(index, |source| self.is_pending(source, host))
            }
            Register::InputClearPending(index) => {
                self.gather(index, |source| self.input(source, host))
            }
            Register::SetEnabled(index) => self.enabled.word(index),
            Register::Idc(vcpu, register) => self.read_idc(vcpu, register, host),
            _ => 0,
        })
    }

    /// Writes the register at `offset` bytes. What concerns a source that is
    /// not the zone's has no effect.
    pub fn write(
        &mut self,
        offset: u64,
        width: u8,
        value: u32,
        host: &mut impl Host,
    ) -> Result<(), BadAccess> {
        match decode(offset, width)? {
            Register::DomainCfg => {
                self.on = value & DOMAIN_IE != 0;
                let owned = self.owned;
                for source in owned.iter() {
                    self.synchronise(source, host);
                    self.deliver(source, host);
                }
                self.update_all(host);
            }
            Register::SourceCfg(source) => self.set_mode(source, Mode::from_register(value), host),
            Register::Target(source) => self.set_target(source, value, host),
            Register::SetPending(index) => {
                self.each(index, value, |model, source| {
                    model.set_pending(source, true, host)
                });
            }
            Register::SetPendingNumber => self.set_pending(value, true, host),
            Register::InputClearPending(index) => {
                self.each(index, value, |model, source| {
                    model.set_pending(source, false, host)
                });
            }
            Register::ClearPendingNumber => self.set_pending(value, false, host),
            Register::SetEnabled(index) => {
                self.each(index, value, |model, source| {
                    model.set_enabled(source, true, host)
                });
            }
            Register::SetEnabledNumber => self.set_enabled(value, true, host),
            Register::ClearEnabled(index) => {
                self.each(index, value, |model, source| {
                    model.set_enabled(source, false, host)
                });
            }
            Register::ClearEnabledNumber => self.set_enabled(value, false, host),
            Register::GenerateMessage => {
                let guest = if self.delivery == Delivery::Messages {
                    self.guest_index
                } else {
                    0
                };
                let named = (value >> GUEST_SHIFT) & GUEST_MASK;
                // Bits 12 to 17 of genmsi are reserved and Busy: it names no guest file.
                let vcpu = self.vcpu_of(value >> HART_SHIFT, guest);
                if let (Some(vcpu), Delivery::Messages, 0) = (vcpu, self.delivery, named) {
                    self.send(vcpu, value, host);
                }
            }
            Register::Idc(vcpu, register) => self.write_idc(vcpu, register, value, host),
            Register::Reserved => {}
        }
        Ok(())
    }

    /// A bit for each source of word `index` of which `holds` is true.
    fn gather(&self, index: usize, mut holds: impl FnMut(u32) -> bool) -> u32 {
        let mut rest = self.owned.word(index);
        let mut word = 0;
        while rest != 0 {
            let bit = rest & rest.wrapping_neg();
            if holds(next_bit(&mut rest, index)) {
                word |= bit;
            }
        }
        word
    }

    fn each(&mut self, index: usize, value: u32, mut act: impl FnMut(&mut Self, u32)) {
        let mut rest = value & self.owned.word(index);
        while rest != 0 {
            act(self, next_bit(&mut rest, index));
        }
    }

    /// The vCPU of a delivery control; none when delivering by messages.
    fn control(&self, number: usize) -> Option<usize> {
        let number = u32::try_from(number).ok()?;
        (self.delivery == Delivery::Direct).then(|| self.vcpu_of(number, 0))?
    }

    fn read_idc(&mut self, number: usize, register: u64, host: &mut impl Host) -> u32 {
        let Some(vcpu) = self.control(number) else {
            return 0;
        };
        let Some(idc) = self.idc.get(vcpu).copied() else {
            return 0;
        };
        match register {
            0x00 => idc.delivery.into(),
            0x04 => idc.force.into(),
            0x08 => idc.threshold.into(),
            0x18 => {
                self.look_again(vcpu, host);
                self.update(vcpu, host);
                self.top(vcpu)
            }
            0x1c => self.claim(vcpu, host),
            _ => 0,
        }
    }

    fn write_idc(&mut self, number: usize, register: u64, value: u32, host: &mut impl Host) {
        let Some(vcpu) = self.control(number) else {
            return;
        };
        let Some(idc) = self.idc.get_mut(vcpu) else {
            return;
        };
        match register {
            0x00 => idc.delivery = value & 1 != 0,
            0x04 => idc.force = value & 1 != 0,
            0x08 => idc.threshold = value as u8,
            _ => return,
        }
        self.update(vcpu, host);
    }
}
