// SPDX-License-Identifier: Apache-2.0
//! Between the queues and the list registers.

use crate::line::{
    ACTIVE, AGAIN, DROP_ACTIVE, DROP_PENDING, GROUP1, LATCH, Line, NONE, PHYSICAL, TAKEN,
};
use crate::state::SGIS;
use crate::{Effects, ListRegister, ListRegisters, State, Version, Vgic};

impl Vgic {
    /// Whether [`Self::synchronize`] has something to do for `vcpu`.
    #[inline]
    pub fn needs_sync(&self, vcpu: u8) -> bool {
        self.cpu(vcpu).is_some_and(|cpu| cpu.attention)
    }

    /// Whether an interrupt waits for `vcpu`, in a list register or for one.
    pub fn has_pending<M: ListRegisters>(&self, vcpu: u8, machine: &mut M) -> bool {
        let Some(cpu) = self.cpu(vcpu) else {
            return false;
        };
        !cpu.queue.is_empty() || bits(cpu.used).any(|slot| machine.read(slot).state.is_pending())
    }

    /// Brings the list registers of the calling processor's `vcpu` up to date:
    /// after a kick, a maintenance interrupt, and before the guest is entered
    /// if [`Self::needs_sync`].
    pub fn synchronize<M: Effects + ListRegisters>(&mut self, vcpu: u8, machine: &mut M) {
        self.current = vcpu;
        self.update(vcpu, machine);
        self.current = NONE;
    }

    pub(crate) fn update<M: Effects + ListRegisters>(&mut self, vcpu: u8, machine: &mut M) {
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        cpu.attention = false;
        let every = core::mem::replace(&mut cpu.resync, false);
        let used = cpu.used;
        let finished = if every {
            used
        } else {
            used & machine.finished()
        };
        self.fold(vcpu, finished, machine);
        let mut placed = self.fill(vcpu, machine);
        if !placed && !every {
            // More than fits: the most urgent ones shall be in.
            let used = self.cpu(vcpu).map_or(0, |cpu| cpu.used);
            self.fold(vcpu, used, machine);
            placed = self.fill(vcpu, machine);
        }
        let refill = !placed && self.watch_overflow(vcpu, machine);
        if let Some(cpu) = self.cpu_mut(vcpu) {
            // What the steps above did to this vCPU's own lines is done.
            cpu.attention = false;
            cpu.resync = false;
            if core::mem::replace(&mut cpu.refill, refill) != refill {
                machine.set_refill(refill);
            }
        }
    }

    /// Makes sure of an exit once there is room: if something is pending in a
    /// list register, by the refill interrupt (the result). If all are active,
    /// by an end-of-interrupt one each, for which the model itself has to
    /// deactivate the physical interrupt.
    fn watch_overflow<M: Effects + ListRegisters>(&self, vcpu: u8, machine: &mut M) -> bool {
        let used = self.cpu(vcpu).map_or(0, |cpu| cpu.used);
        if bits(used).any(|slot| machine.read(slot).state.is_pending()) {
            return true;
        }
        for slot in bits(used) {
            let value = machine.read(slot);
            machine.write(
                slot,
                ListRegister {
                    hardware: false,
                    eoi_maintenance: true,
                    ..value
                },
            );
        }
        false
    }

