// SPDX-License-Identifier: Apache-2.0
//! Software-generated interrupts, which never leave the zone.

use crate::line::{GROUP1, LATCH, NONE, OWNED};
use crate::state::SGIS;
use crate::{Effects, ListRegisters, Vgic};

impl Vgic {
    /// A write of ICC_SGI1R_EL1 (`group1`) or ICC_SGI0R_EL1 by `vcpu`
    /// (IHI 0069, 12.2.22). Affinities that the zone does not have are ignored.
    pub fn send_sgi<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        value: u64,
        group1: bool,
        machine: &mut M,
    ) {
        let intid = (value >> 24 & 0xf) as u16;
        let all_others = value >> 40 & 1 != 0;
        let cluster =
            (value >> 16 & 0xff) << 8 | (value >> 32 & 0xff) << 16 | (value >> 48 & 0xff) << 24;
        let range = value >> 44 & 0xf;
        self.current = vcpu;
        for target in 0..self.count {
            let Some(cpu) = self.cpu(target) else { break };
            let affinity = u64::from(cpu.affinity);
            let named = affinity & 0xffff_ff00 == cluster
                && affinity >> 4 & 0xf == range
                && value >> (affinity & 0xf) & 1 != 0;
            if if all_others { target != vcpu } else { named } {
                self.raise_sgi(target, intid, Some(group1), 0, machine);
            }
        }
        self.update(vcpu, machine);
        self.current = NONE;
    }

    /// A write of GICD_SGIR by `vcpu` (IHI 0048, 4.3.15).
    pub(crate) fn write_sgir(&mut self, vcpu: u8, value: u32, effects: &mut impl Effects) {
        let intid = (value & 0xf) as u16;
        let own = 1u32.wrapping_shl(u32::from(vcpu));
        let targets = match value >> 24 & 3 {
            0 => value >> 16 & 0xff,
            1 => 0xff & !own,
            2 => own,
            _ => 0,
        };
        for target in crate::deliver::bits(targets) {
            self.raise_sgi(target, intid, None, own as u8, effects);
        }
    }

    /// `sources`: the bits of GICv2 senders. With a `group`, only if it is the SGI's.
    pub(crate) fn raise_sgi(
        &mut self,
        target: u8,
        intid: u16,
        group1: Option<bool>,
        sources: u8,
        effects: &mut impl Effects,
    ) {
        let Some(line) = self.line_mut(target, intid) else {
            return;
        };
        if intid >= SGIS || !line.has(OWNED) || group1.is_some_and(|g| g != line.has(GROUP1)) {
            return;
        }
        line.set(LATCH, true);
        line.mask |= sources;
        self.changed(target, intid, effects);
    }
}
