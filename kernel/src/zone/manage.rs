// SPDX-License-Identifier: Apache-2.0
//! Creating, starting, stopping and destroying zones. Every step of a creation
//! has its undo in [`demolish`], which is what a destruction is.

use super::layout::{Gpa, Layout};
use super::{ABSENT, Record, Use, ZONES, Zone, get, kept, loader, zone0};
use crate::arch;
use crate::cpu;
use crate::pool;
use abi::descriptor::{MEMORY_LENT, ZoneDescriptor};
use abi::status::{State, StopReason};
use abi::{Error, KEPT_SIZE, PAGE_SIZE};
use core::sync::atomic::Ordering;
use ownership::{Operation, Owner, Range, Resources};
use paging::Attributes;

const KEPT_FRAMES: usize = (KEPT_SIZE / PAGE_SIZE) as usize;
/// How long a stop waits for the zone's processors, in microseconds.
const STOP_TIME: u64 = 1_000_000;

/// Makes a zone. On an error nothing changed.
pub fn create(resources: &mut Resources, descriptor: &ZoneDescriptor) -> Result<u8, Error> {
    arch::controller::check(descriptor)?;
    if ZONES
        .iter()
        .any(|zone| zone.state().is_some() && zone.layout().descriptor.name == descriptor.name)
    {
        return Err(Error::NameTaken);
    }
    // 0 is zone0's.
    let free = ZONES.iter().enumerate().skip(1).find(|(_, zone)| {
        zone.state.load(Ordering::Acquire) == ABSENT && zone.users.load(Ordering::Acquire) == 0
    });
    let (number, zone) = free.ok_or(Error::TooManyZones)?;
    let number = u8::try_from(number).map_err(|_| Error::TooManyZones)?;
    resources.admit(number, descriptor, &arch::facts())?;
    establish(resources, zone, number, descriptor)?;
    crate::log!("zone {number}: created");
    Ok(number)
}

/// Builds the kernel's part of an admitted zone; releases everything if it fails.
pub(super) fn establish(
    resources: &mut Resources,
    zone: &'static Zone,
    number: u8,
    descriptor: &ZoneDescriptor,
) -> Result<(), Error> {
    // SAFETY: the number is absent and has no users, and MANAGEMENT is held:
    // nobody looks at its layout.
    unsafe { *zone.layout.thaw() = Layout::new(number, descriptor) };
    if let Err(error) = build(resources, zone) {
        demolish(resources, zone);
        return Err(error);
    }
    zone.state.store(kept(State::Created), Ordering::Release);
    Ok(())
}

fn build(resources: &Resources, zone: &'static Zone) -> Result<(), Error> {
    let number = zone.number();
    let kept = pool::allocate(KEPT_FRAMES, 1).ok_or(Error::OutOfMemory)?;
    // SAFETY: as in `establish`: still absent.
    unsafe { zone.layout.thaw().kept = kept };
    let layout = zone.layout();
    let descriptor = &layout.descriptor;
    {
        let mut space = zone.space.lock();
        space.create(number)?;
        for region in descriptor.memory() {
            let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
            space.map(region.guest, range, Attributes::RAM)?;
        }
        for region in descriptor.mmio() {
            let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
            space.map(region.guest, range, Attributes::DEVICE)?;
        }
        arch::controller::map(layout, &mut space)?;
    }
    if !descriptor.devices().is_empty() {
        zone.io
            .create(layout.vcpu_count(), descriptor.devices().len())?;
    }
    if let Some(zone0) = zone0_beside(zone) {
        lend(zone, &zone0)?;
        zone0::withdraw(&zone0, descriptor)?;
    }
    renew(resources, zone);
    for (vcpu, index) in layout.cpu_indices().enumerate() {
        if let Some(processor) = cpu::get(index) {
            processor
                .vcpu
                .store(u32::try_from(vcpu).unwrap_or(0), Ordering::Relaxed);
            processor.owner.store(number.into(), Ordering::Release);
            processor.clear_counters();
        }
    }
    *zone.record.lock() = Record {
        created: arch::cpu::now(),
        entry: descriptor.entry,
        arguments: descriptor.arguments,
        ..Record::NEW
    };
    Ok(())
}

