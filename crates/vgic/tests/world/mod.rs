// SPDX-License-Identifier: Apache-2.0
//! A machine and a guest around the model: physical lines, list registers as
//! the hardware treats them, and what must hold at every moment.
#![allow(dead_code, clippy::panic)]

pub mod script;

use std::collections::{BTreeMap, BTreeSet};
use vgic::{Effects, ListRegister, ListRegisters, State, Version, Vgic};

/// A physical interrupt: SPIs with vCPU 0.
#[derive(Default, Debug)]
pub struct Physical {
    pub enabled: bool,
    pub pending: bool,
    pub active: bool,
    pub edge: bool,
    pub route: u8,
}

pub struct Machine {
    pub lines: BTreeMap<(u8, u16), Physical>,
    pub registers: Vec<Vec<ListRegister>>,
    pub refill: Vec<bool>,
    pub kicked: BTreeSet<u8>,
    pub kicks: usize,
}

/// The machine as the processor of one vCPU sees it.
pub struct Port<'a> {
    pub machine: &'a mut Machine,
    pub vcpu: u8,
}

pub fn key(vcpu: u8, intid: u16) -> (u8, u16) {
    (if intid < 32 { vcpu } else { 0 }, intid)
}

impl Machine {
    fn line(&mut self, vcpu: u8, intid: u16) -> &mut Physical {
        self.lines
            .get_mut(&key(vcpu, intid))
            .unwrap_or_else(|| panic!("effect on interrupt {intid}, which is not the zone's"))
    }
}

impl Effects for Port<'_> {
    fn enable_line(&mut self, intid: u16, enable: bool) {
        assert!(intid >= 32);
        self.machine.line(0, intid).enabled = enable;
    }
    fn route_line(&mut self, intid: u16, vcpu: u8) {
        assert!(usize::from(vcpu) < self.machine.registers.len());
        self.machine.line(0, intid).route = vcpu;
    }
    fn configure_line(&mut self, intid: u16, edge: bool) {
        self.machine.line(0, intid).edge = edge;
    }
    fn enable_private(&mut self, vcpu: u8, intid: u16, enable: bool) {
        assert!(intid < 32);
        self.machine.line(vcpu, intid).enabled = enable;
    }
    fn deactivate(&mut self, vcpu: u8, intid: u16) {
        let line = self.machine.line(vcpu, intid);
        assert!(line.active, "deactivation of {intid}, which is not active");
        line.active = false;
    }
    fn is_pending(&mut self, vcpu: u8, intid: u16) -> bool {
        self.machine.line(vcpu, intid).pending
    }
    fn clear_pending(&mut self, vcpu: u8, intid: u16) {
        self.machine.line(vcpu, intid).pending = false;
    }
    fn kick(&mut self, vcpu: u8) {
        assert_ne!(vcpu, self.vcpu, "a vCPU kicked itself");
        assert!(usize::from(vcpu) < self.machine.registers.len());
        self.machine.kicked.insert(vcpu);
        self.machine.kicks += 1;
    }
}

impl ListRegisters for Port<'_> {
    fn finished(&mut self) -> u32 {
        let registers = &self.machine.registers[usize::from(self.vcpu)];
        let mut bits = 0;
        for (index, register) in registers.iter().enumerate() {
            bits |= u32::from(register.state == State::Inactive) << index;
        }
        bits
    }
    fn read(&mut self, index: u8) -> ListRegister {
        self.machine.registers[usize::from(self.vcpu)][usize::from(index)]
    }
    fn write(&mut self, index: u8, value: ListRegister) {
        assert!(!(value.hardware && value.eoi_maintenance));
        assert!(!(value.hardware && value.state == State::PendingActive));
        self.machine.registers[usize::from(self.vcpu)][usize::from(index)] = value;
    }
    fn clear(&mut self, index: u8) {
        self.write(index, ListRegister::default());
    }
    fn set_refill(&mut self, wanted: bool) {
        let refill = &mut self.machine.refill[usize::from(self.vcpu)];
        assert_ne!(*refill, wanted);
        *refill = wanted;
    }
}

/// No vCPU: an effect from outside the zone.
pub const OUTSIDE: u8 = 0xfe;

pub struct World {
    pub vgic: Box<Vgic>,
    pub machine: Machine,
    pub version: Version,
    pub vcpus: u8,
    /// SPIs of the zone: whether hardware.
    pub owned: BTreeMap<u16, bool>,
}

/// SPIs up to this exist in the tests.
pub const HIGHEST: u16 = 159;
pub const TIMER: u16 = 27;

