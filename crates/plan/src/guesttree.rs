// SPDX-License-Identifier: Apache-2.0
//! The device tree that a zone is handed.

use crate::arch::{Line, Shape, phandle};
use crate::node::Builder;
use crate::passthrough::{self, Found};
use crate::planner::Ram;
use crate::tree::Index;
use crate::zone::{Device, Zone};
use abi::descriptor::MmioRegion;
use dtoolkit::model::{DeviceTree, DeviceTreeNode};
use dtoolkit::{Node, Property};

/// Input clock of a PC's UART in Hz: divisor 1 is 115200 baud.
const UART_CLOCK: u32 = 1_843_200;

#[derive(Clone, Debug)]
pub struct GuestDevice {
    /// Place among the zone's devices.
    pub order: usize,
    pub device: Device,
    /// [`abi::descriptor::device`].
    pub kind: u32,
    pub guest: u64,
    pub size: u32,
    pub line: u32,
}

/// A device of the machine and where the zone sees it.
#[derive(Clone, Debug)]
pub struct GuestPassthrough {
    pub device: Found,
    pub windows: Vec<MmioRegion>,
}

impl GuestPassthrough {
    /// Registers that no tree describes.
    pub fn by_hand(window: MmioRegion) -> Self {
        let device = Found {
            entry: usize::MAX,
            path: String::new(),
            reg: Vec::new(),
            windows: Vec::new(),
            lines: Vec::new(),
            clocks: Vec::new(),
            span: None,
        };
        Self {
            device,
            windows: vec![window],
        }
    }
}

/// All that a zone's tree says.
pub struct Guest<'a> {
    pub zone: &'a Zone,
    pub shape: Shape<'a>,
    pub ram: &'a [Ram],
    pub devices: &'a [GuestDevice],
    pub passed: &'a [GuestPassthrough],
    pub seed: Option<[u8; 32]>,
}

/// The tree, and devices whose clocks' rates are not known.
pub fn build(guest: &Guest<'_>, initrd: Option<(u64, u64)>) -> (DeviceTree, Vec<String>) {
    let mut tree = DeviceTree::new();
    let mut root = Builder::new("")
        .prop("#address-cells", 2u32)
        .prop("#size-cells", 2u32)
        .prop("compatible", "hvisor,zone")
        .prop("model", format!("hvisor zone {}", guest.zone.name.value))
        .prop("interrupt-parent", phandle::CONTROLLER);
    let serial = guest
        .devices
        .iter()
        .find(|one| one.device == Device::Serial);
    if let Some(serial) = serial {
        root = root.child(Builder::new("aliases").prop("serial0", serial_path(serial)));
    }
    root = root.child(chosen(guest, serial, initrd));
    for piece in guest.ram {
        let node = Builder::new(format!("memory@{:x}", piece.guest)).prop("device_type", "memory");
        root = root.child(node.reg(&[(piece.guest, piece.size)]));
    }
    for node in guest.shape.machine.architecture.nodes(&guest.shape) {
        root = root.child(node);
    }
    for device in guest.devices {
        root = root.child(virtual_device(guest, device));
    }
    let mut unknown = Vec::new();
    let mut clocks = Clocks {
        count: 0,
        nodes: Vec::new(),
    };
    for passed in guest.passed {
        if let Some(node) = passed_device(guest, passed, &mut clocks, &mut unknown) {
            root = root.child(node);
        }
    }
    for clock in clocks.nodes {
        root = root.child(clock);
    }
    tree.root = root.into();
    (tree, unknown)
}

fn serial_path(serial: &GuestDevice) -> String {
    format!("/serial@{:x}", serial.guest)
}

fn chosen(guest: &Guest<'_>, serial: Option<&GuestDevice>, initrd: Option<(u64, u64)>) -> Builder {
    let mut chosen = Builder::new("chosen").prop("bootargs", guest.zone.cmdline.as_str());
    if let Some(serial) = serial {
        chosen = chosen.prop("stdout-path", serial_path(serial) + ":115200n8");
    }
    if let Some((start, end)) = initrd {
        chosen = chosen
            .prop("linux,initrd-start", start)
            .prop("linux,initrd-end", end);
    }
    match guest.seed {
        Some(seed) => {
            let [a, b, c, d, e, f, g, h, ..] = seed;
            let kaslr = u64::from_le_bytes([a, b, c, d, e, f, g, h]).rotate_left(29)
                ^ 0x9e37_79b9_7f4a_7c15;
            chosen
                .prop("rng-seed", seed.to_vec())
                .prop("kaslr-seed", kaslr)
        }
        None => chosen,
    }
}