/// zone0, unless `zone` is it.
fn zone0_beside(zone: &Zone) -> Option<Use> {
    super::zone0().filter(|zone0| !core::ptr::eq(&raw const **zone0, zone))
}

/// Windows of `zone` that zone0 gets, mapped where they are.
pub fn windows(zone: &Zone) -> impl Iterator<Item = (u32, Gpa, Range)> + '_ {
    use abi::status::window;
    let io = zone
        .io
        .range()
        .and_then(|(base, size)| Range::new(base, size));
    let io = io.into_iter().map(|range| (window::IO, Gpa(0), range));
    let memory = zone.layout().descriptor.memory().iter();
    let lent = memory.filter(|region| region.flags & MEMORY_LENT != 0);
    let lent = lent.filter_map(|region| {
        let range = Range::new(region.physical, region.size)?;
        Some((window::MEMORY, Gpa(region.guest), range))
    });
    io.chain(lent)
}

fn lend(zone: &Zone, zone0: &Zone) -> Result<(), Error> {
    let mut space = zone0.space.lock();
    for (_, _, range) in windows(zone) {
        space.map(range.base(), range, Attributes::SHARED)?;
    }
    Ok(())
}

/// Controller, vCPUs and I/O as before the first start.
pub(super) fn renew(resources: &Resources, zone: &'static Zone) {
    let owner = Owner::Zone(zone.number());
    zone.controller
        .lock()
        .configure(zone, resources.lines.of(owner));
    for (number, vcpu) in zone.vcpus.iter().enumerate() {
        let tail = zone.io.ring(number).map_or(0, super::device::tail);
        vcpu.head.store(tail, Ordering::Relaxed);
    }
    zone.io.renew();
}

/// Takes a zone apart, whole or half built; scrubs, and gives everything back.
/// None of its processors is in it any more. Cannot fail.
pub(super) fn demolish(resources: &mut Resources, zone: &'static Zone) {
    let number = zone.number();
    if let Some(zone0) = zone0_beside(zone) {
        let mut space = zone0.space.lock();
        for (_, _, range) in windows(zone) {
            // Splits nothing: windows were mapped as a whole.
            let _ = space.unmap(range);
        }
    }
    zone.controller.lock().retire(zone);
    zone.space.lock().destroy();
    zone.io.destroy();
    scrub(zone);
    for index in zone.layout().cpu_indices() {
        if let Some(processor) = cpu::get(index)
            && processor.owner.load(Ordering::Relaxed) == u32::from(number)
        {
            processor
                .owner
                .store(abi::inventory::owner::FREE, Ordering::Release);
        }
    }
    let kept = zone.layout().kept;
    if kept != 0 {
        pool::free(kept, KEPT_FRAMES);
    }
    if let Some(zone0) = zone0_beside(zone) {
        zone0::restore(&zone0, &zone.layout().descriptor);
    }
    resources.release(number);
    // SAFETY: absent or never was there; MANAGEMENT is held.
    unsafe { *zone.layout.thaw() = Layout::EMPTY };
}

/// Zeroes all RAM of a zone.
pub(super) fn scrub(zone: &Zone) {
    for region in zone.layout().descriptor.memory() {
        loader::zero(region.physical, region.size);
    }
}

/// A zone other than zone0.
fn managed(number: u64) -> Result<Use, Error> {
    if number == 0 {
        return Err(Error::NotPermitted);
    }
    get(number)
}

/// Copies `length` bytes at kernel address `source` into a zone not yet started.
pub fn write(number: u64, at: Gpa, source: u64, length: u64) -> Result<(), Error> {
    let zone = managed(number)?;
    zone.change(Operation::Load)?;
    let target = zone.layout().ram(at, length).ok_or(Error::OutOfRange)?;
    loader::copy(target, source, length);
    Ok(())
}

pub fn start(number: u64) -> Result<(), Error> {
    let zone = managed(number)?;
    launch(&zone)
}