impl World {
    /// `lines`: (INTID, hardware, edge). PPI 27 is hardware, PPI 25 is virtual.
    pub fn new(version: Version, vcpus: u8, slots: u8, lines: &[(u16, bool, bool)]) -> Self {
        let affinities: Vec<u64> = (0..u64::from(vcpus)).map(affinity).collect();
        let mut vgic = Box::new(Vgic::new());
        vgic.configure(version, &affinities, slots, HIGHEST);
        let mut machine = Machine {
            lines: BTreeMap::new(),
            registers: vec![vec![ListRegister::default(); slots.into()]; vcpus.into()],
            refill: vec![false; vcpus.into()],
            kicked: BTreeSet::new(),
            kicks: 0,
        };
        vgic.add_private(TIMER, true);
        vgic.add_private(25, false);
        for vcpu in 0..vcpus {
            machine.lines.insert(
                (vcpu, TIMER),
                Physical {
                    route: vcpu,
                    ..Physical::default()
                },
            );
        }
        let mut owned = BTreeMap::new();
        for &(intid, hardware, edge) in lines {
            vgic.add_line(intid, hardware, edge);
            owned.insert(intid, hardware);
            if hardware {
                machine.lines.insert(
                    (0, intid),
                    Physical {
                        edge,
                        ..Physical::default()
                    },
                );
            }
        }
        let mut world = Self {
            vgic,
            machine,
            version,
            vcpus,
            owned,
        };
        world.vgic.reset(&mut Port {
            machine: &mut world.machine,
            vcpu: OUTSIDE,
        });
        world
    }

    pub fn with<R>(&mut self, vcpu: u8, call: impl FnOnce(&mut Vgic, &mut Port) -> R) -> R {
        call(
            &mut self.vgic,
            &mut Port {
                machine: &mut self.machine,
                vcpu,
            },
        )
    }

    pub fn write(&mut self, vcpu: u8, offset: u32, width: u8, value: u64) {
        self.with(vcpu, |vgic, port| {
            vgic.distributor_write(vcpu, offset, width, value, port)
        });
        self.settle();
    }

    pub fn read(&mut self, vcpu: u8, offset: u32, width: u8) -> u64 {
        let value = self.with(vcpu, |vgic, port| {
            vgic.distributor_read(vcpu, offset, width, port)
        });
        self.settle();
        value
    }

    pub fn write_frame(&mut self, vcpu: u8, frame: u8, offset: u32, value: u32) {
        let offset = u32::from(frame) * 0x2_0000 + offset;
        self.with(vcpu, |vgic, port| {
            vgic.redistributor_write(vcpu, offset, 4, value.into(), port);
        });
        self.settle();
    }

    pub fn read_frame(&mut self, vcpu: u8, frame: u8, offset: u32) -> u32 {
        let offset = u32::from(frame) * 0x2_0000 + offset;
        let value = self.with(vcpu, |vgic, port| {
            vgic.redistributor_read(vcpu, offset, 4, port)
        });
        self.settle();
        value as u32
    }

    /// Writes a register of the word of interrupts that `intid` is in.
    pub fn write_bit(&mut self, vcpu: u8, base: u32, intid: u16) {
        let offset = base + u32::from(intid) / 32 * 4;
        let bit = 1u32 << (intid % 32);
        if self.version == Version::V3 && intid < 32 {
            self.write_frame(vcpu, vcpu, 0x1_0000 + offset, bit);
        } else {
            self.write(vcpu, offset, 4, bit.into());
        }
    }

    pub fn read_bit(&mut self, vcpu: u8, base: u32, intid: u16) -> bool {
        let offset = base + u32::from(intid) / 32 * 4;
        let word = if self.version == Version::V3 && intid < 32 {
            self.read_frame(vcpu, vcpu, 0x1_0000 + offset)
        } else {
            self.read(vcpu, offset, 4) as u32
        };
        word >> (intid % 32) & 1 != 0
    }

    pub fn set_priority(&mut self, vcpu: u8, intid: u16, priority: u8) {
        if self.version == Version::V3 && intid < 32 {
            let offset = u32::from(vcpu) * 0x2_0000 + 0x1_0400 + u32::from(intid);
            self.with(vcpu, |vgic, port| {
                vgic.redistributor_write(vcpu, offset, 1, priority.into(), port);
            });
        } else {
            self.write(vcpu, 0x400 + u32::from(intid), 1, priority.into());
        }
    }

    /// The guest's start: groups and interrupts enabled.
    pub fn enable(&mut self, intids: &[u16]) {
        self.write(0, 0, 4, 3);
        for vcpu in 0..self.vcpus {
            for &intid in intids {
                self.write_bit(vcpu, 0x100, intid);
            }
        }
    }

