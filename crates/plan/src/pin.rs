// SPDX-License-Identifier: Apache-2.0
//! What was decided once, to decide the same again: a zone that is loaded anew
//! keeps its processors, memory and addresses.

use crate::planner::Plan;
use crate::problem::At;
use crate::zone::{Cpus, FixedMemory, Zone};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The firmware's numbers.
    pub cpus: Vec<u64>,
    /// guest, physical, size.
    pub memory: Vec<(u64, u64, u64)>,
    pub controller: Vec<u64>,
    /// Address and line, in the order of the devices.
    pub devices: Vec<(u64, u32)>,
}

impl Pins {
    pub fn of(plan: &Plan) -> Self {
        let descriptor = &plan.descriptor;
        Self {
            cpus: descriptor.cpus().iter().map(|cpu| cpu.physical).collect(),
            memory: descriptor
                .memory()
                .iter()
                .map(|one| (one.guest, one.physical, one.size))
                .collect(),
            controller: descriptor
                .controller
                .regions
                .iter()
                .filter(|region| region.size > 0)
                .map(|region| region.base)
                .collect(),
            devices: descriptor
                .devices()
                .iter()
                .map(|device| (device.guest, device.line))
                .collect(),
        }
    }

    pub fn apply(&self, zone: &mut Zone) {
        let span = zone.memory.span.clone();
        zone.cpus = At::new(Cpus::Physical(self.cpus.clone()), zone.cpus.span.clone());
        zone.memory.value = self.memory.iter().map(|(_, _, size)| size).sum();
        zone.layout.memory = self
            .memory
            .iter()
            .map(|(guest, physical, size)| {
                At::new(
                    FixedMemory {
                        guest: *guest,
                        physical: Some(*physical),
                        size: *size,
                    },
                    span.clone(),
                )
            })
            .collect();
        zone.layout.controller = self
            .controller
            .iter()
            .map(|base| At::derived(*base))
            .collect();
        for (asked, (address, line)) in zone.devices.iter_mut().zip(&self.devices) {
            asked.value.place.address = Some(*address);
            asked.value.place.line = Some(*line);
        }
    }
}
