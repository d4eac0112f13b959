// SPDX-License-Identifier: Apache-2.0
//! The machine's owners, and the admission of a zone: all of it or nothing.

use crate::{Lines, Owner, Range, Regions};
use abi::Error;
use abi::descriptor::{MEMORY_LENT, VirtualDevice, ZoneDescriptor, kind};

/// Pieces of RAM and of device space that are told apart.
pub const PIECES: usize = 256;
/// Interrupt lines that are told apart.
pub const LINES: usize = 1024;

/// A processor and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// The firmware's number of it.
    pub physical: u64,
    pub owner: Owner,
    /// It came up at boot.
    pub online: bool,
}

/// What a descriptor is checked against beside owners.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// [`abi::descriptor::architecture`].
    pub architecture: u32,
    /// [`abi::descriptor::controller`].
    pub controller: u32,
    /// Guest and physical numbers of a line are the same (GIC).
    pub lines_are_identical: bool,
    /// Bits of guest-physical addresses.
    pub guest_bits: u8,
}

/// Owners of everything.
pub struct Resources {
    pub ram: Regions<PIECES>,
    pub mmio: Regions<PIECES>,
    pub lines: Lines<LINES>,
    cpus: [Option<Cpu>; abi::MAX_CPUS],
    /// Owner of devices and lines that no zone was given: zone0 where there is one.
    pub home: Owner,
}

impl Resources {
    pub const fn new() -> Self {
        Self {
            ram: Regions::new(),
            mmio: Regions::new(),
            lines: Lines::new(),
            cpus: [None; abi::MAX_CPUS],
            home: Owner::Free,
        }
    }

    /// Adds processor `index`.
    pub fn add_cpu(&mut self, index: usize, physical: u64, online: bool) {
        if let Some(slot) = self.cpus.get_mut(index) {
            *slot = Some(Cpu {
                physical,
                owner: Owner::Free,
                online,
            });
        }
    }

    /// Processors by index.
    pub fn cpus(&self) -> impl Iterator<Item = (usize, Cpu)> + '_ {
        self.cpus
            .iter()
            .enumerate()
            .filter_map(|(index, cpu)| Some((index, (*cpu)?)))
    }

    /// Index of the processor that the firmware calls `physical`.
    pub fn cpu_index(&self, physical: u64) -> Option<usize> {
        self.cpus()
            .find(|(_, cpu)| cpu.physical == physical)
            .map(|(index, _)| index)
    }

    /// Gives processor `index` to `owner`, if it is free and online -> the
    /// firmware's number of it.
    pub fn take_cpu(&mut self, index: usize, owner: Owner) -> Option<u64> {
        let cpu = self.cpus.get_mut(index)?.as_mut()?;
        if !cpu.online || cpu.owner != Owner::Free {
            return None;
        }
        cpu.owner = owner;
        Some(cpu.physical)
    }

    /// Gives `zone` what `descriptor` asks for. On an error nothing changed.
    pub fn admit(
        &mut self,
        zone: u8,
        descriptor: &ZoneDescriptor,
        facts: &Facts,
    ) -> Result<(), Error> {
        check_guest_view(descriptor, facts)?;
        self.check_free(descriptor, facts)?;
        let owner = Owner::Zone(zone);
        let claimed = self.claim(owner, descriptor);
        if claimed.is_err() {
            self.release(zone);
        }
        claimed
    }

    /// Takes everything back from `zone`. Cannot fail.
    pub fn release(&mut self, zone: u8) {
        let owner = Owner::Zone(zone);
        self.ram.transfer_all(owner, Owner::Free);
        self.mmio.transfer_all(owner, self.home);
        for line in 0..self.lines.end() {
            self.lines.transfer(line, owner, self.home);
        }
        for cpu in self.cpus.iter_mut().flatten() {
            if cpu.owner == owner {
                cpu.owner = Owner::Free;
            }
        }
    }

    fn check_free(&self, descriptor: &ZoneDescriptor, facts: &Facts) -> Result<(), Error> {
        for assignment in descriptor.cpus() {
            let index = self
                .cpu_index(assignment.physical)
                .ok_or(Error::CpuNotFree)?;
            let cpu = self
                .cpus
                .get(index)
                .copied()
                .flatten()
                .ok_or(Error::CpuNotFree)?;
            if !cpu.online || cpu.owner != Owner::Free {
                return Err(Error::CpuNotFree);
            }
        }
        for region in descriptor.memory() {
            let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
            if !self.ram.is_owned(range, Owner::Free) {
                return Err(Error::MemoryNotFree);
            }
        }
        for region in descriptor.mmio() {
            let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
            if !self.mmio.is_owned(range, self.home) {
                return Err(Error::DeviceNotFree);
            }
        }
        for line in descriptor.lines() {
            if self.lines.owner(line.physical) != Some(self.home) {
                return Err(Error::LineNotFree);
            }
            if facts.lines_are_identical && line.physical != line.guest {
                return Err(Error::LineNotFree);
            }
        }
        let room = self.ram.has_room(descriptor.memory().len())
            && self.mmio.has_room(descriptor.mmio().len());
        if room {
            Ok(())
        } else {
            Err(Error::OutOfMemory)
        }
    }

    fn claim(&mut self, owner: Owner, descriptor: &ZoneDescriptor) -> Result<(), Error> {
        for assignment in descriptor.cpus() {
            let index = self
                .cpu_index(assignment.physical)
                .ok_or(Error::CpuNotFree)?;
            match self.cpus.get_mut(index) {
                Some(Some(cpu)) if cpu.owner == Owner::Free => cpu.owner = owner,
                _ => return Err(Error::CpuNotFree),
            }
        }
        for region in descriptor.memory() {
            let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
            self.ram
                .transfer(range, Owner::Free, owner)
                .map_err(|_| Error::MemoryNotFree)?;
        }
        for region in descriptor.mmio() {
            let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
            self.mmio
                .transfer(range, self.home, owner)
                .map_err(|_| Error::DeviceNotFree)?;
        }
        for line in descriptor.lines() {
            if !self.lines.transfer(line.physical, self.home, owner) {
                return Err(Error::LineNotFree);
            }
        }
        Ok(())
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::new()
    }
}