fn interrupts(guest: &Guest<'_>, line: Line) -> Vec<u32> {
    guest
        .shape
        .machine
        .architecture
        .line_cells(guest.shape.controller.kind, line)
}

fn virtual_device(guest: &Guest<'_>, device: &GuestDevice) -> Builder {
    let cells = interrupts(
        guest,
        Line {
            number: device.line,
            edge: false,
        },
    );
    if device.device == Device::Serial {
        return Builder::new(format!("serial@{:x}", device.guest))
            .prop("compatible", "ns16550a")
            .reg(&[(device.guest, u64::from(device.size))])
            .prop("clock-frequency", UART_CLOCK)
            .prop("current-speed", 115_200u32)
            .prop("reg-shift", 0u32)
            .prop("reg-io-width", 1u32)
            .cells("interrupts", &cells);
    }
    Builder::new(format!("virtio_mmio@{:x}", device.guest))
        .prop("compatible", "virtio,mmio")
        .reg(&[(device.guest, u64::from(device.size))])
        .flag("dma-coherent")
        .cells("interrupts", &cells)
}

struct Clocks {
    count: u32,
    nodes: Vec<Builder>,
}

impl Clocks {
    /// A phandle of a fixed clock of this rate.
    fn fixed(&mut self, rate: u32) -> u32 {
        let phandle = phandle::CLOCK + self.count;
        self.count += 1;
        self.nodes.push(
            Builder::new(format!("clock-{}", self.count))
                .prop("compatible", "fixed-clock")
                .prop("#clock-cells", 0u32)
                .prop("clock-frequency", rate)
                .prop("phandle", phandle),
        );
        phandle
    }
}

fn passed_device(
    guest: &Guest<'_>,
    passed: &GuestPassthrough,
    clocks: &mut Clocks,
    unknown: &mut Vec<String>,
) -> Option<Builder> {
    let firmware: &Index<'_> = guest.shape.firmware;
    let entry = firmware.get(passed.device.entry)?;
    let reg: Vec<(u64, u64)> = passed
        .device
        .reg
        .iter()
        .map(|(base, size)| (guest_address(guest.passed, *base), *size))
        .collect();
    let first = reg.first().map_or(0, |(base, _)| *base);
    let mut node = copied(
        entry.node,
        format!("{}@{first:x}", entry.node.name_without_address()),
    )
    .reg(&reg);
    let cells: Vec<u32> = passed
        .device
        .lines
        .iter()
        .flat_map(|line| interrupts(guest, *line))
        .collect();
    if !cells.is_empty() {
        node = node.cells("interrupts", &cells);
    }
    let rates = passthrough::clock_rates(firmware, &passed.device);
    if !rates.is_empty() {
        if rates.iter().any(Option::is_none) {
            unknown.push(passed.device.path.clone());
        }
        // 24 MHz is what most boards' crystals have; the warning says so.
        let phandles: Vec<u32> = rates
            .iter()
            .map(|rate| clocks.fixed(rate.unwrap_or(24_000_000)))
            .collect();
        node = node
            .cells("clocks", &phandles)
            .copy(entry.node, "clock-names");
    }
    Some(node)
}

/// The node and its children without what refers to other nodes.
fn copied(from: &DeviceTreeNode, name: String) -> Builder {
    let mut node = Builder::new(name);
    for property in from
        .properties()
        .filter(|property| passthrough::may_copy(property.name()))
    {
        node = node.prop(property.name(), property.value().to_vec());
    }
    for child in from.children() {
        let inner = copied(child, child.name().to_owned());
        node = node.child(inner.copy(child, "reg"));
    }
    node
}

fn guest_address(passed: &[GuestPassthrough], physical: u64) -> u64 {
    passed
        .iter()
        .flat_map(|one| &one.windows)
        .find(|window| (window.physical..window.physical + window.size).contains(&physical))
        .map_or(physical, |window| {
            window.guest + (physical - window.physical)
        })
}
