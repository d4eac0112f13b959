// SPDX-License-Identifier: Apache-2.0
//! The register arrays with one field per interrupt that the distributor of
//! both versions and the GICv3 redistributor have at the same offsets.

use crate::deliver::{bits, is_private};
use crate::line::{
    ACTIVE, DROP_ACTIVE, DROP_PENDING, EDGE, ENABLED, GROUP1, HARDWARE, LATCH, Line, NONE, OWNED,
    PRIORITY_MASK, TAKEN,
};
use crate::state::SGIS;
use crate::{Effects, ListRegisters, Version, Vgic};

/// One array; those of a bit per interrupt first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bank {
    Group,
    SetEnable,
    ClearEnable,
    SetPending,
    ClearPending,
    SetActive,
    ClearActive,
    /// A byte per interrupt.
    Priority,
    /// Two bits per interrupt.
    Configuration,
}

impl Bank {
    /// The array at `offset`, and the first interrupt of the accessed word or
    /// byte. `None` for what is not an access to one of the arrays.
    pub(crate) fn decode(offset: u32, width: u8) -> Option<(Self, u16)> {
        let (bank, base, per_byte) = match offset {
            0x080..=0x0ff => (Self::Group, 0x080, 8),
            0x100..=0x17f => (Self::SetEnable, 0x100, 8),
            0x180..=0x1ff => (Self::ClearEnable, 0x180, 8),
            0x200..=0x27f => (Self::SetPending, 0x200, 8),
            0x280..=0x2ff => (Self::ClearPending, 0x280, 8),
            0x300..=0x37f => (Self::SetActive, 0x300, 8),
            0x380..=0x3ff => (Self::ClearActive, 0x380, 8),
            0x400..=0x7ff => (Self::Priority, 0x400, 1),
            0xc00..=0xcff => (Self::Configuration, 0xc00, 4),
            _ => return None,
        };
        let allowed = match width {
            1 => bank == Self::Priority,
            4 => offset & 3 == 0,
            _ => false,
        };
        let first = offset.wrapping_sub(base).wrapping_mul(per_byte);
        allowed.then_some((bank, first as u16))
    }

    /// Whether it tells or changes what the guest itself changes by acknowledging and ending.
    fn needs_fold(self) -> bool {
        matches!(
            self,
            Self::SetPending | Self::ClearPending | Self::SetActive | Self::ClearActive
        )
    }
}

/// Interrupts in a 32-bit word of `bank`.
fn per_word(bank: Bank) -> u16 {
    match bank {
        Bank::Priority => 4,
        Bank::Configuration => 16,
        _ => 32,
    }
}

impl Vgic {
    /// Reads `bank` from interrupt `first` on, for `owner`'s SGIs and PPIs.
    /// `current` is set. What another vCPU did to an interrupt since it last
    /// left its guest is not in the answer, but in one that follows it.
    pub(crate) fn read_bank<M: Effects + ListRegisters>(
        &mut self,
        owner: u8,
        bank: Bank,
        first: u16,
        width: u8,
        machine: &mut M,
    ) -> u32 {
        if bank.needs_fold() {
            self.fold_current(machine);
        }
        let count = if width == 1 { 1 } else { per_word(bank) };
        let mut value = 0u32;
        for index in 0..count {
            let intid = first.saturating_add(index);
            let Some(line) = self.owned(owner, intid).copied() else {
                continue;
            };
            let position = u32::from(index);
            value |= match bank {
                Bank::Priority => u32::from(line.priority).wrapping_shl(position.wrapping_mul(8)),
                Bank::Configuration => {
                    u32::from(line.has(EDGE)).wrapping_shl(position.wrapping_mul(2) | 1)
                }
                _ => {
                    let bit = self.read_bit(owner, bank, intid, line, machine);
                    u32::from(bit).wrapping_shl(position)
                }
            };
        }
        value
    }

    fn read_bit<M: Effects + ListRegisters>(
        &mut self,
        owner: u8,
        bank: Bank,
        intid: u16,
        line: Line,
        machine: &mut M,
    ) -> bool {
        if bank.needs_fold() && line.is_listed() {
            self.resync(line.holder, machine);
        }
        match bank {
            Bank::Group => line.has(GROUP1),
            Bank::SetEnable | Bank::ClearEnable => line.has(ENABLED),
            Bank::SetActive | Bank::ClearActive => line.has(ACTIVE),
            Bank::SetPending | Bank::ClearPending => {
                line.is_pending()
                    || line.has(TAKEN)
                    || line.has(HARDWARE) && machine.is_pending(owner, intid)
            }
            Bank::Priority | Bank::Configuration => false,
        }
    }