    /// Empties the list registers `which` and takes what the guest did to them.
    pub(crate) fn fold<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        which: u32,
        machine: &mut M,
    ) {
        for slot in bits(which) {
            let value = machine.read(slot);
            machine.clear(slot);
            let Some(cpu) = self.cpu_mut(vcpu) else {
                return;
            };
            cpu.used &= !1u32.wrapping_shl(u32::from(slot));
            let Some(&intid) = cpu.listed.get(usize::from(slot)) else {
                continue;
            };
            let v2 = self.version == Version::V2;
            let Some(line) = self.line_mut(vcpu, intid) else {
                continue;
            };
            let physical = line.fold(value, v2 && intid < SGIS);
            if physical {
                machine.deactivate(vcpu, intid);
            }
            self.refresh(vcpu, intid, machine);
        }
    }

    /// Fills free list registers; whether nothing is left over.
    fn fill<M: Effects + ListRegisters>(&mut self, vcpu: u8, machine: &mut M) -> bool {
        loop {
            let slots = self.slots;
            let Some(cpu) = self.cpu(vcpu) else {
                return true;
            };
            if cpu.queue.is_empty() {
                return true;
            }
            let free = slots & !cpu.used;
            if free == 0 {
                return false;
            }
            let Some(intid) = self.most_urgent(vcpu) else {
                return true;
            };
            self.place(vcpu, intid, free.trailing_zeros() as u8, machine);
        }
    }

    /// Active ones first, for they were in a list register; then by priority,
    /// then by number.
    fn most_urgent(&self, vcpu: u8) -> Option<u16> {
        let mut best = None;
        let mut least = u32::MAX;
        for intid in self.cpu(vcpu)?.queue.iter() {
            let line = self.line(vcpu, intid)?;
            let idle = u32::from(!line.has(ACTIVE));
            let key = idle << 31 | u32::from(line.priority) << 16 | u32::from(intid);
            if key < least {
                least = key;
                best = Some(intid);
            }
        }
        best
    }

    fn place<M: ListRegisters>(&mut self, vcpu: u8, intid: u16, slot: u8, machine: &mut M) {
        let control = self.control;
        let v2_sgi = self.version == Version::V2 && intid < SGIS;
        let Some(line) = self.line_mut(vcpu, intid) else {
            return;
        };
        let value = line.unfold(intid, control, v2_sgi);
        line.slot = slot;
        line.holder = vcpu;
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        cpu.queue.remove(intid);
        cpu.used |= 1u32.wrapping_shl(u32::from(slot));
        if let Some(listed) = cpu.listed.get_mut(usize::from(slot)) {
            *listed = intid;
        }
        machine.write(slot, value);
    }

    /// After a change of a line: puts it into its vCPU's queue or out of it.
    #[inline]
    pub(crate) fn refresh(&mut self, vcpu: u8, intid: u16, effects: &mut impl Effects) {
        let control = self.control;
        let Some(line) = self.line(vcpu, intid) else {
            return;
        };
        let wants = line.wants_slot(control);
        let target = if is_private(intid) {
            vcpu
        } else {
            line.destination()
        };
        let current = self.current;
        let Some(cpu) = self.cpu_mut(target) else {
            return;
        };
        if !wants {
            cpu.queue.remove(intid);
        } else if cpu.queue.insert(intid) {
            cpu.attention = true;
            if target != current {
                effects.kick(target);
            }
        }
    }

    /// Before a change of where a line goes.
    pub(crate) fn unqueue(&mut self, vcpu: u8, intid: u16) {
        let Some(line) = self.line(vcpu, intid) else {
            return;
        };
        let target = if is_private(intid) {
            vcpu
        } else {
            line.destination()
        };
        if let Some(cpu) = self.cpu_mut(target) {
            cpu.queue.remove(intid);
        }
    }

    /// After a change of a line: tells who has it in a list register, or queues it.
    #[inline]
    pub(crate) fn changed(&mut self, vcpu: u8, intid: u16, effects: &mut impl Effects) {
        match self.line(vcpu, intid) {
            Some(line) if line.is_listed() => {
                let holder = line.holder;
                self.resync(holder, effects);
            }
            _ => self.refresh(vcpu, intid, effects),
        }
    }

    pub(crate) fn resync(&mut self, vcpu: u8, effects: &mut impl Effects) {
        let current = self.current;
        let Some(cpu) = self.cpu_mut(vcpu) else {
            return;
        };
        cpu.attention = true;
        if !core::mem::replace(&mut cpu.resync, true) && vcpu != current {
            effects.kick(vcpu);
        }
    }

    /// Takes everything out of a vCPU's list registers; what was active is not
    /// any more.
    pub(crate) fn abandon<M: Effects + ListRegisters>(&mut self, vcpu: u8, machine: &mut M) {
        let Some(cpu) = self.cpu(vcpu) else { return };
        let (used, listed) = (cpu.used, cpu.listed);
        for (slot, intid) in listed.into_iter().enumerate() {
            if used & 1u32.wrapping_shl(slot as u32) != 0
                && let Some(line) = self.line_mut(vcpu, intid)
            {
                line.set(DROP_ACTIVE, true);
            }
        }
        self.fold(vcpu, used, machine);
    }
}

impl Line {
    /// Takes over what became of it in a list register; whether the physical
    /// interrupt is to be deactivated.
    fn fold(&mut self, value: ListRegister, v2_sgi: bool) -> bool {
        self.slot = NONE;
        if value.state.is_pending() && self.has(TAKEN) && !self.has(DROP_PENDING) {
            self.set(LATCH, true);
            if v2_sgi {
                self.mask |= 1u8.wrapping_shl(u32::from(value.source));
            }
        }
        self.set(ACTIVE, value.state.is_active() && !self.has(DROP_ACTIVE));
        if !self.has(ACTIVE) {
            self.holder = NONE;
        }
        if value.state == State::Inactive && value.hardware && !self.has(AGAIN) {
            self.set(PHYSICAL, false);
        }
        self.set(TAKEN | DROP_PENDING | DROP_ACTIVE | AGAIN, false);
        self.drop_physical()
    }

    /// Whether the physical interrupt is active and nothing here needs it any more.
    pub(crate) fn drop_physical(&mut self) -> bool {
        let drop = self.has(PHYSICAL) && !self.is_listed() && self.flags & (ACTIVE | LATCH) == 0;
        if drop {
            self.set(PHYSICAL, false);
        }
        drop
    }

    /// What a list register shall hold, to which the pending state moves.
    fn unfold(&mut self, intid: u16, control: u32, v2_sgi: bool) -> ListRegister {
        let active = self.has(ACTIVE);
        let pending = self.is_pending() && self.passes(control);
        let physical = self.has(PHYSICAL);
        // An active SGI's source, or its physical interrupt, leaves no room for a second one.
        let both = active && pending && !physical && !v2_sgi;
        let moves = pending && (!active || both);
        let hardware = physical && !(active && pending);
        if moves && self.has(LATCH) {
            if v2_sgi {
                self.target = self.mask.trailing_zeros() as u8;
                self.mask &= self.mask.wrapping_sub(1);
            }
            self.set(LATCH, v2_sgi && self.mask != 0);
            self.set(TAKEN, true);
        }
        let again = self.is_pending() && self.passes(control);
        ListRegister {
            intid,
            hardware,
            priority: self.priority,
            group1: self.has(GROUP1),
            state: State::new(moves, active),
            source: if v2_sgi { self.target & 7 } else { 0 },
            eoi_maintenance: !hardware && again,
        }
    }
}

#[inline]
pub(crate) fn is_private(intid: u16) -> bool {
    usize::from(intid) < crate::state::PRIVATE
}

/// The positions of the set bits, ascending.
#[inline]
pub(crate) fn bits(mut value: u32) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let bit = value.trailing_zeros();
        if bit == u32::BITS {
            return None;
        }
        value &= value.wrapping_sub(1);
        Some(bit as u8)
    })
}
