// SPDX-License-Identifier: Apache-2.0
//! The distributor: GICD of both versions.

use crate::bank::Bank;
use crate::deliver::is_private;
use crate::line::{HARDWARE, LATCH, NONE};
use crate::state::SGIS;
use crate::{Effects, ListRegisters, MAX_INTIDS, Version, Vgic};

/// GICD_IIDR and GICR_IIDR: Arm's architecture, product "H".
pub(crate) const IIDR: u32 = 0x4800_043b;
/// GICD_CTLR: the group enables, and what is fixed in a GICv3 (ARE, DS).
const GROUPS: u32 = 0b11;
const V3_FIXED: u32 = 1 << 4 | 1 << 6;

/// End of GICD_IROUTER<n>.
const ROUTES_END: u32 = 0x6000 + 8 * MAX_INTIDS as u32;

const CTLR: u32 = 0x000;
const TYPER: u32 = 0x004;
const IIDR_OFFSET: u32 = 0x008;

impl Vgic {
    /// A read by `vcpu` of the distributor's register at `offset` (bytes from
    /// its base), `width` bytes.
    pub fn distributor_read<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        offset: u32,
        width: u8,
        machine: &mut M,
    ) -> u64 {
        self.current = vcpu;
        let value = self.read_distributor(vcpu, offset, width, machine);
        self.update(vcpu, machine);
        self.current = NONE;
        value
    }

    /// A write by `vcpu`. The calling processor's list registers are up to date afterwards.
    pub fn distributor_write<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        offset: u32,
        width: u8,
        value: u64,
        machine: &mut M,
    ) {
        self.current = vcpu;
        self.write_distributor(vcpu, offset, width, value, machine);
        self.update(vcpu, machine);
        self.current = NONE;
    }

    fn read_distributor<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        offset: u32,
        width: u8,
        machine: &mut M,
    ) -> u64 {
        if let Some((bank, first)) = Bank::decode(offset, width) {
            if self.version == Version::V3 && is_private(first) {
                return 0;
            }
            return self.read_bank(vcpu, bank, first, width, machine).into();
        }
        match (self.version, width) {
            (Version::V3, 8) | (Version::V3, 4) if self.is_route(offset, width) => {
                let route = self.read_route(offset);
                if offset & 4 == 0 {
                    low(route, width)
                } else {
                    route >> 32
                }
            }
            (Version::V2, 1 | 4) if (0x800..0xc00).contains(&offset) => self
                .read_bytes(offset, width, |vgic, at| vgic.read_targets(vcpu, at))
                .into(),
            (Version::V2, 1 | 4) if (0xf10..0xf30).contains(&offset) => {
                self.fold_current(machine);
                self.read_bytes(offset, width, |vgic, at| {
                    vgic.line(vcpu, (at & 0xf) as u16)
                        .map_or(0, |line| line.mask)
                })
                .into()
            }
            (_, 4) if offset & 3 == 0 => self.read_distributor_word(offset).into(),
            _ => 0,
        }
    }

    fn read_distributor_word(&self, offset: u32) -> u32 {
        let v3 = self.version == Version::V3;
        match offset {
            CTLR => self.control | if v3 { V3_FIXED } else { 0 },
            TYPER => self.typer(),
            IIDR_OFFSET => IIDR,
            _ if v3 => identification(offset, 0xffd0, 0x3b),
            _ => identification(offset, 0xfd0, 0x2b),
        }
    }

    /// GICD_TYPER. GICv3: 10 bits of INTID, no 1 of N distribution.
    fn typer(&self) -> u32 {
        let lines = u32::from(self.intids).div_ceil(32).saturating_sub(1) & 0x1f;
        let cpus = u32::from(self.count).saturating_sub(1).min(7) << 5;
        match self.version {
            Version::V2 => lines | cpus,
            Version::V3 => {
                let mut all = 0;
                let mut range = 0;
                for cpu in self.cpus.iter().take(self.count.into()) {
                    all |= cpu.affinity;
                    range |= cpu.affinity & 0xf0;
                }
                let a3v = u32::from(all >> 24 != 0) << 24;
                let rss = u32::from(range != 0) << 26;
                lines | cpus | 9 << 19 | a3v | 1 << 25 | rss
            }
        }
    }

    fn write_distributor<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        offset: u32,
        width: u8,
        value: u64,
        machine: &mut M,
    ) {
        let word = value as u32;
        if let Some((bank, first)) = Bank::decode(offset, width) {
            if self.version == Version::V2 || !is_private(first) {
                self.write_bank(vcpu, bank, first, width, word, machine);
            }
            return;
        }
        match (self.version, width) {
            (Version::V3, 4 | 8) if self.is_route(offset, width) => {
                let old = self.read_route(offset);
                let new = match (width, offset & 4) {
                    (8, _) => value,
                    (_, 0) => old & !0xffff_ffff | value & 0xffff_ffff,
                    _ => old & 0xffff_ffff | value << 32,
                };
                self.write_route(offset, new, machine);
            }
            (Version::V2, 1 | 4) if (0x800..0xc00).contains(&offset) => {
                self.write_bytes(offset, width, word, |vgic, at, byte| {
                    vgic.write_targets(at, byte, machine);
                });
            }
            (Version::V2, 1 | 4) if (0xf10..0xf30).contains(&offset) => {
                self.fold_current(machine);
                self.write_bytes(offset, width, word, |vgic, at, byte| {
                    vgic.write_sgi_pending(vcpu, at, byte, machine);
                });
            }
            (_, 4) if offset == CTLR && self.control != word & GROUPS => {
                self.control = word & GROUPS;
                self.refresh_all(machine);
            }
            (Version::V2, 4) if offset == 0xf00 => self.write_sgir(vcpu, word, machine),
            _ => {}
        }
    }

    /// GICD_IROUTER<n>, whole or a half.
    fn is_route(&self, offset: u32, width: u8) -> bool {
        let aligned = offset & u32::from(width).saturating_sub(1) == 0;
        aligned && (0x6100..ROUTES_END).contains(&offset)
    }

    fn read_route(&self, offset: u32) -> u64 {
        let Some(line) = self.owned(0, route_intid(offset)) else {
            return 0;
        };
        let affinity = self
            .cpu(line.target)
            .map_or(0, |cpu| u64::from(cpu.affinity));
        affinity & 0xff_ffff | (affinity & 0xff00_0000) << 8
    }

    /// An affinity that the zone does not have: the line goes to nobody, and reads as 0.
    fn write_route(&mut self, offset: u32, value: u64, effects: &mut impl Effects) {
        let affinity = (value & 0xff_ffff) as u32 | (value >> 8 & 0xff00_0000) as u32;
        let target = (0..self.count)
            .find(|&vcpu| self.cpu(vcpu).is_some_and(|cpu| cpu.affinity == affinity))
            .unwrap_or(NONE);
        self.retarget(route_intid(offset), target, effects);
    }

    fn retarget(&mut self, intid: u16, target: u8, effects: &mut impl Effects) {
        self.unqueue(0, intid);
        let Some(line) = self.owned_mut(0, intid) else {
            return;
        };
        if line.has(HARDWARE) && target != NONE && line.target != target {
            effects.route_line(intid, target);
        }
        line.target = target;
        self.changed(0, intid, effects);
    }

    /// A byte of GICD_ITARGETSR: for SGIs and PPIs, the reader itself.
    fn read_targets(&self, vcpu: u8, at: u32) -> u8 {
        let intid = (at & 0x3ff) as u16;
        match self.owned(vcpu, intid) {
            _ if is_private(intid) => 1u8.wrapping_shl(vcpu.into()),
            Some(line) => line.mask,
            None => 0,
        }
    }

    /// Of several targets, the first gets it.
    fn write_targets(&mut self, at: u32, byte: u8, effects: &mut impl Effects) {
        let intid = (at & 0x3ff) as u16;
        if is_private(intid) {
            return;
        }
        let mask = byte & 1u16.wrapping_shl(self.count.into()).wrapping_sub(1) as u8;
        if let Some(line) = self.owned_mut(0, intid) {
            line.mask = mask;
            let target = if mask == 0 {
                NONE
            } else {
                mask.trailing_zeros() as u8
            };
            self.retarget(intid, target, effects);
        }
    }

    /// A byte of GICD_CPENDSGIR (0xf10) or GICD_SPENDSGIR (0xf20), of one SGI.
    fn write_sgi_pending(&mut self, vcpu: u8, at: u32, byte: u8, effects: &mut impl Effects) {
        let intid = (at & 0xf) as u16;
        let known = byte & 1u16.wrapping_shl(self.count.into()).wrapping_sub(1) as u8;
        if at >= 0xf20 {
            if known != 0 {
                self.raise_sgi(vcpu, intid, None, known, effects);
            }
        } else if intid < SGIS
            && let Some(line) = self.line_mut(vcpu, intid)
        {
            line.mask &= !byte;
            let left = line.mask != 0;
            line.set(LATCH, left);
            self.changed(vcpu, intid, effects);
        }
    }

    fn read_bytes(&self, offset: u32, width: u8, byte: impl Fn(&Self, u32) -> u8) -> u32 {
        if width == 4 && offset & 3 != 0 {
            return 0;
        }
        let mut value = [0; 4];
        for (at, slot) in (offset..).zip(&mut value).take(width.into()) {
            *slot = byte(self, at);
        }
        u32::from_le_bytes(value)
    }

    fn write_bytes(
        &mut self,
        offset: u32,
        width: u8,
        value: u32,
        mut byte: impl FnMut(&mut Self, u32, u8),
    ) {
        if width == 4 && offset & 3 != 0 {
            return;
        }
        for (at, written) in (offset..).zip(value.to_le_bytes()).take(width.into()) {
            byte(self, at, written);
        }
    }
}

fn route_intid(offset: u32) -> u16 {
    (offset.wrapping_sub(0x6000) >> 3) as u16
}

fn low(value: u64, width: u8) -> u64 {
    if width == 4 {
        value & 0xffff_ffff
    } else {
        value
    }
}

/// PIDR4..7, PIDR0..3, CIDR0..3 from `base` on; only the architecture's
/// revision (PIDR2) and the component class are told.
pub(crate) fn identification(offset: u32, base: u32, pidr2: u32) -> u32 {
    match offset.wrapping_sub(base) {
        0x18 => pidr2,
        0x20 => 0x0d,
        0x24 => 0xf0,
        0x28 => 0x05,
        0x2c => 0xb1,
        _ => 0,
    }
}
