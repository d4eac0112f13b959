// SPDX-License-Identifier: Apache-2.0
//! Between a zone's GIC model and the machine's GIC.

use super::cpu;
use crate::boot;
use crate::drivers::gic;
use crate::zone::Zone;
use crate::zone::layout::Layout;
use crate::zone::space::Space;
use abi::Error;
use abi::descriptor::{self, GuestRange, ZoneDescriptor, controller};
use arrayvec::ArrayVec;
use machine::Region;
use ownership::Range;
use paging::Attributes;
use vgic::{
    DISTRIBUTOR_SIZE, Effects, ListRegister, ListRegisters, REDISTRIBUTOR_SIZE, Version, Vgic,
};

/// The PPIs of EL1's timers, which zones get directly.
pub const VIRTUAL_TIMER: u16 = 27;
pub const PHYSICAL_TIMER: u16 = 30;
/// First SPI.
const SHARED_FIRST: u32 = 32;
/// Bytes of a GICv2 CPU interface.
const CPU_INTERFACE_SIZE: u64 = 0x2000;
/// ICH_HCR_EL2, GICH_HCR: on; maintenance when nothing is pending.
const ENABLE: u32 = 1 << 0;
const NO_PENDING: u32 = 1 << 3;

/// A zone's interrupt controller.
pub struct Controller {
    pub gic: Vgic,
}

/// What the model asks for, done to the machine on behalf of `zone`, by the
/// processor of its vCPU `own` (or by zone0's).
pub struct Physical<'a> {
    pub zone: &'a Zone,
    pub own: Option<u8>,
}

impl Effects for Physical<'_> {
    fn enable_line(&mut self, intid: u16, enable: bool) {
        gic::enable_line(intid.into(), enable);
    }

    fn route_line(&mut self, intid: u16, vcpu: u8) {
        if let Some(index) = self.zone.layout().cpu_index(vcpu.into()) {
            gic::route_line(intid.into(), index);
        }
    }

    fn configure_line(&mut self, intid: u16, edge: bool) {
        gic::configure_line(intid.into(), edge);
    }

    fn enable_private(&mut self, _vcpu: u8, _intid: u16, _enable: bool) {
        // Timer PPIs stay on while the zone has the processor: one that the
        // zone does not want becomes active once, and waits.
    }

    fn deactivate(&mut self, vcpu: u8, intid: u16) {
        if u32::from(intid) >= SHARED_FIRST || self.own == Some(vcpu) {
            gic::deactivate(intid.into());
        }
    }

    fn is_pending(&mut self, vcpu: u8, intid: u16) -> bool {
        (u32::from(intid) >= SHARED_FIRST || self.own == Some(vcpu))
            && gic::is_pending(intid.into())
    }

    fn clear_pending(&mut self, vcpu: u8, intid: u16) {
        if u32::from(intid) >= SHARED_FIRST || self.own == Some(vcpu) {
            gic::clear_pending(intid.into());
        }
    }

    fn kick(&mut self, vcpu: u8) {
        if let Some(index) = self.zone.layout().cpu_index(vcpu.into()) {
            gic::send_kick(index);
        }
    }
}

impl ListRegisters for Physical<'_> {
    #[inline]
    fn finished(&mut self) -> u32 {
        (gic::empty_list_registers() | gic::ended_list_registers()) as u32
    }

    #[inline]
    fn read(&mut self, index: u8) -> ListRegister {
        let bits = gic::read_list_register(index.into());
        match gic::version() {
            gic::Version::V2 => ListRegister::from_v2(bits as u32),
            gic::Version::V3 => ListRegister::from_v3(bits),
        }
    }

    #[inline]
    fn write(&mut self, index: u8, value: ListRegister) {
        let bits = match gic::version() {
            gic::Version::V2 => value.to_v2().into(),
            gic::Version::V3 => value.to_v3(),
        };
        gic::write_list_register(index.into(), bits);
    }

    #[inline]
    fn clear(&mut self, index: u8) {
        gic::write_list_register(index.into(), 0);
    }

    fn set_refill(&mut self, wanted: bool) {
        gic::set_hypervisor_control(if wanted { ENABLE | NO_PENDING } else { ENABLE });
    }
}

fn version() -> Version {
    match gic::version() {
        gic::Version::V2 => Version::V2,
        gic::Version::V3 => Version::V3,
    }
}

impl Controller {
    pub const fn new() -> Self {
        Self { gic: Vgic::new() }
    }

