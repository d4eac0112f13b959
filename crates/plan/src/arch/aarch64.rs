// SPDX-License-Identifier: Apache-2.0
//! AArch64: GIC, PSCI, generic timer.

use super::{Architecture, ControllerWindow, Conventions, Line, LinuxHeader, Shape, phandle};
use crate::node::Builder;
use crate::problem::Problem;
use crate::tree::{self, Index};
use abi::descriptor::{architecture, controller};
use dtoolkit::model::DeviceTreeNode;
use dtoolkit::{Node, Property};

pub struct Aarch64;

const GIC_V3: &[&str] = &["arm,gic-v3"];
const GIC_V2: &[&str] = &[
    "arm,gic-400",
    "arm,cortex-a15-gic",
    "arm,cortex-a7-gic",
    "arm,eb11mp-gic",
];
const TIMER: &[&str] = &["arm,armv8-timer", "arm,armv7-timer"];

/// Redistributors take two 64 KiB frames a processor (GICv3, 12.2.1).
const REDISTRIBUTOR: u64 = 0x2_0000;
/// Processors of one affinity level 0, so that SGIs reach all by target lists.
const CLUSTER: usize = 16;
/// Cells of the kinds of interrupts (bindings: arm,gic-v3).
const SPI: u32 = 0;
const PPI: u32 = 1;
const RISING: u32 = 1;
const HIGH: u32 = 4;

static CONVENTIONS: Conventions = Conventions {
    ram: 0x4000_0000,
    serial: 0x0900_0000,
    virtio: 0x0a00_0000,
    holes: 0x0a00_0000..0x4000_0000,
    first_line: 32,
    max_lines: 1020,
};

impl Architecture for Aarch64 {
    fn number(&self) -> u32 {
        architecture::AARCH64
    }

    fn name(&self) -> &'static str {
        "aarch64"
    }

    fn elf_machine(&self) -> u16 {
        183
    }

    fn conventions(&self) -> &'static Conventions {
        &CONVENTIONS
    }

    fn owns(&self, firmware: &Index<'_>) -> bool {
        firmware.entries.iter().any(|entry| {
            tree::is_compatible(entry.node, GIC_V3) || tree::is_compatible(entry.node, GIC_V2)
        }) && firmware
            .entries
            .iter()
            .any(|entry| tree::is_compatible(entry.node, TIMER))
    }

    fn controller_of(&self, firmware: &Index<'_>) -> Result<(u32, u32), Problem> {
        let has = |which| {
            firmware
                .entries
                .iter()
                .any(|entry| tree::is_compatible(entry.node, which) && tree::is_enabled(entry.node))
        };
        let kind = match (has(GIC_V3), has(GIC_V2)) {
            (true, _) => controller::GIC_V3,
            (false, true) => controller::GIC_V2,
            _ => {
                return Err(Problem::new(
                    "machine",
                    None,
                    "this machine",
                    "has no GICv2 or GICv3",
                ));
            }
        };
        Ok((kind, CONVENTIONS.max_lines))
    }

    fn controller_name(&self, kind: u32) -> &'static str {
        if kind == controller::GIC_V2 {
            "GICv2"
        } else {
            "GICv3"
        }
    }

    fn controller_windows(&self, kind: u32, cpus: usize) -> Vec<ControllerWindow> {
        let count = u64::try_from(cpus).unwrap_or(u64::MAX);
        match kind {
            controller::GIC_V2 => vec![
                ControllerWindow {
                    what: "GIC distributor",
                    preferred: 0x0800_0000,
                    size: 0x1000,
                    align: 0x1_0000,
                },
                ControllerWindow {
                    what: "GIC CPU interface",
                    preferred: 0x0801_0000,
                    size: 0x2000,
                    align: 0x1_0000,
                },
            ],
            _ => vec![
                ControllerWindow {
                    what: "GIC distributor",
                    preferred: 0x0800_0000,
                    size: 0x1_0000,
                    align: 0x1_0000,
                },
                ControllerWindow {
                    what: "GIC redistributors",
                    preferred: 0x080a_0000,
                    size: REDISTRIBUTOR.saturating_mul(count),
                    align: 0x1_0000,
                },
            ],
        }
    }

    fn guest_cpu(&self, index: usize) -> u64 {
        u64::try_from((index % CLUSTER) | ((index / CLUSTER) << 8)).unwrap_or_default()
    }

    fn line_cells(&self, _kind: u32, line: Line) -> Vec<u32> {
        vec![
            SPI,
            line.number.saturating_sub(CONVENTIONS.first_line),
            if line.edge { RISING } else { HIGH },
        ]
    }

    fn line_from_cells(&self, node: &DeviceTreeNode, cells: &[u32]) -> Result<Line, String> {
        if !tree::is_compatible(node, GIC_V3) && !tree::is_compatible(node, GIC_V2) {
            return Err(format!(
                "its interrupt goes to {}, which is not the GIC",
                node.name()
            ));
        }
        match cells {
            [SPI, number, flags, ..]
                if *number < CONVENTIONS.max_lines - CONVENTIONS.first_line =>
            {
                Ok(Line {
                    number: number + CONVENTIONS.first_line,
                    edge: flags & 0x3 != 0,
                })
            }
            [PPI, ..] => Err("its interrupt is private to each processor".into()),
            _ => Err(format!(
                "its interrupt {cells:?} is not a shared peripheral interrupt"
            )),
        }
    }

    fn nodes(&self, shape: &Shape<'_>) -> Vec<DeviceTreeNode> {
        let psci = Builder::new("psci")
            .strings("compatible", &["arm,psci-1.0", "arm,psci-0.2"])
            .prop("method", "hvc");
        vec![
            cpus(shape).into(),
            psci.into(),
            gic(shape).into(),
            timer(shape.firmware).into(),
        ]
    }

    fn linux_header(&self, image: &[u8]) -> Option<LinuxHeader> {
        super::header_with_magic(image, b"ARM\x64")
    }

    fn arguments(&self, dtb: u64) -> [u64; 4] {
        [dtb, 0, 0, 0]
    }
}

