// SPDX-License-Identifier: Apache-2.0
//! The interrupt controller that a zone sees: a PLIC, an APLIC delivering
//! directly, or an APLIC with interrupt files that are the hardware's own.

use super::interrupts::{self, Kind};
use super::vcpu;
use crate::boot;
use crate::cpu;
use crate::drivers::{aplic, imsic, plic};
use crate::zone::layout::{Gpa, Layout};
use crate::zone::space::Space;
use crate::zone::{Zone, notify};
use abi::descriptor::{self, GuestRange, ZoneDescriptor, controller};
use abi::{Error, PAGE_SIZE};
use arrayvec::ArrayVec;
use machine::{InterruptFiles, Region};
use ownership::Range;
use paging::Attributes;
use rv64::Access;
use vaia::{Aplic, Mode};
use vplic::Plic;

/// The guest file that a zone has on each of its harts, if they have any.
pub const GUEST_FILE: u32 = 1;

#[expect(clippy::large_enum_variant, reason = "there is one a zone, in place")]
enum Model {
    None,
    Plic(Plic),
    Aplic(Aplic),
}

pub struct Controller {
    model: Model,
}

/// An access that no register answers.
pub struct BadAccess;

/// The machine's controller as zone0 sees it: in its place.
pub fn physical() -> descriptor::Controller {
    let range = |region: Region| GuestRange {
        base: region.base,
        size: region.size,
    };
    let controller = boot::machine().map(|machine| &machine.controller);
    let (kind, lines, region) = match controller {
        Some(machine::Controller::Plic(plic)) => (controller::PLIC, plic.sources, plic.region),
        Some(machine::Controller::Aplic(aplic) | machine::Controller::AplicImsic(aplic, _)) => {
            let guests = interrupts::kind() == Kind::AplicToGuests;
            let kind = if guests {
                controller::APLIC_IMSIC
            } else {
                controller::APLIC
            };
            (kind, aplic.sources, aplic.region)
        }
        _ => return descriptor::Controller::default(),
    };
    descriptor::Controller {
        kind,
        lines: lines.saturating_add(1),
        regions: [range(region), GuestRange::default(), GuestRange::default()],
    }
}

/// Registers that the kernel drives, interrupt files too.
pub fn kernel_regions() -> ArrayVec<Region, 32> {
    let mut regions = ArrayVec::new();
    let mut add = |region: Region| {
        let _ = regions.try_push(region);
    };
    match boot::machine().map(|machine| &machine.controller) {
        Some(machine::Controller::Plic(plic)) => add(plic.region),
        Some(machine::Controller::Aplic(aplic)) => add(aplic.region),
        Some(machine::Controller::AplicImsic(aplic, imsic)) => {
            add(aplic.region);
            imsic.regions.iter().copied().for_each(&mut add);
        }
        _ => {}
    }
    regions
}

/// Sources: first, and first that there is not.
pub fn wired_lines() -> (u32, u32) {
    (1, physical().lines)
}

/// Whether the descriptor's controller is one that this machine can give.
pub fn check(descriptor: &ZoneDescriptor) -> Result<(), Error> {
    let wanted = &descriptor.controller;
    let fits =
        wanted.kind == physical().kind && wanted.lines >= 1 && wanted.lines <= lineset::MAX_LINES;
    fits.then_some(()).ok_or(Error::WrongController)
}

/// Interrupt files into the zone's space: all else of a controller is modelled.
pub fn map(layout: &Layout, space: &mut Space) -> Result<(), Error> {
    if interrupts::kind() != Kind::AplicToGuests {
        return Ok(());
    }
    for (vcpu, index) in layout.cpu_indices().enumerate() {
        let file = imsic::guest_file(index).ok_or(Error::WrongController)?;
        let guest = guest_file_address(layout, vcpu, file).ok_or(Error::WrongController)?;
        let range = Range::new(file, PAGE_SIZE).ok_or(Error::WrongController)?;
        space.map(guest, range, Attributes::DEVICE)?;
    }
    Ok(())
}