    /// As at power-on, with the lines the zone owns: `wired` ones, those of its
    /// virtual devices and, for zone0, that of its mailbox.
    pub fn configure(&mut self, zone: &Zone, wired: impl Iterator<Item = u32>) {
        let layout = zone.layout();
        let mut affinities = ArrayVec::<u64, { abi::MAX_VCPUS }>::new();
        for assignment in layout.descriptor.cpus() {
            let _ = affinities.try_push(assignment.guest);
        }
        let highest = layout.descriptor.controller.lines.saturating_sub(1);
        let list_registers = u8::try_from(gic::list_register_count()).unwrap_or(4);
        let highest = u16::try_from(highest).unwrap_or(1019);
        self.gic
            .configure(version(), &affinities, list_registers, highest);
        self.gic.add_private(VIRTUAL_TIMER, true);
        self.gic.add_private(PHYSICAL_TIMER, true);
        let virtual_only = |line: u32| layout.is_zone0() && mailbox_line() == Some(line);
        for line in wired.filter(|&line| !virtual_only(line)) {
            let edge = layout.descriptor.lines().iter().any(|assigned| {
                assigned.physical == line && assigned.flags & descriptor::LINE_EDGE != 0
            });
            self.add(line, true, edge);
        }
        for device in layout.descriptor.devices() {
            self.add(device.line, false, false);
        }
        if layout.is_zone0()
            && let Some(line) = mailbox_line()
        {
            self.add(line, false, true);
        }
        self.gic.reset(&mut Physical { zone, own: None });
    }

    fn add(&mut self, line: u32, hardware: bool, edge: bool) {
        if let Ok(intid) = u16::try_from(line) {
            self.gic.add_line(intid, hardware, edge);
        }
    }

    /// The zone ends: its lines are off, inactive and nobody's.
    pub fn retire(&mut self, zone: &Zone) {
        self.gic.reset(&mut Physical { zone, own: None });
        self.gic = Vgic::new();
    }

    /// A line leaves the zone for another one.
    pub fn take_line(&mut self, line: u32, zone: &Zone) {
        if let Ok(intid) = u16::try_from(line) {
            self.gic
                .remove_line(intid, &mut Physical { zone, own: None });
        }
    }

    /// It comes back.
    pub fn give_line(&mut self, line: u32, zone: &Zone) {
        if let Ok(intid) = u16::try_from(line) {
            self.gic.add_line(intid, true, false);
            gic::route_line(line, zone.layout().cpu_index(0).unwrap_or(0));
        }
    }

    /// Drives the line of a virtual device; `caller` is the vCPU whose exit
    /// this is, if it is one of the zone's.
    pub fn set_level(&mut self, line: u32, level: bool, zone: &Zone, caller: Option<usize>) {
        let Ok(intid) = u16::try_from(line) else {
            return;
        };
        let own = caller.and_then(|vcpu| u8::try_from(vcpu).ok());
        let physical = &mut Physical { zone, own };
        self.gic.set_level(intid, level, own, physical);
        self.synchronize(own, physical);
    }

    /// An edge on such a line.
    pub fn pulse(&mut self, line: u32, zone: &Zone, caller: Option<usize>) {
        let Ok(intid) = u16::try_from(line) else {
            return;
        };
        let own = caller.and_then(|vcpu| u8::try_from(vcpu).ok());
        let physical = &mut Physical { zone, own };
        self.gic.pulse(intid, own, physical);
        self.synchronize(own, physical);
    }

    fn synchronize(&mut self, own: Option<u8>, physical: &mut Physical) {
        if let Some(vcpu) = own
            && self.gic.needs_sync(vcpu)
        {
            self.gic.synchronize(vcpu, physical);
        }
    }
}

fn mailbox_line() -> Option<u32> {
    crate::zone::notify::target().map(|target| target.line)
}

/// Whether an interrupt waits for this processor's vCPU.
pub fn has_pending(zone: &Zone, vcpu: usize) -> bool {
    u8::try_from(vcpu).is_ok_and(|vcpu| {
        let physical = &mut Physical {
            zone,
            own: Some(vcpu),
        };
        zone.controller.lock().gic.has_pending(vcpu, physical)
    })
}

/// This processor's virtual interface, for a vCPU that begins.
pub fn set_up_processor() {
    gic::clear_virtual_interface();
    gic::set_hypervisor_control(ENABLE);
    for intid in [VIRTUAL_TIMER, PHYSICAL_TIMER] {
        gic::clear_pending(intid.into());
        gic::clear_active(intid.into());
        gic::enable_line(intid.into(), true);
    }
    gic::enable_line(gic::maintenance_line(), true);
}