fn cpus(shape: &Shape<'_>) -> Builder {
    let mut all = Builder::new("cpus")
        .prop("#address-cells", 1u32)
        .prop("#size-cells", 0u32);
    for cpu in shape.cpus {
        let mut node = Builder::new(format!("cpu@{:x}", cpu.guest))
            .prop("device_type", "cpu")
            .prop("reg", u32::try_from(cpu.guest).unwrap_or_default())
            .prop("enable-method", "psci");
        node = match firmware_cpu(shape.firmware, cpu.physical) {
            Some(firmware) => node
                .copy(firmware, "compatible")
                .copy(firmware, "capacity-dmips-mhz"),
            None => node.prop("compatible", "arm,armv8"),
        };
        all = all.child(node);
    }
    all
}

fn firmware_cpu<'a>(firmware: &Index<'a>, physical: u64) -> Option<&'a DeviceTreeNode> {
    let cpus = firmware.find("/cpus")?;
    firmware
        .entries
        .iter()
        .filter(|entry| entry.parent == Some(cpus))
        .map(|entry| entry.node)
        .find(|node| {
            let reg = tree::bytes(node, "reg")
                .map(tree::cells)
                .unwrap_or_default();
            node.name_without_address() == "cpu"
                && reg
                    .iter()
                    .fold(0u64, |value, cell| (value << 32) | u64::from(*cell))
                    == physical
        })
}

fn gic(shape: &Shape<'_>) -> Builder {
    let [first, second, _] = shape.controller.regions;
    let compatible = if shape.controller.kind == controller::GIC_V2 {
        "arm,gic-400"
    } else {
        "arm,gic-v3"
    };
    Builder::new(format!("interrupt-controller@{:x}", first.base))
        .prop("compatible", compatible)
        .prop("#interrupt-cells", 3u32)
        .prop("#address-cells", 2u32)
        .prop("#size-cells", 2u32)
        .flag("interrupt-controller")
        .flag("ranges")
        .reg(&[(first.base, first.size), (second.base, second.size)])
        .prop("phandle", phandle::CONTROLLER)
}

/// Interrupts, frequency and errata of the firmware's timer node.
fn timer(firmware: &Index<'_>) -> Builder {
    // Secure and non-secure physical, virtual, hypervisor: the customary PPIs.
    let mut lines = vec![13, 14, 11, 10];
    let found = firmware
        .entries
        .iter()
        .position(|entry| tree::is_compatible(entry.node, TIMER));
    let mut node = Builder::new("timer").prop("compatible", "arm,armv8-timer");
    if let Some(at) = found {
        let interrupts = firmware.interrupts(at).unwrap_or_default();
        let numbers: Vec<u32> = interrupts
            .iter()
            .filter_map(|one| one.cells.get(1).copied())
            .take(4)
            .collect();
        if numbers.len() >= 3 {
            lines = numbers;
        }
        for property in firmware
            .get(at)
            .map(|entry| entry.node.properties())
            .into_iter()
            .flatten()
        {
            let name = property.name();
            let own = [
                "compatible",
                "phandle",
                "linux,phandle",
                "interrupts-extended",
                "interrupt-parent",
                "interrupt-names",
                "interrupts",
                "status",
            ];
            if !own.contains(&name) {
                node = node.prop(name, property.value().to_vec());
            }
        }
    }
    let cells: Vec<u32> = lines
        .iter()
        .flat_map(|number| [PPI, *number, HIGH])
        .collect();
    node.cells("interrupts", &cells)
}
