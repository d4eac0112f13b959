// SPDX-License-Identifier: Apache-2.0
//! zone0: what it gets, loading it, and what it gives up to other zones.

use super::layout::Gpa;
use super::{MANAGEMENT, Zone, loader, manage, notify};
use crate::{arch, boot, cpu, pool};
use abi::bundle::{Bundle, Zone0, entry};
use abi::descriptor::{CpuAssignment, MemoryRegion, ZoneDescriptor, kind};
use abi::io::{MAGIC, Mailbox};
use abi::{Error, PAGE_SIZE};
use arrayvec::ArrayVec;
use machine::{Region, Zone0Edits, zone0_tree};
use ownership::{Owner, Range, Resources};
use paging::Attributes;
use zerocopy::FromBytes;

const OWNER: Owner = Owner::Zone(0);
/// Alignment of its memory, so that it is mapped in blocks.
const BLOCK: u64 = 2 << 20;
/// Pieces smaller than this are left to other zones.
const SMALLEST_PIECE: u64 = 16 << 20;
const PIECES: usize = 8;
/// Room for its device tree.
const TREE_SIZE: u64 = 2 << 20;

/// Makes zone0 of what zones at boot have left.
pub fn create(
    resources: &mut Resources,
    zone: &'static Zone,
    bundle: &Bundle,
) -> Result<(), Error> {
    let wanted = bundle.first(entry::ZONE0).ok_or(Error::InvalidArgument)?;
    let (wanted, _) = Zone0::read_from_prefix(wanted).map_err(|_| Error::InvalidArgument)?;
    let mut descriptor = ZoneDescriptor::new(arch::facts().architecture, kind::MANAGEMENT);
    descriptor.name = abi::name_to_bytes("zone0").ok_or(Error::InvalidArgument)?;
    descriptor.controller = arch::controller::physical();
    take_cpus(resources, &wanted, &mut descriptor)?;
    take_memory(resources, &wanted, &mut descriptor)?;
    // First, for the interrupt controller's model wants to know the line.
    let page = set_up_mailbox(&descriptor)?;
    manage::establish(resources, zone, 0, &descriptor)?;
    zone.space.lock().map(page.base(), page, Attributes::SHARED)
}

/// The processor that runs this first, then the others in the firmware's order.
fn take_cpus(
    resources: &mut Resources,
    wanted: &Zone0,
    descriptor: &mut ZoneDescriptor,
) -> Result<(), Error> {
    let own = cpu::this().index as usize;
    let most = if wanted.cpus == 0 {
        abi::MAX_VCPUS
    } else {
        wanted.cpus as usize
    };
    let mut count = 0usize;
    let order = core::iter::once(own).chain((0..abi::MAX_CPUS).filter(|&index| index != own));
    for index in order {
        if count >= most.min(descriptor.cpus.len()) {
            break;
        }
        if let Some(physical) = resources.take_cpu(index, OWNER)
            && let Some(slot) = descriptor.cpus.get_mut(count)
        {
            *slot = CpuAssignment {
                physical,
                guest: physical,
            };
            count = count.saturating_add(1);
        }
    }
    descriptor.cpu_count = u32::try_from(count).map_err(|_| Error::CpuNotFree)?;
    if count == 0 {
        Err(Error::CpuNotFree)
    } else {
        Ok(())
    }
}

/// The lowest large pieces of free memory, mapped where they are.
fn take_memory(
    resources: &mut Resources,
    wanted: &Zone0,
    descriptor: &mut ZoneDescriptor,
) -> Result<(), Error> {
    let mut left = if wanted.memory == 0 {
        u64::MAX
    } else {
        wanted.memory
    };
    let mut pieces = ArrayVec::<Range, PIECES>::new();
    for piece in resources
        .ram
        .pieces()
        .filter(|piece| piece.owner == Owner::Free)
    {
        let base = piece.range.base().next_multiple_of(BLOCK);
        let room = piece.range.end().saturating_sub(base);
        let size = room.min(left) & !(PAGE_SIZE.wrapping_sub(1));
        if size < SMALLEST_PIECE.min(left) {
            continue;
        }
        if let Some(range) = Range::new(base, size)
            && pieces.try_push(range).is_ok()
        {
            left = left.saturating_sub(size);
        }
        if left == 0 {
            break;
        }
    }
    for (slot, range) in descriptor.memory.iter_mut().zip(&pieces) {
        resources
            .ram
            .transfer(*range, Owner::Free, OWNER)
            .map_err(|_| Error::MemoryNotFree)?;
        *slot = MemoryRegion {
            guest: range.base(),
            physical: range.base(),
            size: range.size(),
            ..MemoryRegion::default()
        };
    }
    descriptor.memory_count = u32::try_from(pieces.len()).map_err(|_| Error::MemoryNotFree)?;
    if pieces.is_empty() {
        Err(Error::MemoryNotFree)
    } else {
        Ok(())
    }
}

/// The mailbox page, and a line that no device has.
fn set_up_mailbox(descriptor: &ZoneDescriptor) -> Result<Range, Error> {
    let page = pool::allocate(1, 1).ok_or(Error::OutOfMemory)?;
    let mailbox = page as *mut Mailbox;
    // SAFETY: a zeroed frame that nobody else knows yet.
    unsafe {
        (*mailbox).magic = MAGIC;
        (*mailbox).version = abi::VERSION;
    }
    let line = machine::free_line(boot::tree(), descriptor.controller.lines)
        .ok()
        .flatten()
        .ok_or(Error::LineNotFree)?;
    let cpu = cpu::this().index as usize;
    notify::set_target(notify::Target { page, line, cpu });
    Range::new(page, PAGE_SIZE).ok_or(Error::OutOfMemory)
}