/// The checks that need no owners: the zone's own view of itself.
fn check_guest_view(descriptor: &ZoneDescriptor, facts: &Facts) -> Result<(), Error> {
    if descriptor.architecture != facts.architecture {
        return Err(Error::WrongArchitecture);
    }
    let kind_is_known = matches!(descriptor.kind, kind::USER | kind::REALTIME);
    if !kind_is_known || descriptor.flags != 0 || !name_is_valid(&descriptor.name) {
        return Err(Error::BadDescriptor);
    }
    if descriptor.cpus().is_empty() || descriptor.memory().is_empty() {
        return Err(Error::BadDescriptor);
    }
    if descriptor
        .memory()
        .iter()
        .any(|region| region.flags & !MEMORY_LENT != 0)
    {
        return Err(Error::BadDescriptor);
    }
    if descriptor.controller.kind != facts.controller {
        return Err(Error::WrongController);
    }
    check_cpus(descriptor)?;
    check_ranges(descriptor, facts)?;
    check_lines(descriptor)
}

fn name_is_valid(bytes: &[u8]) -> bool {
    let Some(name) = abi::name_from_bytes(bytes) else {
        return false;
    };
    let padded = bytes.iter().skip(name.len()).all(|&byte| byte == 0);
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    padded
        && name.len() < bytes.len()
        && name.bytes().next().is_some_and(fine)
        && name
            .bytes()
            .all(|byte| fine(byte) || byte == b'-' || byte == b'_')
}

fn check_cpus(descriptor: &ZoneDescriptor) -> Result<(), Error> {
    let cpus = descriptor.cpus();
    for (index, cpu) in cpus.iter().enumerate() {
        let twice = cpus
            .iter()
            .skip(index.saturating_add(1))
            .any(|other| other.physical == cpu.physical || other.guest == cpu.guest);
        if twice {
            return Err(Error::CpuNotFree);
        }
    }
    Ok(())
}