/// Where the zone sees the file of `vcpu`: zone0 where it is, others in a page each.
fn guest_file_address(layout: &Layout, vcpu: usize, file: u64) -> Option<u64> {
    if layout.is_zone0() {
        return Some(file);
    }
    let files = layout.descriptor.controller.regions.get(1)?;
    let offset = u64::try_from(vcpu).ok()?.checked_mul(PAGE_SIZE)?;
    (offset < files.size).then(|| files.base.wrapping_add(offset))
}

impl Controller {
    pub const fn new() -> Self {
        Self { model: Model::None }
    }

    /// As after reset, for a zone that owns the physical `lines`.
    pub fn configure(&mut self, zone: &Zone, lines: impl Iterator<Item = u32>) {
        let layout = zone.layout();
        let sources = layout.descriptor.controller.lines.saturating_sub(1);
        let (names, guest) = names(layout);
        let names = names.get(..layout.vcpu_count()).unwrap_or(&[]);
        self.retire(zone);
        match interrupts::kind() {
            Kind::None => return,
            Kind::Plic => {
                self.model = Model::Plic(Plic::new());
                if let Model::Plic(model) = &mut self.model {
                    model.configure(sources, names);
                }
            }
            kind => {
                self.model = Model::Aplic(Aplic::new());
                match &mut self.model {
                    Model::Aplic(model) if kind == Kind::AplicToGuests => {
                        model.configure_messages(sources, names, guest);
                    }
                    Model::Aplic(model) => model.configure_direct(sources, names),
                    _ => {}
                }
            }
        }
        let mailbox = notify::target()
            .map(|target| target.line)
            .filter(|_| layout.is_zone0());
        for physical in lines.filter(|&line| Some(line) != mailbox) {
            self.give_line(physical, zone);
        }
        for line in layout
            .descriptor
            .devices()
            .iter()
            .map(|device| device.line)
            .chain(mailbox)
        {
            self.add_virtual(line);
        }
    }

    /// A physical line is the zone's from now on.
    pub fn give_line(&mut self, physical: u32, zone: &Zone) {
        let Some(source) = guest_line(zone.layout(), physical) else {
            return;
        };
        // A number that is taken or does not exist was refused when the zone was admitted.
        let _ = match &mut self.model {
            Model::Plic(model) => model.add_wired(source, physical),
            Model::Aplic(model) => model.add_wired(source, physical),
            Model::None => false,
        };
    }

    /// A line that the kernel drives.
    fn add_virtual(&mut self, source: u32) {
        let _ = match &mut self.model {
            Model::Plic(model) => model.add_virtual(source),
            Model::Aplic(model) => model.add_virtual(source),
            Model::None => false,
        };
    }

    /// A physical line is the zone's no more.
    pub fn take_line(&mut self, physical: u32, zone: &Zone) {
        let Some(source) = guest_line(zone.layout(), physical) else {
            return;
        };
        match &mut self.model {
            Model::Plic(model) => model.remove(source, &mut Hardware { zone }),
            Model::Aplic(model) => model.remove(source, &mut Hardware { zone }),
            Model::None => {}
        }
    }

    /// Silences everything that the zone has enabled.
    pub fn retire(&mut self, zone: &Zone) {
        match &mut self.model {
            Model::Plic(model) => model.reset(&mut Hardware { zone }),
            Model::Aplic(model) => model.reset(&mut Hardware { zone }),
            Model::None => {}
        }
    }

    /// Drives a virtual line.
    pub fn set_level(&mut self, line: u32, level: bool, zone: &Zone, _vcpu: Option<usize>) {
        match &mut self.model {
            Model::Plic(model) => model.set_level(line, level, &mut Hardware { zone }),
            Model::Aplic(model) => model.set_level(line, level, &mut Hardware { zone }),
            Model::None => {}
        }
    }