    /// Serves kicks, physical interrupts and maintenance until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            if let Some(vcpu) = self.machine.kicked.pop_first() {
                self.with(vcpu, |vgic, port| vgic.synchronize(vcpu, port));
                continue;
            }
            if let Some(vcpu) = (0..self.vcpus).find(|&vcpu| self.vgic.needs_sync(vcpu)) {
                panic!("vCPU {vcpu} needs a kick that was not sent");
            }
            if !self.deliver_physical() {
                self.check();
                return;
            }
        }
        panic!("does not settle");
    }

    fn deliver_physical(&mut self) -> bool {
        let ready = self
            .machine
            .lines
            .iter()
            .find_map(|(&(vcpu, intid), line)| {
                let on = if intid < 32 { vcpu } else { line.route };
                (line.enabled && line.pending && !line.active).then_some((on, intid))
            });
        let Some((vcpu, intid)) = ready else {
            return false;
        };
        let line = self.machine.line(vcpu, intid);
        line.active = true;
        line.pending = false;
        assert!(self.with(vcpu, |vgic, port| {
            vgic.hardware_interrupt(vcpu, intid, port)
        }));
        true
    }

    /// A physical line rises.
    pub fn fire(&mut self, vcpu: u8, intid: u16) {
        self.machine.line(vcpu, intid).pending = true;
        self.settle();
    }

    pub fn set_level(&mut self, intid: u16, level: bool) {
        self.with(OUTSIDE, |vgic, port| {
            vgic.set_level(intid, level, None, port)
        });
        self.settle();
    }

    pub fn pulse(&mut self, intid: u16) {
        self.with(OUTSIDE, |vgic, port| vgic.pulse(intid, None, port));
        self.settle();
    }

    /// The guest acknowledges its most urgent interrupt.
    pub fn acknowledge(&mut self, vcpu: u8) -> Option<ListRegister> {
        let registers = &mut self.machine.registers[usize::from(vcpu)];
        let found = registers
            .iter_mut()
            .filter(|register| register.state == State::Pending)
            .min_by_key(|register| (register.priority, register.intid))?;
        found.state = State::Active;
        let value = *found;
        self.refill(vcpu);
        Some(value)
    }

    /// The guest ends (and deactivates) what it acknowledged.
    pub fn end(&mut self, vcpu: u8, intid: u16) {
        let registers = &mut self.machine.registers[usize::from(vcpu)];
        let Some(found) = registers
            .iter_mut()
            .find(|register| register.intid == intid && register.state.is_active())
        else {
            return;
        };
        found.state = State::new(found.state.is_pending(), false);
        let value = *found;
        if value.hardware {
            self.machine.line(vcpu, intid).active = false;
        }
        if value.eoi_maintenance && value.state == State::Inactive {
            self.with(vcpu, |vgic, port| vgic.synchronize(vcpu, port));
        }
        self.refill(vcpu);
        self.settle();
    }

    fn refill(&mut self, vcpu: u8) {
        let registers = &self.machine.registers[usize::from(vcpu)];
        let none = !registers.iter().any(|register| register.state.is_pending());
        if self.machine.refill[usize::from(vcpu)] && none {
            self.with(vcpu, |vgic, port| vgic.synchronize(vcpu, port));
            self.settle();
        }
    }

    /// Takes interrupts on all vCPUs until there are none: (vCPU, INTID, source).
    pub fn drain(&mut self) -> Vec<(u8, u16, u8)> {
        let mut taken = Vec::new();
        while let Some((vcpu, value)) =
            (0..self.vcpus).find_map(|vcpu| Some((vcpu, self.acknowledge(vcpu)?)))
        {
            taken.push((vcpu, value.intid, value.source));
            self.end(vcpu, value.intid);
            assert!(taken.len() < 5000, "an interrupt that never ends");
        }
        taken
    }

    pub fn listed(&self, vcpu: u8, intid: u16) -> Option<ListRegister> {
        self.machine.registers[usize::from(vcpu)]
            .iter()
            .copied()
            .find(|register| register.intid == intid && register.state != State::Inactive)
    }

    /// What must hold whenever nothing is in flight.
    pub fn check(&self) {
        let mut seen = BTreeSet::new();
        for (vcpu, registers) in self.machine.registers.iter().enumerate() {
            for register in registers {
                if register.state == State::Inactive {
                    continue;
                }
                let (vcpu, intid) = (vcpu as u8, register.intid);
                let at = key(vcpu, intid);
                assert!(seen.insert(at), "{intid} is in two list registers");
                let own = intid < 16 || intid == TIMER || intid == 25;
                assert!(
                    own || self.owned.contains_key(&intid),
                    "{intid} is not owned"
                );
                if register.hardware {
                    assert!(self.machine.lines[&at].active, "{intid} is not active");
                }
            }
        }
    }
}

/// Affinity of vCPU `n`: two clusters, so that numbers and affinities differ.
pub fn affinity(n: u64) -> u64 {
    ((n / 4) << 8) | (n % 4)
}
