// SPDX-License-Identifier: Apache-2.0
//! Interrupts that arrive: physical ones, and the lines of virtual devices.

use crate::deliver::is_private;
use crate::line::{
    ACTIVE, AGAIN, DROP_ACTIVE, DROP_PENDING, EDGE, GROUP1, HARDWARE, LATCH, LEVEL, NONE, OWNED,
    PHYSICAL, TAKEN,
};
use crate::{Effects, ListRegister, ListRegisters, State, Vgic};

/// What must hold of a line, of these flags, for the short way.
const PLAIN: u16 = OWNED | HARDWARE;
const PLAIN_MASK: u16 = PLAIN | ACTIVE | LATCH | DROP_PENDING | DROP_ACTIVE;

impl Vgic {
    /// The processor of `vcpu`, which runs this, acknowledged a physical
    /// interrupt and dropped its priority. `false`: it is not the zone's, and
    /// still active. Otherwise the list registers are up to date, and the
    /// interrupt is deactivated by the guest or by [`Effects::deactivate`].
    #[inline]
    pub fn hardware_interrupt<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        intid: u16,
        machine: &mut M,
    ) -> bool {
        let (control, slots) = (self.control, self.slots);
        let Some(cpu) = self.cpu(vcpu) else {
            return false;
        };
        let (used, attention) = (cpu.used, cpu.attention);
        let Some(line) = self.line_mut(vcpu, intid) else {
            return false;
        };
        let free = slots & !used;
        let slot = if !line.is_listed() {
            if free == 0 {
                NONE
            } else {
                free.trailing_zeros() as u8
            }
        } else if line.has(PHYSICAL) && line.holder == vcpu {
            // It fired again, so the guest deactivated it: its list register is empty.
            line.slot
        } else {
            NONE
        };
        let here = is_private(intid) || line.target == vcpu;
        if line.flags & PLAIN_MASK == PLAIN
            && line.passes(control)
            && here
            && slot != NONE
            && !attention
        {
            line.flags |= PHYSICAL | TAKEN;
            line.slot = slot;
            line.holder = vcpu;
            let value = ListRegister {
                intid,
                hardware: true,
                priority: line.priority,
                group1: line.has(GROUP1),
                state: State::Pending,
                source: 0,
                eoi_maintenance: false,
            };
            if let Some(cpu) = self.cpus.get_mut(usize::from(vcpu)) {
                cpu.used |= 1u32.wrapping_shl(u32::from(slot));
                if let Some(listed) = cpu.listed.get_mut(usize::from(slot)) {
                    *listed = intid;
                }
            }
            machine.write(slot, value);
            return true;
        }
        self.hardware_interrupt_queued(vcpu, intid, machine)
    }

    #[cold]
    fn hardware_interrupt_queued<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        intid: u16,
        machine: &mut M,
    ) -> bool {
        let Some(line) = self.line_mut(vcpu, intid) else {
            return false;
        };
        if !line.has(PLAIN) {
            return false;
        }
        let listed = line.is_listed();
        line.set(AGAIN, listed);
        line.set(LATCH | PHYSICAL, true);
        self.current = vcpu;
        self.changed(vcpu, intid, machine);
        self.update(vcpu, machine);
        self.current = NONE;
        true
    }

    /// Drives the line of a virtual device. `caller` is the zone's own vCPU
    /// that runs this, if one does: it is not kicked, and has to call
    /// [`Self::synchronize`] before it enters its guest.
    pub fn set_level(
        &mut self,
        intid: u16,
        level: bool,
        caller: Option<u8>,
        effects: &mut impl Effects,
    ) {
        let Some(line) = self.virtual_line(intid) else {
            return;
        };
        if line.has(LEVEL) == level {
            return;
        }
        line.set(LEVEL, level);
        if line.has(EDGE) && level {
            line.set(LATCH, true);
        }
        self.current = caller.unwrap_or(NONE);
        self.changed(0, intid, effects);
        self.current = NONE;
    }

    /// An edge on the line of a virtual device, or a message. `caller` as in
    /// [`Self::set_level`].
    pub fn pulse(&mut self, intid: u16, caller: Option<u8>, effects: &mut impl Effects) {
        let Some(line) = self.virtual_line(intid) else {
            return;
        };
        line.set(LATCH, true);
        self.current = caller.unwrap_or(NONE);
        self.changed(0, intid, effects);
        self.current = NONE;
    }

    fn virtual_line(&mut self, intid: u16) -> Option<&mut crate::line::Line> {
        if is_private(intid) {
            return None;
        }
        self.owned_mut(0, intid).filter(|line| !line.has(HARDWARE))
    }

    /// The level of a PPI that the kernel models for `vcpu`; `caller` as in
    /// [`Self::set_level`].
    pub fn set_private_level(
        &mut self,
        vcpu: u8,
        intid: u16,
        level: bool,
        caller: Option<u8>,
        effects: &mut impl Effects,
    ) {
        if !is_private(intid) {
            return;
        }
        let Some(line) = self.owned_mut(vcpu, intid) else {
            return;
        };
        if line.has(HARDWARE) || line.has(LEVEL) == level {
            return;
        }
        line.set(LEVEL, level);
        self.current = caller.unwrap_or(NONE);
        self.changed(vcpu, intid, effects);
        self.current = NONE;
    }
}
