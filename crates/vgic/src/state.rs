// SPDX-License-Identifier: Apache-2.0
//! What is kept of a zone's interrupt controller, and its beginning and end.

use crate::line::{
    DROP_ACTIVE, DROP_PENDING, ENABLED, GROUP1, HARDWARE, LATCH, LEVEL, Line, NONE, OWNED,
    PHYSICAL, WIRED_EDGE,
};
use crate::queue::Queue;
use crate::{Effects, ListRegisters, MAX_INTIDS, MAX_LIST_REGISTERS};
use abi::MAX_VCPUS;

/// INTIDs of a vCPU's own: SGIs and PPIs.
pub(crate) const PRIVATE: usize = 32;
/// INTIDs of SGIs.
pub(crate) const SGIS: u16 = 16;
/// vCPUs that a GICv2 can have.
const MAX_V2_VCPUS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

/// One vCPU's part.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    /// Aff3..Aff0, a byte each.
    pub affinity: u32,
    /// A bit per list register that was filled and not looked at since.
    pub used: u32,
    /// Something about a line in a list register changed.
    pub resync: bool,
    /// Something is to be done by [`Vgic::synchronize`].
    pub attention: bool,
    /// The refill maintenance interrupt is on.
    pub refill: bool,
    /// GICR_WAKER.ProcessorSleep.
    pub asleep: bool,
    /// INTID by list register.
    pub listed: [u16; MAX_LIST_REGISTERS],
    pub queue: Queue,
    pub lines: [Line; PRIVATE],
}

impl Cpu {
    const fn new() -> Self {
        Self {
            affinity: 0,
            used: 0,
            resync: false,
            attention: false,
            refill: false,
            asleep: true,
            listed: [0; MAX_LIST_REGISTERS],
            queue: Queue::new(),
            lines: [Line::new(); PRIVATE],
        }
    }

    const fn unused() -> Self {
        Self {
            asleep: false,
            lines: [Line::UNUSED; PRIVATE],
            ..Self::new()
        }
    }
}

/// A zone's interrupt controller.
pub struct Vgic {
    pub(crate) version: Version,
    pub(crate) count: u8,
    /// A bit per list register that the machine has.
    pub(crate) slots: u32,
    /// INTIDs, a multiple of 32 or [`MAX_INTIDS`].
    pub(crate) intids: u16,
    /// GICD_CTLR's group enables.
    pub(crate) control: u32,
    /// The vCPU whose exit is being served, or `NONE`.
    pub(crate) current: u8,
    pub(crate) cpus: [Cpu; MAX_VCPUS],
    pub(crate) shared: [Line; MAX_INTIDS - PRIVATE],
}

impl Default for Vgic {
    fn default() -> Self {
        Self::new()
    }
}

impl Vgic {
    /// A controller without vCPUs and lines, until [`Self::configure`]; all bits
    /// zero.
    pub const fn new() -> Self {
        Self {
            version: Version::V2,
            count: 0,
            slots: 0,
            intids: 0,
            control: 0,
            current: 0,
            cpus: [const { Cpu::unused() }; MAX_VCPUS],
            shared: [Line::UNUSED; MAX_INTIDS - PRIVATE],
        }
    }

    /// Makes a new zone's controller, which owns no line but its SGIs.
    ///
    /// `affinities` are the guest's MPIDRs (only the affinity fields are taken;
    /// at most [`MAX_VCPUS`], or 8 for a GICv2); `highest_intid` is rounded up to
    /// what GICD_TYPER can say.
    pub fn configure(
        &mut self,
        version: Version,
        affinities: &[u64],
        list_registers: u8,
        highest_intid: u16,
    ) {
        let most = if version == Version::V2 {
            MAX_V2_VCPUS
        } else {
            MAX_VCPUS
        };
        let slots = u32::from(list_registers).min(MAX_LIST_REGISTERS as u32);
        self.version = version;
        self.count = affinities.len().min(most) as u8;
        self.slots = 1u32.wrapping_shl(slots).wrapping_sub(1);
        self.intids = (highest_intid | 31)
            .saturating_add(1)
            .clamp(PRIVATE as u16, MAX_INTIDS as u16);
        self.control = 0;
        self.current = NONE;
        self.cpus = [Cpu::new(); MAX_VCPUS];
        for line in &mut self.shared {
            line.flags = 0;
        }
        for (cpu, affinity) in self.cpus.iter_mut().zip(affinities) {
            cpu.affinity = (affinity & 0xff_ffff) as u32 | ((affinity >> 8) & 0xff00_0000) as u32;
            for line in cpu.lines.iter_mut().take(usize::from(SGIS)) {
                line.flags = OWNED | WIRED_EDGE;
            }
        }
        self.forget();
    }

    /// Gives the zone an SPI. A hardware line stays disabled and is routed to
    /// vCPU 0 by the next [`Self::reset`].
    pub fn add_line(&mut self, intid: u16, hardware: bool, edge: bool) {
        if intid >= self.intids || usize::from(intid) < PRIVATE {
            return;
        }
        let defaults = self.defaults();
        let target_mask = u8::from(self.version == Version::V2);
        if let Some(line) = self.line_mut(0, intid) {
            line.flags = OWNED;
            line.set(HARDWARE, hardware);
            line.set(WIRED_EDGE, edge);
            line.reset(defaults);
            line.mask = target_mask;
        }
    }