/// All ranges the zone sees: in its address space, page-aligned, disjoint;
/// device registers may share a page with other virtual devices only.
fn check_ranges(descriptor: &ZoneDescriptor, facts: &Facts) -> Result<(), Error> {
    let ram = descriptor
        .memory()
        .iter()
        .map(|region| Range::new(region.guest, region.size));
    let mmio = descriptor
        .mmio()
        .iter()
        .map(|region| Range::new(region.guest, region.size));
    let controller = descriptor
        .controller
        .regions
        .iter()
        .filter(|region| region.size != 0)
        .map(|region| Range::new(region.base, region.size));
    let owned = ram.chain(mmio).chain(controller);
    let limit = 1u64
        .checked_shl(facts.guest_bits.into())
        .unwrap_or(u64::MAX);
    for (index, range) in owned.clone().enumerate() {
        let range = range.ok_or(Error::Misaligned)?;
        if range.end() > limit {
            return Err(Error::Misaligned);
        }
        for other in owned.clone().skip(index.saturating_add(1)) {
            if other.ok_or(Error::Misaligned)?.overlaps(range) {
                return Err(Error::GuestOverlap);
            }
        }
        for device in descriptor.devices() {
            if device_pages(device, limit)?.overlaps(range) {
                return Err(Error::GuestOverlap);
            }
        }
    }
    // The same piece of RAM or of a device given twice.
    let physical = descriptor
        .memory()
        .iter()
        .map(|region| Range::new(region.physical, region.size));
    let devices = descriptor
        .mmio()
        .iter()
        .map(|region| Range::new(region.physical, region.size));
    let physical = physical.chain(devices);
    for (index, range) in physical.clone().enumerate() {
        let range = range.ok_or(Error::Misaligned)?;
        for other in physical.clone().skip(index.saturating_add(1)) {
            if other.ok_or(Error::Misaligned)?.overlaps(range) {
                return Err(Error::MemoryNotFree);
            }
        }
    }
    check_devices(descriptor)
}

fn device_pages(device: &VirtualDevice, limit: u64) -> Result<Range, Error> {
    let pages = Range::covering(device.guest, device.size.into()).ok_or(Error::Misaligned)?;
    let in_one_page = pages.size() == abi::PAGE_SIZE && device.size >= 8 && device.guest & 7 == 0;
    if in_one_page && pages.end() <= limit {
        Ok(pages)
    } else {
        Err(Error::Misaligned)
    }
}

fn check_devices(descriptor: &ZoneDescriptor) -> Result<(), Error> {
    use abi::descriptor::device;
    let devices = descriptor.devices();
    for (index, one) in devices.iter().enumerate() {
        let known = matches!(one.kind, device::VIRTIO_MMIO | device::SERIAL_16550);
        if !known {
            return Err(Error::BadDescriptor);
        }
        let end = one
            .guest
            .checked_add(one.size.into())
            .ok_or(Error::Misaligned)?;
        for other in devices.iter().skip(index.saturating_add(1)) {
            let other_end = other
                .guest
                .checked_add(other.size.into())
                .ok_or(Error::Misaligned)?;
            if one.guest < other_end && other.guest < end {
                return Err(Error::GuestOverlap);
            }
        }
    }
    Ok(())
}

/// Guest lines exist at the zone's controller and mean one thing each.
fn check_lines(descriptor: &ZoneDescriptor) -> Result<(), Error> {
    let limit = u32::try_from(LINES)
        .unwrap_or(u32::MAX)
        .min(descriptor.controller.lines);
    let wired = descriptor.lines().iter().map(|line| line.guest);
    let guest = wired.chain(descriptor.devices().iter().map(|device| device.line));
    for (index, line) in guest.clone().enumerate() {
        let twice = guest
            .clone()
            .skip(index.saturating_add(1))
            .any(|other| other == line);
        if twice || line == 0 || line >= limit {
            return Err(Error::LineNotFree);
        }
    }
    let wired = descriptor.lines().iter().map(|line| line.physical);
    for (index, line) in wired.clone().enumerate() {
        if wired
            .clone()
            .skip(index.saturating_add(1))
            .any(|other| other == line)
        {
            return Err(Error::LineNotFree);
        }
    }
    Ok(())
}