    /// An edge on a virtual line.
    pub fn pulse(&mut self, line: u32, zone: &Zone, vcpu: Option<usize>) {
        match &mut self.model {
            Model::Plic(model) => model.pulse(line, &mut Hardware { zone }),
            Model::Aplic(_) => {
                self.set_level(line, true, zone, vcpu);
                self.set_level(line, false, zone, vcpu);
            }
            Model::None => {}
        }
    }

    /// A physical source that this processor took; whether it is the zone's.
    pub fn raise(&mut self, physical: u32, zone: &Zone) -> bool {
        let Some(source) = guest_line(zone.layout(), physical) else {
            return false;
        };
        match &mut self.model {
            Model::Plic(model) => model.raise(source, &mut Hardware { zone }),
            Model::Aplic(model) => model.raise(source, &mut Hardware { zone }),
            Model::None => false,
        }
    }

    /// Whether the external interrupt of `vcpu` is asserted.
    pub fn asserted(&self, vcpu: usize) -> bool {
        match &self.model {
            Model::Plic(model) => model.asserted(vcpu),
            Model::Aplic(model) => model.asserted(vcpu),
            Model::None => false,
        }
    }

    /// Reads a register.
    pub fn read(&mut self, zone: &Zone, offset: u64, access: Access) -> Result<u32, BadAccess> {
        let hardware = &mut Hardware { zone };
        match &mut self.model {
            Model::Plic(model) => model
                .read(offset, access.width, hardware)
                .map_err(|_| BadAccess),
            Model::Aplic(model) => model
                .read(offset, access.width, hardware)
                .map_err(|_| BadAccess),
            Model::None => Err(BadAccess),
        }
    }

    /// Writes a register.
    pub fn write(
        &mut self,
        zone: &Zone,
        offset: u64,
        access: Access,
        value: u64,
    ) -> Result<(), BadAccess> {
        let hardware = &mut Hardware { zone };
        let value = value as u32;
        match &mut self.model {
            Model::Plic(model) => model
                .write(offset, access.width, value, hardware)
                .map_err(|_| BadAccess),
            Model::Aplic(model) => model
                .write(offset, access.width, value, hardware)
                .map_err(|_| BadAccess),
            Model::None => Err(BadAccess),
        }
    }
}

/// Offset of `at` in the modelled controller's registers.
pub fn offset(layout: &Layout, at: Gpa) -> Option<u64> {
    let region = layout.descriptor.controller.regions.first()?;
    let offset = at.0.checked_sub(region.base)?;
    (offset < region.size).then_some(offset)
}

/// The zone's number of a physical line: zone0's are the same.
fn guest_line(layout: &Layout, physical: u32) -> Option<u32> {
    if layout.is_zone0() {
        return Some(physical);
    }
    let lines = layout.descriptor.lines();
    lines
        .iter()
        .find(|line| line.physical == physical)
        .map(|line| line.guest)
}

/// How the controller numbers the zone's vCPUs (contexts, delivery controls or
/// hart indices), and the guest index of its files. zone0's are the hardware's;
/// other zones count from 0.
fn names(layout: &Layout) -> ([u16; abi::MAX_VCPUS], u32) {
    let mut names = [0; abi::MAX_VCPUS];
    let kind = interrupts::kind();
    for (vcpu, (name, index)) in (0u32..).zip(names.iter_mut().zip(layout.cpu_indices())) {
        let number = match kind {
            Kind::Plic if layout.is_zone0() => plic::context_of(index),
            // The S-mode one of two.
            Kind::Plic => vcpu.saturating_mul(2).saturating_add(1),
            Kind::Aplic if layout.is_zone0() => aplic::control_of(index),
            Kind::AplicToGuests if layout.is_zone0() => imsic::hart_index_of(index),
            _ => vcpu,
        };
        *name = u16::try_from(number).unwrap_or(u16::MAX);
    }
    (names, if layout.is_zone0() { GUEST_FILE } else { 0 })
}