/// The vCPU ends.
pub fn tear_down_processor(zone: &Zone, vcpu: usize) {
    if let Ok(vcpu) = u8::try_from(vcpu) {
        let physical = &mut Physical {
            zone,
            own: Some(vcpu),
        };
        zone.controller.lock().gic.retire(vcpu, physical);
    }
    gic::set_hypervisor_control(0);
    gic::clear_virtual_interface();
    for intid in [VIRTUAL_TIMER, PHYSICAL_TIMER] {
        gic::enable_line(intid.into(), false);
        gic::clear_pending(intid.into());
        gic::clear_active(intid.into());
    }
    gic::enable_line(gic::maintenance_line(), false);
    cpu::barrier();
}

/// Registers of the GIC, which the kernel drives; the ITSs too, for nobody
/// programs device interrupts past us.
pub fn kernel_regions() -> ArrayVec<Region, 32> {
    let mut regions = ArrayVec::new();
    let mut add = |region: Region| {
        let _ = regions.try_push(region);
    };
    match boot::machine().map(|machine| &machine.controller) {
        Some(machine::Controller::GicV2(gic)) => {
            [gic.distributor, gic.cpu, gic.hypervisor, gic.virtual_cpu]
                .into_iter()
                .for_each(add);
        }
        Some(machine::Controller::GicV3(gic)) => {
            add(gic.distributor);
            gic.redistributors.iter().copied().for_each(&mut add);
            gic.its.iter().map(|its| its.region).for_each(add);
        }
        _ => {}
    }
    regions
}

/// The machine's controller as zone0 sees it: in its place.
pub fn physical() -> descriptor::Controller {
    let range = |region: Region| GuestRange {
        base: region.base,
        size: region.size,
    };
    let lines = gic::lines();
    match boot::machine().map(|machine| &machine.controller) {
        Some(machine::Controller::GicV2(gic)) => descriptor::Controller {
            kind: controller::GIC_V2,
            lines,
            regions: [
                range(gic.distributor),
                range(gic.cpu),
                GuestRange::default(),
            ],
        },
        Some(machine::Controller::GicV3(gic)) => descriptor::Controller {
            kind: controller::GIC_V3,
            lines,
            regions: [
                range(gic.distributor),
                gic.redistributors
                    .first()
                    .copied()
                    .map(range)
                    .unwrap_or_default(),
                GuestRange::default(),
            ],
        },
        _ => descriptor::Controller::default(),
    }
}

/// SPIs: first, and first that there is not.
pub fn wired_lines() -> (u32, u32) {
    (SHARED_FIRST, gic::lines())
}

/// Whether a description's controller has the right regions for its vCPUs.
pub fn check(zone: &ZoneDescriptor) -> Result<(), Error> {
    let [distributor, second, third] = zone.controller.regions;
    let vcpus = zone.cpus().len() as u64;
    let second_fits = match gic::version() {
        gic::Version::V3 => second.size >= vcpus.saturating_mul(REDISTRIBUTOR_SIZE),
        gic::Version::V2 => second.size == CPU_INTERFACE_SIZE && vcpus <= 8,
    };
    let distributor_fits = match gic::version() {
        gic::Version::V3 => distributor.size == DISTRIBUTOR_SIZE,
        gic::Version::V2 => {
            distributor.size >= abi::PAGE_SIZE && distributor.size <= DISTRIBUTOR_SIZE
        }
    };
    let lines_fit = zone.controller.lines <= gic::lines();
    let lines_shared = zone.lines().iter().all(|line| line.guest >= SHARED_FIRST)
        && zone
            .devices()
            .iter()
            .all(|device| device.line >= SHARED_FIRST);
    if !lines_shared {
        return Err(Error::LineNotFree);
    }
    if second_fits && distributor_fits && lines_fit && third == GuestRange::default() {
        Ok(())
    } else {
        Err(Error::WrongController)
    }
}

/// What of the controller a zone reaches without us: GICv2's virtual CPU
/// interface in the place of its CPU interface.
pub fn map(layout: &Layout, space: &mut Space) -> Result<(), Error> {
    if gic::version() == gic::Version::V3 {
        return Ok(());
    }
    let [_, interface, _] = layout.descriptor.controller.regions;
    let size = interface.size.min(CPU_INTERFACE_SIZE);
    let range = Range::new(gic::virtual_interface_base(), size).ok_or(Error::Misaligned)?;
    space.map(interface.base, range, Attributes::DEVICE)
}

/// There are none.
pub fn interrupt_files() -> machine::InterruptFiles {
    machine::InterruptFiles::Unchanged
}
