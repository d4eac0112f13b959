// SPDX-License-Identifier: Apache-2.0
//! How zones and the machine are, in the ABI's words.

use super::{Zone, manage};
use crate::{arch, boot, cpu, pool};
use abi::Error;
use abi::inventory::{self, cpu_state};
use abi::status::{ZoneStatus, ZoneWindow};
use core::sync::atomic::Ordering;
use ownership::{Owner, Piece, Resources};
use zerocopy::{Immutable, IntoBytes};

pub fn status(zone: &Zone) -> Result<ZoneStatus, Error> {
    let record = zone.record.lock();
    let state = zone.state().ok_or(Error::NoSuchZone)?;
    let layout = zone.layout();
    Ok(ZoneStatus {
        zone: layout.number.into(),
        state: state.number(),
        stop_reason: record.stop_reason.number(),
        kind: layout.descriptor.kind,
        name: layout.descriptor.name,
        cpu_count: layout.descriptor.cpu_count,
        device_count: layout.descriptor.device_count,
        window_count: u32::try_from(manage::windows(zone).count()).unwrap_or(0),
        backend: zone.io.attached.load(Ordering::Acquire).into(),
        starts: record.starts,
        reserved: 0,
        memory: layout.memory_size(),
        kept: if layout.kept == 0 { 0 } else { abi::KEPT_SIZE },
        created: record.created,
        entered: record.entered,
        stopped: record.stopped,
        fault: record.fault,
    })
}

/// Window `index` of a zone.
pub fn window(zone: &Zone, index: u64) -> Result<ZoneWindow, Error> {
    let index = usize::try_from(index).map_err(|_| Error::InvalidArgument)?;
    let (kind, guest, range) = manage::windows(zone)
        .nth(index)
        .ok_or(Error::InvalidArgument)?;
    Ok(ZoneWindow {
        kind,
        reserved: 0,
        zone0: range.base(),
        guest: guest.0,
        size: range.size(),
    })
}

/// Writes entries from `first` on into `out` -> how many.
pub fn inventory(
    resources: &Resources,
    kind: u64,
    first: u64,
    out: &mut [u8],
) -> Result<u64, Error> {
    let first = usize::try_from(first).map_err(|_| Error::InvalidArgument)?;
    match kind {
        inventory::kind::MEMORY => Ok(fill(out, first, resources.ram.pieces().map(memory))),
        inventory::kind::MMIO => Ok(fill(out, first, resources.mmio.pieces().map(memory))),
        inventory::kind::CPUS => Ok(fill(
            out,
            first,
            resources.cpus().map(|(index, cpu)| {
                let mut entry = inventory::Cpu {
                    physical: cpu.physical,
                    owner: cpu.owner.number(),
                    state: if cpu.online {
                        cpu_state::PARKED
                    } else {
                        cpu_state::DEAD
                    },
                };
                if cpu::get(index).is_some_and(|cpu| cpu.running.load(Ordering::Relaxed)) {
                    entry.state = cpu_state::RUNNING;
                }
                entry
            }),
        )),
        inventory::kind::LINES => {
            let lines = (0..resources.lines.end()).filter_map(|physical| {
                let owner = resources.lines.owner(physical)?;
                (owner != Owner::Free).then(|| inventory::Line {
                    physical,
                    owner: owner.number(),
                })
            });
            Ok(fill(out, first, lines))
        }
        inventory::kind::MACHINE => Ok(fill(out, first, core::iter::once(machine_entry()))),
        _ => Err(Error::InvalidArgument),
    }
}

fn memory(piece: Piece) -> inventory::Memory {
    inventory::Memory {
        base: piece.range.base(),
        size: piece.range.size(),
        owner: piece.owner.number(),
        reserved: 0,
    }
}

fn machine_entry() -> inventory::Machine {
    let (pool_used, pool_size) = pool::usage();
    let controller = arch::controller::physical();
    inventory::Machine {
        abi_version: abi::VERSION,
        architecture: arch::facts().architecture,
        controller: controller.kind,
        lines: controller.lines,
        tick_frequency: arch::cpu::frequency(),
        zone0_entered: super::zone0().map_or(0, |zone0| zone0.record.lock().entered),
        now: arch::cpu::now(),
        kernel_size: boot::kernel_size(),
        pool_used,
        pool_size,
    }
}

fn fill<T: IntoBytes + Immutable>(
    out: &mut [u8],
    first: usize,
    entries: impl Iterator<Item = T>,
) -> u64 {
    let mut count = 0u64;
    for (slot, entry) in out
        .chunks_exact_mut(size_of::<T>())
        .zip(entries.skip(first))
    {
        slot.copy_from_slice(entry.as_bytes());
        count = count.saturating_add(1);
    }
    count
}
