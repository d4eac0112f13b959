// SPDX-License-Identifier: Apache-2.0
//! Zones at boot, and zone0's return.

use super::{MANAGEMENT, ZONES, Zone, loader, manage, zone0};
use crate::{arch, boot, cpu};
use abi::Error;
use abi::bundle::{Bundle, entry};
use abi::descriptor::ZoneDescriptor;
use abi::status::StopReason;
use ownership::{Operation, Owner, Range, Resources};

/// Once, on the first processor, when all others are parked: makes the bundle's
/// zones and zone0, and starts them.
pub fn start(bundle: &Bundle<'static>) {
    let mut resources = MANAGEMENT.lock();
    if take_stock(&mut resources, bundle).is_err() {
        crate::log!(
            "more pieces of memory than {} cannot be told apart",
            ownership::PIECES
        );
        return;
    }
    let mut waiting = false;
    for index in 0..bundle.len() {
        if let Some((entry::ZONE, bytes)) = bundle.entry(index) {
            match zone_at_boot(&mut resources, bytes, bundle) {
                Ok(()) => waiting = true,
                Err(error) => crate::log!("zone of bundle entry {index}: refused ({error:?})"),
            }
        }
    }
    if bundle.first(entry::ZONE0).is_some() {
        match zone0_at_boot(&mut resources, bundle) {
            Ok(()) => waiting = true,
            Err(error) => crate::log!("zone0: cannot be made ({error:?})"),
        }
    }
    if !waiting {
        crate::log!("no zone can be started: the machine stops here");
    }
}

/// Who owns what at the beginning.
fn take_stock(resources: &mut Resources, bundle: &Bundle) -> Result<(), Error> {
    let Some(machine) = boot::machine() else {
        return Err(Error::InvalidArgument);
    };
    let has_zone0 = bundle.first(entry::ZONE0).is_some();
    resources.home = if has_zone0 {
        Owner::Zone(0)
    } else {
        Owner::Free
    };
    for bank in &machine.memory {
        if let Some(range) = inner_pages(bank.base, bank.size) {
            resources
                .ram
                .add(range, Owner::Free)
                .map_err(|_| Error::OutOfMemory)?;
        }
    }
    for (base, size) in boot::withheld() {
        if let Some(range) = Range::covering(base, size) {
            let kept = resources
                .ram
                .transfer_within(range, Owner::Free, Owner::Kernel);
            kept.map_err(|_| Error::OutOfMemory)?;
        }
    }
    add_device_space(resources)?;
    for processor in cpu::all() {
        let physical = processor
            .physical
            .load(core::sync::atomic::Ordering::Relaxed);
        let online = processor.online.load(core::sync::atomic::Ordering::Acquire);
        resources.add_cpu(processor.index as usize, physical, online);
    }
    let (first, end) = arch::controller::wired_lines();
    let home = resources.home;
    resources.lines.set_up(first, end, home);
    Ok(())
}

fn inner_pages(base: u64, size: u64) -> Option<Range> {
    let start = base.checked_next_multiple_of(abi::PAGE_SIZE)?;
    let end = base.checked_add(size)? & !(abi::PAGE_SIZE.wrapping_sub(1));
    Range::new(start, end.checked_sub(start)?)
}

/// All that is not RAM, less what the kernel drives itself.
fn add_device_space(resources: &mut Resources) -> Result<(), Error> {
    let home = resources.home;
    let end = 1u64
        .checked_shl(arch::facts().guest_bits.into())
        .unwrap_or(1 << 63);
    let mut next = 0u64;
    let mut gaps = arrayvec::ArrayVec::<Range, 64>::new();
    for piece in resources.ram.pieces() {
        if let Some(gap) = Range::new(next, piece.range.base().saturating_sub(next)) {
            gaps.try_push(gap).map_err(|_| Error::OutOfMemory)?;
        }
        next = next.max(piece.range.end());
    }
    if let Some(gap) = Range::new(next, end.saturating_sub(next)) {
        gaps.try_push(gap).map_err(|_| Error::OutOfMemory)?;
    }
    for gap in gaps {
        resources
            .mmio
            .add(gap, home)
            .map_err(|_| Error::OutOfMemory)?;
    }
    for region in arch::controller::kernel_regions() {
        if let Some(range) = Range::covering(region.base, region.size) {
            let kept = resources.mmio.transfer_within(range, home, Owner::Kernel);
            kept.map_err(|_| Error::OutOfMemory)?;
        }
    }
    Ok(())
}

fn zone_at_boot(resources: &mut Resources, bytes: &[u8], bundle: &Bundle) -> Result<(), Error> {
    let descriptor = ZoneDescriptor::parse(bytes).ok_or(Error::BadDescriptor)?;
    let number = manage::create(resources, &descriptor)?;
    let zone = ZONES.get(usize::from(number)).ok_or(Error::NoSuchZone)?;
    if let Err(error) = loader::load_images(zone, bundle).and_then(|()| manage::launch(zone)) {
        manage::destroy(resources, number.into())?;
        return Err(error);
    }
    Ok(())
}

fn zone0_at_boot(resources: &mut Resources, bundle: &Bundle) -> Result<(), Error> {
    let zone = ZONES.first().ok_or(Error::NoSuchZone)?;
    zone0::create(resources, zone, bundle)?;
    zone0::load(zone, bundle)?;
    manage::launch(zone)?;
    // The UART is zone0's from here on; the log is read by `hvisor log`.
    crate::console::release();
    Ok(())
}

/// All of zone0's processors have left it: it is loaded and started anew, while
/// the other zones run on. Its power-off ends the machine if there are none.
pub fn restart_zone0() {
    let resources = MANAGEMENT.lock();
    let (Some(zone), Some(bundle)) = (ZONES.first(), boot::bundle()) else {
        return;
    };
    if zone.is_active() || zone.change(Operation::Reset).is_err() {
        return;
    }
    let reason = zone.record.lock().stop_reason;
    let alone = !ZONES.iter().skip(1).any(Zone::is_active);
    if reason == StopReason::PowerOff && alone {
        crate::log!("zone0 powered off and no other zone runs: the machine goes off");
        arch::cpu::machine_off();
    }
    crate::log!("zone0 stopped ({reason:?}): it is started again");
    manage::unbind_all();
    manage::renew(&resources, zone);
    if let Err(error) = zone0::load(zone, &bundle).and_then(|()| manage::launch(zone)) {
        crate::log!("zone0 cannot be started again ({error:?})");
    }
}

/// A zone of the bundle, without a zone0 that would see to it, asked for a
/// reset or went off.
pub fn restart_from_bundle(zone: &'static Zone) {
    let resources = MANAGEMENT.lock();
    let Some(bundle) = boot::bundle() else { return };
    let reason = zone.record.lock().stop_reason;
    let wanted = reason == StopReason::Reset && !zone.layout().descriptor.images().is_empty();
    if !wanted || zone.is_active() || zone.change(Operation::Reset).is_err() {
        return;
    }
    manage::scrub(zone);
    manage::renew(&resources, zone);
    if let Err(error) = loader::load_images(zone, &bundle).and_then(|()| manage::launch(zone)) {
        crate::log!(
            "zone {}: cannot be started again ({error:?})",
            zone.number()
        );
    }
}