    /// Takes an SPI away: disabled, and inactive as soon as the vCPU that has it
    /// in a list register has looked.
    pub fn remove_line(&mut self, intid: u16, effects: &mut impl Effects) {
        if usize::from(intid) < PRIVATE {
            return;
        }
        let Some(line) = self.line_mut(0, intid) else {
            return;
        };
        let (wired, listed) = (line.has(OWNED | HARDWARE), line.is_listed());
        let (holder, target) = (line.holder, line.target);
        let physical = line.has(PHYSICAL);
        if listed {
            line.set(DROP_ACTIVE | DROP_PENDING, true);
            line.set(OWNED | ENABLED | LATCH | LEVEL, false);
        } else {
            line.flags = 0;
        }
        if wired {
            effects.enable_line(intid, false);
            effects.clear_pending(0, intid);
            if physical && !listed {
                effects.deactivate(0, intid);
            }
        }
        if listed {
            self.resync(holder, effects);
        } else if let Some(cpu) = self.cpu_mut(target) {
            cpu.queue.remove(intid);
        }
    }

    /// Gives every vCPU a PPI.
    pub fn add_private(&mut self, intid: u16, hardware: bool) {
        if intid < SGIS {
            return;
        }
        let defaults = self.defaults();
        for cpu in &mut self.cpus {
            if let Some(line) = cpu.lines.get_mut(usize::from(intid)) {
                line.flags = OWNED;
                line.set(HARDWARE, hardware);
                line.reset(defaults);
            }
        }
    }

    /// At PSCI CPU_OFF and when the zone stops, on the vCPU's own processor:
    /// empties its list registers, and resets and disables its SGIs and PPIs.
    /// SPIs that were pending for it stay so.
    pub fn retire<M: Effects + ListRegisters>(&mut self, vcpu: u8, machine: &mut M) {
        self.current = vcpu;
        self.abandon(vcpu, machine);
        let defaults = self.defaults();
        for intid in 0..PRIVATE as u16 {
            let Some(line) = self.line_mut(vcpu, intid) else {
                continue;
            };
            let (enabled, physical) = (line.has(HARDWARE | ENABLED), line.has(PHYSICAL));
            line.reset(defaults);
            if enabled {
                machine.enable_private(vcpu, intid, false);
            }
            if physical {
                machine.deactivate(vcpu, intid);
            }
            self.refresh(vcpu, intid, machine);
        }
        if let Some(cpu) = self.cpu_mut(vcpu) {
            cpu.asleep = true;
            cpu.resync = false;
            if core::mem::replace(&mut cpu.refill, false) {
                machine.set_refill(false);
            }
        }
        self.current = NONE;
    }

    /// After [`Self::add_line`]s, and at a zone's stop once every vCPU that ran
    /// was retired: all as after a reset, the hardware lines disabled, inactive,
    /// routed to vCPU 0 and triggered as they were given.
    pub fn reset(&mut self, effects: &mut impl Effects) {
        self.control = 0;
        for intid in PRIVATE as u16..self.intids {
            let Some(line) = self.line(0, intid) else {
                continue;
            };
            if !line.has(OWNED | HARDWARE) {
                continue;
            }
            effects.enable_line(intid, false);
            effects.clear_pending(0, intid);
            if line.has(PHYSICAL) {
                effects.deactivate(0, intid);
            }
            effects.configure_line(intid, line.has(WIRED_EDGE));
            effects.route_line(intid, 0);
        }
        self.forget();
    }

    /// Forgets everything but what the zone owns.
    fn forget(&mut self) {
        let defaults = self.defaults();
        let target_mask = u8::from(self.version == Version::V2);
        for cpu in &mut self.cpus {
            let affinity = cpu.affinity;
            let mut lines = cpu.lines;
            for line in &mut lines {
                line.reset(defaults);
            }
            *cpu = Cpu {
                affinity,
                lines,
                ..Cpu::new()
            };
        }
        for line in &mut self.shared {
            line.reset(defaults);
            line.mask = target_mask;
        }
    }

    /// Flags of every line after a reset. A GICv3's interrupts begin in group 1,
    /// which is what software in the Non-secure state of a real machine finds.
    fn defaults(&self) -> u16 {
        match self.version {
            Version::V2 => 0,
            Version::V3 => GROUP1,
        }
    }

    #[inline]
    pub(crate) fn cpu(&self, vcpu: u8) -> Option<&Cpu> {
        if vcpu < self.count {
            self.cpus.get(usize::from(vcpu))
        } else {
            None
        }
    }

    #[inline]
    pub(crate) fn cpu_mut(&mut self, vcpu: u8) -> Option<&mut Cpu> {
        if vcpu < self.count {
            self.cpus.get_mut(usize::from(vcpu))
        } else {
            None
        }
    }

    /// Interrupt `intid` of `vcpu`, or an SPI; whether owned or not.
    #[inline]
    pub(crate) fn line(&self, vcpu: u8, intid: u16) -> Option<&Line> {
        match usize::from(intid).checked_sub(PRIVATE) {
            None => self.cpu(vcpu)?.lines.get(usize::from(intid)),
            Some(index) if intid < self.intids => self.shared.get(index),
            Some(_) => None,
        }
    }

    #[inline]
    pub(crate) fn line_mut(&mut self, vcpu: u8, intid: u16) -> Option<&mut Line> {
        match usize::from(intid).checked_sub(PRIVATE) {
            None => self.cpu_mut(vcpu)?.lines.get_mut(usize::from(intid)),
            Some(index) if intid < self.intids => self.shared.get_mut(index),
            Some(_) => None,
        }
    }

    /// The line, if the zone owns it.
    #[inline]
    pub(crate) fn owned(&self, vcpu: u8, intid: u16) -> Option<&Line> {
        self.line(vcpu, intid).filter(|line| line.has(OWNED))
    }

    #[inline]
    pub(crate) fn owned_mut(&mut self, vcpu: u8, intid: u16) -> Option<&mut Line> {
        self.line_mut(vcpu, intid).filter(|line| line.has(OWNED))
    }
}