/// Puts kernel, initrd and device tree into zone0's memory, and says where it
/// starts. Before its first start and before each restart.
pub fn load(zone: &Zone, bundle: &Bundle) -> Result<(), Error> {
    let kernel = bundle
        .first(entry::ZONE0_KERNEL)
        .ok_or(Error::InvalidArgument)?;
    let initrd = bundle.first(entry::ZONE0_INITRD).unwrap_or(&[]);
    let (text_offset, image_size) = linux_header(kernel).ok_or(Error::InvalidArgument)?;
    let size = image_size.max(kernel.len() as u64);
    let memory = zone.layout().descriptor.memory().iter();
    // The lowest piece may be what is left below the kernel or a reservation.
    let (start, tree, initrd_start) = memory
        .filter_map(|piece| place(piece, text_offset, size, initrd.len() as u64))
        .next()
        .ok_or(Error::OutOfRange)?;
    loader::copy(start, kernel.as_ptr() as u64, kernel.len() as u64);
    loader::copy(initrd_start, initrd.as_ptr() as u64, initrd.len() as u64);
    let initrd = (!initrd.is_empty()).then_some(Region {
        base: initrd_start,
        size: initrd.len() as u64,
    });
    write_tree(zone, bundle, tree, initrd)?;
    zone.set_entry(start, arch::linux_arguments(tree));
    Ok(())
}

/// Where kernel, device tree and initrd go in a piece of memory that has room.
fn place(
    piece: &MemoryRegion,
    text_offset: u64,
    kernel: u64,
    initrd: u64,
) -> Option<(u64, u64, u64)> {
    let start = piece.physical.checked_add(text_offset)?;
    let tree = start.checked_add(kernel)?.checked_next_multiple_of(BLOCK)?;
    let initrd_start = tree.checked_add(TREE_SIZE)?;
    let end = initrd_start.checked_add(initrd)?;
    (end <= piece.physical.checked_add(piece.size)?).then_some((start, tree, initrd_start))
}

/// text_offset and image_size of the Linux image header, which has one layout
/// on AArch64 and RISC-V (Documentation/arch/{arm64,riscv}/).
fn linux_header(image: &[u8]) -> Option<(u64, u64)> {
    let word = |at: usize| {
        let bytes = image.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let magic = image.get(56..60)?;
    (magic == arch::LINUX_MAGIC).then_some((word(8)?, word(16)?))
}

fn write_tree(zone: &Zone, bundle: &Bundle, at: u64, initrd: Option<Region>) -> Result<(), Error> {
    let layout = zone.layout();
    let target = notify::target().ok_or(Error::WrongState)?;
    let mut cpus = ArrayVec::<u64, { abi::MAX_VCPUS }>::new();
    let mut memory = ArrayVec::<Region, { abi::descriptor::MAX_MEMORY }>::new();
    for assignment in layout.descriptor.cpus() {
        let _ = cpus.try_push(assignment.physical);
    }
    for region in layout.descriptor.memory() {
        let _ = memory.try_push(Region {
            base: region.physical,
            size: region.size,
        });
    }
    let command_line = bundle.first(entry::ZONE0_COMMAND_LINE).unwrap_or(&[]);
    let edits = Zone0Edits {
        cpus: &cpus,
        memory: &memory,
        initrd,
        command_line: core::str::from_utf8(command_line).unwrap_or(""),
        mailbox: Region {
            base: target.page,
            size: PAGE_SIZE,
        },
        line: target.line,
        withheld: &[],
        without_extensions: &[],
        interrupt_files: arch::controller::interrupt_files(),
    };
    let length = usize::try_from(TREE_SIZE).map_err(|_| Error::OutOfRange)?;
    // SAFETY: RAM of zone0, checked by `load`; zone0 does not run.
    let out = unsafe { core::slice::from_raw_parts_mut(at as *mut u8, length) };
    if let Err(error) = zone0_tree(boot::tree(), &edits, out) {
        crate::log!("zone0's device tree: {error}");
        return Err(Error::InvalidArgument);
    }
    arch::cpu::clean(at, TREE_SIZE);
    Ok(())
}

/// If `zone` is zone0, it touched an address that is not its RAM: maps the device there if it is
/// zone0's, in the largest block that is. Whether it is.
pub fn map_device(zone: &Zone, at: Gpa) -> bool {
    if !zone.is_zone0() {
        return false;
    }
    let resources = MANAGEMENT.lock();
    let Some(piece) = resources
        .mmio
        .owner(at.0)
        .filter(|piece| piece.owner == OWNER)
    else {
        return false;
    };
    let mut space = zone.space.lock();
    if space.is_mapped(at.0) {
        return true;
    }
    for size in [BLOCK, PAGE_SIZE] {
        let base = at.0 & !(size.wrapping_sub(1));
        let Some(range) = Range::new(base, size) else {
            continue;
        };
        let inside = piece.range.holds(base, size);
        if inside && space.map(base, range, Attributes::DEVICE).is_ok() {
            return true;
        }
    }
    false
}

/// Devices and lines of `descriptor` leave zone0.
pub fn withdraw(zone0: &Zone, descriptor: &ZoneDescriptor) -> Result<(), Error> {
    let mut space = zone0.space.lock();
    for region in descriptor.mmio() {
        let range = Range::new(region.physical, region.size).ok_or(Error::Misaligned)?;
        space.unmap(range)?;
    }
    drop(space);
    let mut controller = zone0.controller.lock();
    for line in descriptor.lines() {
        controller.take_line(line.physical, zone0);
    }
    Ok(())
}

/// Lines come back; devices do when zone0 touches them.
pub fn restore(zone0: &Zone, descriptor: &ZoneDescriptor) {
    let mut controller = zone0.controller.lock();
    for line in descriptor.lines() {
        controller.give_line(line.physical, zone0);
    }
}