pub(super) fn launch(zone: &Zone) -> Result<(), Error> {
    zone.change(Operation::Start)?;
    let (entry, arguments) = {
        let mut record = zone.record.lock();
        record.starts = record.starts.wrapping_add(1);
        record.stop_reason = StopReason::None;
        record.fault = Record::NEW.fault;
        record.entered = 0;
        record.stopped = 0;
        (record.entry, record.arguments)
    };
    zone.start_vcpu(0, entry, arguments)
        .map_err(|_| Error::WrongState)?;
    crate::log!("zone {}: started", zone.number());
    super::notify::state_changed(zone.number());
    Ok(())
}

impl Zone {
    /// On the processor that is about to enter it.
    pub(super) fn first_entry(&self) {
        let mut record = self.record.lock();
        if record.entered == 0 {
            record.entered = arch::cpu::now();
        }
    }
}

pub fn stop(number: u64) -> Result<(), Error> {
    let zone = managed(number)?;
    zone.stop(StopReason::Asked, None)?;
    crate::log!("zone {number}: stopped");
    parked(&zone)
}

/// Waits until all of a stopped zone's processors have left it.
fn parked(zone: &Zone) -> Result<(), Error> {
    let ticks = arch::cpu::frequency().saturating_mul(STOP_TIME) / 1_000_000;
    let deadline = arch::cpu::now().saturating_add(ticks);
    while zone.is_active() {
        if arch::cpu::now() > deadline {
            return Err(Error::TimedOut);
        }
        arch::stage2::serve_flush();
        core::hint::spin_loop();
    }
    Ok(())
}

pub fn pause(number: u64) -> Result<(), Error> {
    let zone = managed(number)?;
    zone.change(Operation::Pause)?;
    zone.attend_all();
    super::notify::state_changed(zone.number());
    Ok(())
}

pub fn resume(number: u64) -> Result<(), Error> {
    let zone = managed(number)?;
    zone.change(Operation::Resume)?;
    zone.attend_all();
    super::notify::state_changed(zone.number());
    Ok(())
}

/// Back to a new zone: scrubbed, to be loaded again.
pub fn reset(resources: &Resources, number: u64) -> Result<(), Error> {
    let zone = managed(number)?;
    parked_for(&zone, Operation::Reset)?;
    scrub(&zone);
    renew(resources, zone.0);
    zone.change(Operation::Reset)?;
    super::notify::state_changed(zone.number());
    Ok(())
}

/// Refuses unless the state allows `operation` and all processors have left.
fn parked_for(zone: &Zone, operation: Operation) -> Result<(), Error> {
    let state = zone.state().ok_or(Error::NoSuchZone)?;
    if ownership::transition(state, operation).is_none() {
        return Err(Error::WrongState);
    }
    parked(zone)
}

pub fn destroy(resources: &mut Resources, number: u64) -> Result<(), Error> {
    let held = managed(number)?;
    let zone = held.0;
    parked_for(zone, Operation::Destroy)?;
    zone.change(Operation::Destroy)?;
    // Back ends' calls that came before; they hold no lock that we hold.
    while zone.users.load(Ordering::Acquire) > 1 {
        core::hint::spin_loop();
    }
    demolish(resources, zone);
    crate::log!("zone {number}: destroyed");
    super::notify::state_changed(u8::try_from(number).unwrap_or(0));
    Ok(())
}

/// A back end serves the zone's devices from now on, or none does.
pub fn bind(number: u64, attach: bool) -> Result<(), Error> {
    let zone = managed(number)?;
    if zone.io.range().is_none() {
        return Err(Error::InvalidArgument);
    }
    zone.io.bind(attach)?;
    if attach {
        super::notify::io_again(&zone);
    }
    zone.attend_all();
    Ok(())
}

/// All back ends are gone: zone0 is.
pub(super) fn unbind_all() {
    for zone in ZONES.iter().filter(|zone| zone.state().is_some()) {
        if zone.io.range().is_some() {
            let _ = zone.io.bind(false);
            zone.attend_all();
        }
    }
}
