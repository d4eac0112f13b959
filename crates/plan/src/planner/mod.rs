// SPDX-License-Identifier: Apache-2.0
//! Zone and machine -> plan: every address, processor and line, checked as a whole.

mod cpus;
mod devices;
mod lines;
mod ram;
mod windows;

use crate::arch::{GuestCpu, Line, Shape};
use crate::guesttree::{self, GuestDevice, GuestPassthrough};
use crate::images::{self, Load};
use crate::machine::{Cpu, Machine, Piece};
use crate::memory;
use crate::passthrough::{self, Found, owner_name};
use crate::problem::{At, Problem, Problems};
use crate::space::Space;
use crate::tree::Index;
use crate::units::{MIB, size};
use crate::zone::{Cpus, Device, Dma, Kind, Zone};
use abi::descriptor::*;
use abi::inventory::owner;
use serde::{Deserialize, Serialize};

/// The files that a zone names, read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub kernel: Option<Vec<u8>>,
    pub initrd: Option<Vec<u8>>,
    pub dtb: Option<Vec<u8>>,
    /// For the guest's random number generator; without it the tree is the same each time.
    pub seed: Option<[u8; 32]>,
}

/// A virtual device of the plan, in the descriptor's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDevice {
    pub device: Device,
    pub guest: u64,
    pub size: u32,
    pub line: u32,
}

/// One decision, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub what: String,
    pub guest: Option<u64>,
    pub physical: Option<u64>,
    /// Bytes.
    pub size: Option<u64>,
    /// Interrupt number.
    pub line: Option<u32>,
    pub why: String,
}

pub struct Plan {
    pub name: String,
    pub descriptor: ZoneDescriptor,
    pub dtb: Vec<u8>,
    pub loads: Vec<Load>,
    pub devices: Vec<PlannedDevice>,
    pub decisions: Vec<Decision>,
    /// What the kernel was recognised as.
    pub format: Option<String>,
}

/// A piece of a zone's RAM.
#[derive(Clone, Copy, Debug)]
pub struct Ram {
    pub guest: u64,
    pub physical: u64,
    pub size: u64,
}

/// Makes the plan, or says everything that stands in its way.
pub fn plan(zone: &Zone, machine: &Machine, sources: &Sources) -> (Option<Plan>, Problems) {
    let mut planner = Planner {
        zone,
        machine,
        firmware: Index::new(&machine.tree),
        problems: Problems::default(),
        space: Space::default(),
        decisions: Vec::new(),
    };
    let plan = planner.run(sources);
    let problems = planner.problems;
    (plan.filter(|_| !problems.has_errors()), problems)
}

struct Planner<'a> {
    zone: &'a Zone,
    machine: &'a Machine,
    firmware: Index<'a>,
    problems: Problems,
    space: Space,
    decisions: Vec<Decision>,
}