    /// Writes `bank` from interrupt `first` on. `current` is set.
    pub(crate) fn write_bank<M: Effects + ListRegisters>(
        &mut self,
        owner: u8,
        bank: Bank,
        first: u16,
        width: u8,
        value: u32,
        machine: &mut M,
    ) {
        if bank.needs_fold() {
            self.fold_current(machine);
        }
        match bank {
            Bank::Priority => {
                for (index, byte) in (0..width).zip(value.to_le_bytes()) {
                    if let Some(line) = self.owned_mut(owner, first.saturating_add(index.into())) {
                        line.priority = byte & PRIORITY_MASK;
                    }
                }
            }
            Bank::Configuration => {
                for index in 0..per_word(bank) {
                    let shift = u32::from(index).wrapping_mul(2) | 1;
                    let edge = value.wrapping_shr(shift) & 1 != 0;
                    self.configure_trigger(first.saturating_add(index), edge, machine);
                }
            }
            Bank::Group => {
                for index in 0..32u8 {
                    let group1 = value.wrapping_shr(index.into()) & 1 != 0;
                    let intid = first.saturating_add(index.into());
                    let Some(line) = self.owned_mut(owner, intid) else {
                        continue;
                    };
                    if line.has(GROUP1) != group1 {
                        line.set(GROUP1, group1);
                        self.changed(owner, intid, machine);
                    }
                }
            }
            _ => {
                for index in bits(value) {
                    self.write_bit(owner, bank, first.saturating_add(index.into()), machine);
                }
            }
        }
    }

    fn write_bit<M: Effects + ListRegisters>(
        &mut self,
        owner: u8,
        bank: Bank,
        intid: u16,
        machine: &mut M,
    ) {
        let v2_sgi = self.version == Version::V2 && intid < SGIS;
        if bank == Bank::ClearActive {
            self.unqueue(owner, intid);
        }
        let Some(line) = self.owned_mut(owner, intid) else {
            return;
        };
        match bank {
            Bank::SetEnable | Bank::ClearEnable => {
                let enable = bank == Bank::SetEnable;
                if line.has(ENABLED) == enable {
                    return;
                }
                line.set(ENABLED, enable);
                if line.has(HARDWARE) {
                    if is_private(intid) {
                        machine.enable_private(owner, intid, enable);
                    } else {
                        machine.enable_line(intid, enable);
                    }
                }
            }
            // A GICv2's SGIs are set and cleared with their senders.
            Bank::SetPending | Bank::ClearPending if v2_sgi => return,
            Bank::SetPending => line.set(LATCH, true),
            Bank::ClearPending => {
                line.set(LATCH, false);
                let listed = line.is_listed();
                line.set(DROP_PENDING, listed);
                let (hardware, drop) = (line.has(HARDWARE), line.drop_physical());
                if hardware {
                    machine.clear_pending(owner, intid);
                }
                if drop {
                    machine.deactivate(owner, intid);
                }
            }
            // In another vCPU's list register it stays what it is there.
            Bank::SetActive => {
                if !line.is_listed() {
                    line.set(ACTIVE, true);
                }
            }
            Bank::ClearActive => {
                line.set(ACTIVE, false);
                let listed = line.is_listed();
                line.set(DROP_ACTIVE, listed);
                if !listed {
                    line.holder = NONE;
                }
                if line.drop_physical() {
                    machine.deactivate(owner, intid);
                }
            }
            Bank::Group | Bank::Priority | Bank::Configuration => return,
        }
        self.changed(owner, intid, machine);
    }

    /// SGIs are edge-triggered and PPIs as they are wired; SPIs as the guest says.
    fn configure_trigger(&mut self, intid: u16, edge: bool, effects: &mut impl Effects) {
        if is_private(intid) {
            return;
        }
        let Some(line) = self.owned_mut(0, intid) else {
            return;
        };
        if line.has(EDGE) == edge {
            return;
        }
        line.set(EDGE, edge);
        if line.has(HARDWARE) {
            effects.configure_line(intid, edge);
        }
        self.changed(0, intid, effects);
    }

    /// Takes in all that the calling vCPU did to its interrupts.
    pub(crate) fn fold_current<M: Effects + ListRegisters>(&mut self, machine: &mut M) {
        let vcpu = self.current;
        if let Some(used) = self.cpu(vcpu).map(|cpu| cpu.used) {
            self.fold(vcpu, used, machine);
        }
    }

    /// After a change of the group enables: everything is looked at anew.
    pub(crate) fn refresh_all(&mut self, effects: &mut impl Effects) {
        for vcpu in 0..self.count {
            for intid in 0..crate::state::PRIVATE as u16 {
                self.refresh(vcpu, intid, effects);
            }
            if self.cpu(vcpu).is_some_and(|cpu| cpu.used != 0) {
                self.resync(vcpu, effects);
            }
        }
        for intid in crate::state::PRIVATE as u16..self.intids {
            if self.line(0, intid).is_some_and(|line| line.has(OWNED)) {
                self.refresh(0, intid, effects);
            }
        }
    }
}