/// What zone0's device tree says of interrupt files.
pub fn interrupt_files() -> InterruptFiles {
    match interrupts::kind() {
        Kind::AplicToGuests => InterruptFiles::Guests,
        Kind::AplicToKernel => InterruptFiles::Hidden,
        _ => InterruptFiles::Unchanged,
    }
}

/// What the models ask for, of the hardware behind `zone`.
struct Hardware<'a> {
    zone: &'a Zone,
}

impl Hardware<'_> {
    fn cpu(&self, vcpu: usize) -> Option<usize> {
        self.zone.layout().cpu_index(vcpu)
    }

    fn signal(&self, vcpu: usize, asserted: bool) {
        if let Some(index) = self.cpu(vcpu) {
            vcpu::set_external(index, asserted);
        }
    }
}

impl vplic::Host for Hardware<'_> {
    fn signal(&mut self, vcpu: usize, asserted: bool) {
        Hardware::signal(self, vcpu, asserted);
    }
    fn enable(&mut self, vcpu: usize, physical: u32, on: bool) {
        if let Some(index) = self.cpu(vcpu) {
            plic::enable(index, physical, on);
        }
    }
    fn priority(&mut self, physical: u32, priority: u8) {
        plic::set_priority(physical, priority);
    }
    fn complete(&mut self, vcpu: usize, physical: u32) {
        if let Some(index) = self.cpu(vcpu) {
            plic::complete(index, physical);
        }
    }
}

impl vaia::Host for Hardware<'_> {
    fn signal(&mut self, vcpu: usize, asserted: bool) {
        Hardware::signal(self, vcpu, asserted);
    }
    fn message(&mut self, vcpu: usize, identity: u16) {
        if let Some(index) = self.cpu(vcpu)
            && u32::from(identity) <= imsic::guest_identities()
        {
            imsic::send_to_guest(index, identity);
        }
    }
    fn configure(&mut self, physical: u32, mode: Mode) {
        aplic::configure(physical, mode);
    }
    fn target(&mut self, physical: u32, vcpu: usize, value: u16) {
        let Some(index) = self.cpu(vcpu) else { return };
        let hart = imsic::hart_index_of(index) << aplic::HART_SHIFT;
        match interrupts::kind() {
            Kind::AplicToGuests => {
                let guest = GUEST_FILE << aplic::GUEST_SHIFT;
                aplic::target(physical, hart | guest | u32::from(value));
            }
            // To the kernel's own file: the identity is the source's number.
            Kind::AplicToKernel => aplic::target(physical, hart | physical & 0x7ff),
            _ => aplic::target_direct(physical, index, value),
        }
    }
    fn enable(&mut self, physical: u32, on: bool) {
        let reachable =
            interrupts::kind() != Kind::AplicToKernel || physical <= imsic::identities();
        aplic::enable(physical, on && reachable);
    }
    fn set_pending(&mut self, physical: u32) {
        aplic::set_pending(physical);
    }
    fn clear_pending(&mut self, physical: u32) {
        aplic::clear_pending(physical);
    }
    fn pending(&mut self, physical: u32) -> bool {
        aplic::is_pending(physical)
    }
    fn input(&mut self, physical: u32) -> bool {
        aplic::input(physical)
    }
}

/// An external interrupt of this processor: each source goes to the zone it is of.
pub fn take_external(zone: &Zone) {
    // As many as are pending; a source that was raised is not pending again
    // before the guest is done with it.
    loop {
        let physical = interrupts::claim();
        if physical == 0 {
            return;
        }
        cpu::this().count(abi::ExitCause::DeviceInterrupt);
        if !zone.controller.lock().raise(physical, zone) {
            interrupts::silence(physical);
        }
    }
}