impl Planner<'_> {
    fn run(&mut self, sources: &Sources) -> Option<Plan> {
        let zone = self.zone;
        let cpus = self.cpus();
        let found = passthrough::find(
            self.machine,
            &self.firmware,
            &zone.passthrough,
            zone.dma.value,
            &mut self.problems,
        );
        let ram = self.ram();
        let controller = self.controller(cpus.as_ref().map_or(1, Vec::len));
        let passed = self.windows(&found);
        let wired = self.wired(&found);
        let devices = self.devices(&wired);
        let (cpus, ram, mut controller) = (cpus?, ram?, controller?);
        controller.lines = self.line_count(&wired, &devices);
        let shape = Shape {
            machine: self.machine,
            firmware: &self.firmware,
            cpus: &cpus,
            controller: &controller,
        };
        let guest = guesttree::Guest {
            zone,
            shape,
            ram: &ram,
            devices: &devices,
            passed: &passed,
            seed: sources.seed,
        };
        let placed = images::place(&guest, sources, &mut self.problems)?;
        for load in &placed.loads {
            self.decide(
                &load.what,
                Some(load.guest),
                None,
                Some(load.bytes.len() as u64),
                None,
                &load.why,
            );
        }
        let mut descriptor = ZoneDescriptor::new(
            self.machine.architecture.number(),
            match zone.kind {
                Kind::User => kind::USER,
                Kind::Realtime => kind::REALTIME,
            },
        );
        descriptor.name = abi::name_to_bytes(&zone.name.value)?;
        descriptor.entry = placed.entry;
        descriptor.arguments = placed.arguments;
        descriptor.controller = controller;
        self.fill(&mut descriptor, &cpus, &ram, &passed, &wired, &devices);
        Some(Plan {
            name: zone.name.value.clone(),
            descriptor,
            dtb: placed.dtb,
            loads: placed.loads,
            devices: devices
                .iter()
                .map(|one| PlannedDevice {
                    device: one.device.clone(),
                    guest: one.guest,
                    size: one.size,
                    line: one.line,
                })
                .collect(),
            decisions: std::mem::take(&mut self.decisions),
            format: placed.format,
        })
    }

    fn decide(
        &mut self,
        what: &str,
        guest: Option<u64>,
        physical: Option<u64>,
        size: Option<u64>,
        line: Option<u32>,
        why: &str,
    ) {
        self.decisions.push(Decision {
            what: what.to_owned(),
            guest,
            physical,
            size,
            line,
            why: why.to_owned(),
        });
    }

    fn fill(
        &self,
        descriptor: &mut ZoneDescriptor,
        cpus: &[GuestCpu],
        ram: &[Ram],
        passed: &[GuestPassthrough],
        wired: &[Line],
        devices: &[GuestDevice],
    ) {
        let lent = if devices.iter().any(|one| one.kind == device::VIRTIO_MMIO) {
            MEMORY_LENT
        } else {
            0
        };
        descriptor.cpu_count = put(
            &mut descriptor.cpus,
            cpus.iter().map(|cpu| CpuAssignment {
                physical: cpu.physical,
                guest: cpu.guest,
            }),
        );
        let memory = ram.iter().map(|one| MemoryRegion {
            guest: one.guest,
            physical: one.physical,
            size: one.size,
            flags: lent,
            reserved: 0,
        });
        descriptor.memory_count = put(&mut descriptor.memory, memory);
        descriptor.mmio_count = put(
            &mut descriptor.mmio,
            passed.iter().flat_map(|one| one.windows.iter().copied()),
        );
        let lines = wired.iter().map(|line| LineAssignment {
            physical: line.number,
            guest: line.number,
            flags: if line.edge { LINE_EDGE } else { 0 },
            reserved: 0,
        });
        descriptor.line_count = put(&mut descriptor.lines, lines);
        let virtual_devices = devices.iter().map(|one| VirtualDevice {
            guest: one.guest,
            size: one.size,
            line: one.line,
            kind: one.kind,
            reserved: 0,
        });
        descriptor.device_count = put(&mut descriptor.devices, virtual_devices);
    }
}

/// Fills the front of `array`; how many there are.
fn put<T>(array: &mut [T], values: impl Iterator<Item = T>) -> u32 {
    let mut count = 0;
    for (slot, value) in array.iter_mut().zip(values) {
        *slot = value;
        count += 1;
    }
    count
}

/// "disk /var/lib/a.img"
pub fn describe(device: &Device) -> String {
    match device {
        Device::Serial => "serial (16550)".into(),
        Device::Console(console) => format!("console {}", console.name.as_deref().unwrap_or("hvc")),
        Device::Disk(disk) => format!(
            "disk {}{}",
            disk.path.display(),
            if disk.readonly { " (readonly)" } else { "" }
        ),
        Device::Network(network) => {
            let to = network
                .bridge
                .as_deref()
                .or(network.tap.as_deref())
                .unwrap_or("nothing");
            format!("network {} on {to}", crate::zonefile::mac(&network.mac))
        }
        Device::Gpu { width, height } => format!("gpu {width}x{height}"),
    }
}
