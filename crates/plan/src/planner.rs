// SPDX-License-Identifier: Apache-2.0
//! Zone and machine -> plan: every address, processor and line, checked as a whole.

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
        let ram = self.ram(&found);
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

    fn cpus(&mut self) -> Option<Vec<GuestCpu>> {
        let asked = &self.zone.cpus;
        let free = |cpu: &Cpu| cpu.owner == owner::FREE && cpu.alive;
        let count_free = self.machine.cpus.iter().filter(|cpu| free(cpu)).count();
        let names: Vec<String> = self
            .machine
            .cpus
            .iter()
            .enumerate()
            .filter(|(_, cpu)| free(cpu))
            .map(|(at, _)| at.to_string())
            .collect();
        let advice = match names.as_slice() {
            [] => "no processor is free: give zone0 fewer at boot, or stop a zone".to_owned(),
            names => format!("free: processor {}", names.join(", ")),
        };
        let no = |asked_for: String, why: String| {
            Problem::new("cpus", asked.span.clone(), asked_for, why).advise(advice.clone())
        };
        let mut chosen: Vec<(usize, u64)> = Vec::new();
        let why = match &asked.value {
            Cpus::Any(count) => {
                if count_free < *count {
                    self.problems.push(no(
                        format!("{count} processors"),
                        format!("only {count_free} of {} are free", self.machine.cpus.len()),
                    ));
                    return None;
                }
                let last: Vec<_> = self
                    .machine
                    .cpus
                    .iter()
                    .enumerate()
                    .filter(|(_, cpu)| free(cpu))
                    .rev()
                    .take(*count)
                    .collect();
                chosen.extend(last.into_iter().rev().map(|(at, cpu)| (at, cpu.physical)));
                "the last that are free"
            }
            Cpus::These(list) => {
                for at in list {
                    match self.machine.cpus.get(*at) {
                        None => self.problems.push(no(
                            format!("processor {at}"),
                            format!(
                                "there are processors 0 to {} only",
                                self.machine.cpus.len().saturating_sub(1)
                            ),
                        )),
                        Some(cpu) if !cpu.alive => self.problems.push(no(
                            format!("processor {at}"),
                            "it did not come up at boot".into(),
                        )),
                        Some(cpu) if !free(cpu) => self.problems.push(no(
                            format!("processor {at}"),
                            format!("it belongs to {}", owner_name(cpu.owner)),
                        )),
                        Some(cpu) => chosen.push((*at, cpu.physical)),
                    }
                }
                "named in the zone file"
            }
            Cpus::Physical(list) => {
                for number in list {
                    match self
                        .machine
                        .cpus
                        .iter()
                        .enumerate()
                        .find(|(_, cpu)| cpu.physical == *number)
                    {
                        None => self.problems.push(no(
                            format!("processor {number:#x}"),
                            "the machine has none of that number".into(),
                        )),
                        Some((_, cpu)) if !free(cpu) => self.problems.push(no(
                            format!("processor {number:#x}"),
                            format!("it belongs to {}", owner_name(cpu.owner)),
                        )),
                        Some((at, cpu)) => chosen.push((at, cpu.physical)),
                    }
                }
                "named in the zone file"
            }
        };
        let mut cpus = Vec::new();
        for (index, (at, physical)) in chosen.into_iter().enumerate() {
            let guest = self.machine.architecture.guest_cpu(index);
            self.decide(
                &format!("processor {at}"),
                Some(guest),
                Some(physical),
                None,
                None,
                why,
            );
            cpus.push(GuestCpu { physical, guest });
        }
        (!cpus.is_empty()).then_some(cpus)
    }

    fn ram(&mut self, found: &[Found]) -> Option<Vec<Ram>> {
        let mut ram = match self.zone.layout.memory.is_empty() {
            false => self.fixed_ram(),
            true => self.chosen_ram(),
        }?;
        ram.sort_by_key(|piece| piece.guest);
        for piece in &ram {
            if let Err(other) = self.space.claim(piece.guest, piece.size, "RAM") {
                let why = format!(
                    "overlaps {} at {:#x} in the zone's addresses",
                    other.what, other.base
                );
                self.problems.push(Problem::new(
                    "guest-overlap",
                    self.zone.memory.span.clone(),
                    format!("RAM at {:#x}", piece.guest),
                    why,
                ));
            }
        }
        let _ = found;
        Some(ram)
    }

    fn chosen_ram(&mut self) -> Option<Vec<Ram>> {
        let asked = &self.zone.memory;
        let conventions = self.machine.architecture.conventions();
        let base = self
            .zone
            .layout
            .ram
            .as_ref()
            .map_or(conventions.ram, |at| at.value);
        if !base.is_multiple_of(2 * MIB)
            || base
                .checked_add(asked.value)
                .is_none_or(|end| end > 1 << 48)
        {
            let span = self.zone.layout.ram.as_ref().and_then(|at| at.span.clone());
            self.problems.push(
                Problem::new(
                    "layout",
                    span,
                    format!("RAM at {base:#x}"),
                    "is not a multiple of 2 MiB below 2^48",
                )
                .advise(format!("leave `ram` out: it is {:#x}", conventions.ram)),
            );
            return None;
        }
        let free: Vec<Piece> = self.machine.free_memory().copied().collect();
        let Some(chosen) = memory::choose(&free, base, asked.value, MAX_MEMORY) else {
            let (all, one) = memory::available(&free);
            let why = if all < asked.value {
                format!("only {} are free", size(all))
            } else {
                format!(
                    "the free {} are in more than {MAX_MEMORY} pieces",
                    size(all)
                )
            };
            self.problems.push(
                Problem::new("memory", asked.span.clone(), format!("{} of memory", size(asked.value)), why)
                    .advise(format!("ask for at most {} (largest piece {}), give zone0 less at boot, or stop a zone", size(all), size(one))),
            );
            return None;
        };
        let mut at = base;
        let mut ram = Vec::new();
        for part in &chosen {
            let guest = if self.zone.dma.value == Dma::Identity {
                part.physical
            } else {
                at
            };
            at += part.size;
            let block = if (guest | part.physical | part.size).is_multiple_of(1 << 30) {
                "1 GiB"
            } else {
                "2 MiB"
            };
            let why = match self.zone.dma.value {
                Dma::Identity => {
                    format!("dma = \"identity\": guest addresses are physical; {block} blocks")
                }
                Dma::Refuse => format!("highest free piece that fits, in {block} blocks"),
            };
            self.decide(
                "RAM",
                Some(guest),
                Some(part.physical),
                Some(part.size),
                None,
                &why,
            );
            ram.push(Ram {
                guest,
                physical: part.physical,
                size: part.size,
            });
        }
        Some(ram)
    }

    fn fixed_ram(&mut self) -> Option<Vec<Ram>> {
        let mut free: Vec<Piece> = self.machine.free_memory().copied().collect();
        let mut ram = Vec::new();
        for fixed in &self.zone.layout.memory {
            let one = fixed.value;
            let range = format!("RAM {:#x} to {:#x}", one.physical, one.physical + one.size);
            if !memory::contains(&free, one.physical, one.size) {
                let holder = self.machine.memory.iter().find(|piece| {
                    piece.owner != owner::FREE && piece.overlaps(one.physical, one.size)
                });
                let why = match holder {
                    Some(piece) => format!(
                        "{:#x} to {:#x} belongs to {}",
                        piece.base,
                        piece.end(),
                        owner_name(piece.owner)
                    ),
                    None if ram.iter().any(|other: &Ram| {
                        other.physical < one.physical + one.size
                            && one.physical < other.physical + other.size
                    }) =>
                    {
                        "part of it is given twice".into()
                    }
                    None => "part of it is not RAM".into(),
                };
                self.problems.push(
                    Problem::new("memory", fixed.span.clone(), range, why)
                        .advise("leave [[layout.memory]] out: free memory is chosen"),
                );
                continue;
            }
            memory::remove(&mut free, one.physical, one.size);
            if self.zone.dma.value == Dma::Identity && one.guest != one.physical {
                self.problems.push(
                    Problem::new(
                        "layout",
                        fixed.span.clone(),
                        range,
                        "is at another guest address, against dma = \"identity\"",
                    )
                    .advise("leave `guest` out"),
                );
            }
            self.decide(
                "RAM",
                Some(one.guest),
                Some(one.physical),
                Some(one.size),
                None,
                "fixed in the zone file",
            );
            ram.push(Ram {
                guest: one.guest,
                physical: one.physical,
                size: one.size,
            });
        }
        let sum: u64 = ram.iter().map(|piece| piece.size).sum();
        if !self.problems.has_errors() && sum != self.zone.memory.value {
            let why = format!("[[layout.memory]] adds up to {}", size(sum));
            self.problems.push(
                Problem::new(
                    "memory",
                    self.zone.memory.span.clone(),
                    format!("{} of memory", size(self.zone.memory.value)),
                    why,
                )
                .advise("make both the same"),
            );
        }
        if ram.len() > MAX_MEMORY {
            self.problems.push(Problem::new(
                "memory",
                self.zone.memory.span.clone(),
                format!("{} pieces of RAM", ram.len()),
                format!("a zone has at most {MAX_MEMORY}"),
            ));
        }
        (!ram.is_empty()).then_some(ram)
    }

    fn controller(&mut self, cpus: usize) -> Option<Controller> {
        let architecture = self.machine.architecture;
        let holes = &architecture.conventions().holes;
        let mut controller = Controller {
            kind: self.machine.controller,
            lines: 0,
            regions: Default::default(),
        };
        for (index, window) in architecture
            .controller_windows(self.machine.controller, cpus)
            .into_iter()
            .enumerate()
        {
            let by_hand = self.zone.layout.controller.get(index).cloned();
            let base = match &by_hand {
                Some(at) => self.claim_fixed(at, window.size, window.what, window.align),
                None => self.space.place(
                    window.preferred,
                    window.size,
                    window.align,
                    holes,
                    window.what,
                ),
            };
            let Some(base) = base else {
                if by_hand.is_none() {
                    self.problems.push(
                        Problem::new(
                            "layout",
                            None,
                            window.what,
                            "finds no room beside the zone's RAM",
                        )
                        .advise("set `ram` in [layout]"),
                    );
                }
                return None;
            };
            if let Some(region) = controller.regions.get_mut(index) {
                *region = GuestRange {
                    base,
                    size: window.size,
                };
            }
            let why = if by_hand.is_some() {
                "fixed in the zone file"
            } else if base == window.preferred {
                "customary address"
            } else {
                "first hole"
            };
            self.decide(
                &format!("{} (modelled)", window.what),
                Some(base),
                None,
                Some(window.size),
                None,
                why,
            );
        }
        Some(controller)
    }

    fn claim_fixed(&mut self, at: &At<u64>, length: u64, what: &str, align: u64) -> Option<u64> {
        let asked = format!("{what} at {:#x}", at.value);
        if !at.value.is_multiple_of(align)
            || at.value.checked_add(length).is_none_or(|end| end > 1 << 48)
        {
            self.problems.push(
                Problem::new(
                    "layout",
                    at.span.clone(),
                    asked,
                    format!("is not a multiple of {align:#x} below 2^48"),
                )
                .advise("leave it out: an address is chosen"),
            );
            return None;
        }
        if let Err(other) =
            self.space
                .claim(at.value, length.next_multiple_of(abi::PAGE_SIZE), what)
        {
            let why = format!(
                "overlaps {} at {:#x} in the zone's addresses",
                other.what, other.base
            );
            self.problems.push(
                Problem::new("guest-overlap", at.span.clone(), asked, why)
                    .advise("leave it out: an address is chosen"),
            );
            return None;
        }
        Some(at.value)
    }

    /// Windows of passed-through devices and of those fixed by hand.
    fn windows(&mut self, found: &[Found]) -> Vec<GuestPassthrough> {
        let holes = &self.machine.architecture.conventions().holes;
        let mut given: Vec<(u64, u64)> = Vec::new();
        let mut passed = Vec::new();
        for device in found {
            let mut windows = Vec::new();
            for (physical, length) in &device.windows {
                // Devices that share a page are given together; the page once.
                if given.contains(&(*physical, *length)) {
                    continue;
                }
                given.push((*physical, *length));
                let Some(guest) =
                    self.space
                        .place(*physical, *length, abi::PAGE_SIZE, holes, &device.path)
                else {
                    self.problems.push(Problem::new(
                        "layout",
                        device.span.clone(),
                        format!("pass {} through", device.path),
                        "its registers find no room in the zone's addresses",
                    ));
                    continue;
                };
                let why = if guest == *physical {
                    "where it physically is"
                } else {
                    "its own address is taken in the zone: first hole"
                };
                self.decide(
                    &device.path,
                    Some(guest),
                    Some(*physical),
                    Some(*length),
                    None,
                    why,
                );
                windows.push(MmioRegion {
                    guest,
                    physical: *physical,
                    size: *length,
                });
            }
            passed.push(GuestPassthrough {
                device: device.clone(),
                windows,
            });
        }
        for fixed in &self.zone.layout.mmio {
            let one = fixed.value;
            let asked = format!(
                "registers {:#x} to {:#x}",
                one.physical,
                one.physical + one.size
            );
            let holder = self.machine.taken_mmio.iter().find(|piece| {
                piece.owner != 0
                    && piece.owner != owner::FREE
                    && piece.overlaps(one.physical, one.size)
            });
            if self
                .machine
                .memory
                .iter()
                .any(|piece| piece.overlaps(one.physical, one.size))
            {
                self.problems.push(
                    Problem::new("device-is-ram", fixed.span.clone(), asked, "is RAM")
                        .advise("use [[layout.memory]]"),
                );
            } else if let Some(piece) = holder {
                self.problems.push(Problem::new(
                    "device-taken",
                    fixed.span.clone(),
                    asked,
                    format!("belongs to {}", owner_name(piece.owner)),
                ));
            } else if let Err(other) =
                self.space
                    .claim(one.guest, one.size, "a window fixed in the zone file")
            {
                let why = format!(
                    "overlaps {} at {:#x} in the zone's addresses",
                    other.what, other.base
                );
                self.problems.push(
                    Problem::new("guest-overlap", fixed.span.clone(), asked, why)
                        .advise("set `guest` to a free address"),
                );
            } else {
                self.decide(
                    "registers",
                    Some(one.guest),
                    Some(one.physical),
                    Some(one.size),
                    None,
                    "fixed in the zone file",
                );
                passed.push(GuestPassthrough::by_hand(MmioRegion {
                    guest: one.guest,
                    physical: one.physical,
                    size: one.size,
                }));
            }
        }
        let count: usize = passed.iter().map(|one| one.windows.len()).sum();
        if count > MAX_MMIO {
            self.problems.push(Problem::new(
                "too-many",
                None,
                format!("{count} windows of device registers"),
                format!("a zone has at most {MAX_MMIO}"),
            ));
        }
        passed
    }

    /// Physical lines, each once.
    fn wired(&mut self, found: &[Found]) -> Vec<Line> {
        let mut wired: Vec<Line> = Vec::new();
        for (line, path) in found
            .iter()
            .flat_map(|device| device.lines.iter().map(move |line| (*line, &device.path)))
        {
            if !wired.iter().any(|other| other.number == line.number) {
                self.decide(
                    path,
                    None,
                    None,
                    None,
                    Some(line.number),
                    if line.edge {
                        "its own interrupt, edge"
                    } else {
                        "its own interrupt, level"
                    },
                );
                wired.push(line);
            }
        }
        for line in &self.zone.layout.lines {
            let number = line.value;
            let holder = self
                .machine
                .taken_lines
                .iter()
                .find(|(taken, by)| *taken == number && *by != 0 && *by != owner::FREE);
            let first = self.machine.architecture.conventions().first_line;
            let problem = |why: String| {
                Problem::new(
                    "line-taken",
                    line.span.clone(),
                    format!("interrupt {number}"),
                    why,
                )
            };
            if number < first || number >= self.machine.lines {
                self.problems.push(problem(format!(
                    "devices have {first} to {} here",
                    self.machine.lines.saturating_sub(1)
                )));
            } else if let Some((_, by)) = holder {
                self.problems
                    .push(problem(format!("belongs to {}", owner_name(*by))));
            } else if wired.iter().any(|other| other.number == number) {
                self.problems
                    .push(problem("is given twice".into()).as_warning());
            } else {
                self.decide(
                    "interrupt",
                    None,
                    None,
                    None,
                    Some(number),
                    "fixed in the zone file",
                );
                wired.push(Line {
                    number,
                    edge: false,
                });
            }
        }
        if wired.len() > MAX_LINES {
            self.problems.push(Problem::new(
                "too-many",
                None,
                format!("{} interrupt lines", wired.len()),
                format!("a zone has at most {MAX_LINES}"),
            ));
        }
        wired
    }

    fn devices(&mut self, wired: &[Line]) -> Vec<GuestDevice> {
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

    /// Enough interrupt numbers for all that is used, in the controllers' steps of 32.
    fn line_count(&self, wired: &[Line], devices: &[GuestDevice]) -> u32 {
        let most = wired
            .iter()
            .map(|line| line.number)
            .chain(devices.iter().map(|device| device.line))
            .max()
            .unwrap_or(0);
        (most + 1)
            .next_multiple_of(32)
            .max(64)
            .min(self.machine.architecture.conventions().max_lines)
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
