// SPDX-License-Identifier: Apache-2.0
//! Virtual devices.

use super::*;

impl Planner<'_> {
    pub(super) fn devices(&mut self, wired: &[Line]) -> Vec<GuestDevice> {
        let conventions = self.machine.architecture.conventions();
        let mut taken: Vec<u32> = wired.iter().map(|line| line.number).collect();
        for asked in &self.zone.devices {
            let Some(line) = asked.value.place.line else {
                continue;
            };
            if line < conventions.first_line || line >= conventions.max_lines {
                let why = format!(
                    "devices have {} to {} here",
                    conventions.first_line,
                    conventions.max_lines - 1
                );
                self.problems.push(
                    Problem::new(
                        "line-taken",
                        asked.span.clone(),
                        format!("interrupt {line}"),
                        why,
                    )
                    .advise("leave `line` out: one is chosen"),
                );
            } else if taken.contains(&line) {
                self.problems.push(
                    Problem::new(
                        "line-taken",
                        asked.span.clone(),
                        format!("interrupt {line}"),
                        "another device of this zone has it",
                    )
                    .advise("leave `line` out: one is chosen"),
                );
            }
            taken.push(line);
        }
        let mut devices: Vec<GuestDevice> = Vec::new();
        // What is fixed by hand goes first, so that nothing chosen is in its way.
        for fixed in [true, false] {
            for (index, asked) in self
                .zone
                .devices
                .iter()
                .enumerate()
                .filter(|(_, asked)| asked.value.place.address.is_some() == fixed)
            {
                let (what, kind, length, preferred) = match &asked.value.device {
                    Device::Serial => ("serial", device::SERIAL_16550, 8, conventions.serial),
                    Device::Console(_) => (
                        "virtio console",
                        device::VIRTIO_MMIO,
                        0x200,
                        conventions.virtio,
                    ),
                    Device::Disk(_) => (
                        "virtio disk",
                        device::VIRTIO_MMIO,
                        0x200,
                        conventions.virtio,
                    ),
                    Device::Network(_) => (
                        "virtio network",
                        device::VIRTIO_MMIO,
                        0x200,
                        conventions.virtio,
                    ),
                    Device::Gpu { .. } => {
                        ("virtio gpu", device::VIRTIO_MMIO, 0x200, conventions.virtio)
                    }
                };
                let guest = match asked.value.place.address {
                    Some(address) => self.claim_fixed(
                        &At::new(address, asked.span.clone()),
                        u64::from(length),
                        what,
                        8,
                    ),
                    None => self.space.place(
                        preferred,
                        abi::PAGE_SIZE,
                        abi::PAGE_SIZE,
                        &conventions.holes,
                        what,
                    ),
                };
                let line = asked.value.place.line.or_else(|| {
                    (conventions.first_line..conventions.max_lines)
                        .find(|line| !taken.contains(line))
                });
                let (Some(guest), Some(line)) = (guest, line) else {
                    if !fixed {
                        self.problems.push(Problem::new(
                            "layout",
                            asked.span.clone(),
                            what,
                            "finds no free address and interrupt",
                        ));
                    }
                    continue;
                };
                taken.push(line);
                devices.push(GuestDevice {
                    order: index,
                    device: asked.value.device.clone(),
                    kind,
                    guest,
                    size: length,
                    line,
                });
            }
        }
        devices.sort_by_key(|device| device.order);
        for one in &devices {
            let why = match one.kind {
                device::SERIAL_16550 => "served from zone0; interrupt of this zone only",
                _ => "served from zone0, which sees the zone's RAM; interrupt of this zone only",
            };
            let name = describe(&one.device);
            self.decisions.push(Decision {
                what: name,
                guest: Some(one.guest),
                physical: None,
                size: Some(u64::from(one.size)),
                line: Some(one.line),
                why: why.into(),
            });
        }
        devices
    }
}
