// SPDX-License-Identifier: Apache-2.0
//! RISC-V: PLIC, AIA, ISA strings. Everything else is asked of the SBI.

use super::{
    Architecture, ControllerWindow, Conventions, GuestCpu, Line, LinuxHeader, Shape, phandle,
};
use crate::node::Builder;
use crate::problem::Problem;
use crate::tree::{self, Index};
use abi::descriptor::{architecture, controller};
use dtoolkit::Node;
use dtoolkit::model::DeviceTreeNode;

pub struct Riscv64;

const PLIC: &[&str] = &["riscv,plic0", "sifive,plic-1.0.0", "thead,c900-plic"];
const APLIC: &[&str] = &["riscv,aplic"];
const IMSIC: &[&str] = &["riscv,imsics"];
/// Supervisor external interrupt (privileged specification, table of scause).
const S_EXTERNAL: u32 = 9;
/// "No interrupt" in a PLIC's `interrupts-extended`.
const NONE: u32 = u32::MAX;
/// Cells of an APLIC's interrupts.
const RISING: u32 = 1;
const HIGH: u32 = 4;
const PAGE: u64 = 0x1000;

static CONVENTIONS: Conventions = Conventions {
    ram: 0x8000_0000,
    serial: 0x1000_0000,
    virtio: 0x1000_1000,
    holes: 0x1000_0000..0x8000_0000,
    first_line: 1,
    max_lines: 1024,
};

impl Architecture for Riscv64 {
    fn number(&self) -> u32 {
        architecture::RISCV64
    }

    fn name(&self) -> &'static str {
        "riscv64"
    }

    fn elf_machine(&self) -> u16 {
        243
    }

    fn conventions(&self) -> &'static Conventions {
        &CONVENTIONS
    }

    fn owns(&self, firmware: &Index<'_>) -> bool {
        harts(firmware).next().is_some_and(|node| {
            tree::bytes(node, "riscv,isa")
                .or(tree::bytes(node, "riscv,isa-base"))
                .is_some()
        })
    }

    fn controller_of(&self, firmware: &Index<'_>) -> Result<(u32, u32), Problem> {
        let lines = |node: &DeviceTreeNode, name| {
            tree::u32_of(node, name)
                .unwrap_or(0)
                .saturating_add(1)
                .min(CONVENTIONS.max_lines)
        };
        let supervisor =
            |which| (0..firmware.entries.len()).find(|at| is_supervisor(firmware, *at, which));
        let node = |at: usize| firmware.get(at).map(|entry| entry.node);
        if let Some(aplic) = supervisor(APLIC).and_then(node) {
            let files = supervisor(IMSIC)
                .and_then(node)
                .and_then(|imsic| tree::u32_of(imsic, "riscv,guest-index-bits"))
                .unwrap_or(0);
            let kind = if files > 0 {
                controller::APLIC_IMSIC
            } else {
                controller::APLIC
            };
            return Ok((kind, lines(aplic, "riscv,num-sources")));
        }
        let plic = firmware
            .entries
            .iter()
            .map(|entry| entry.node)
            .find(|node| tree::is_compatible(node, PLIC) && tree::is_enabled(node));
        let plic = plic.ok_or_else(|| {
            Problem::new(
                "machine",
                None,
                "this machine",
                "has neither a PLIC nor an APLIC",
            )
        })?;
        Ok((controller::PLIC, lines(plic, "riscv,ndev")))
    }

    fn controller_name(&self, kind: u32) -> &'static str {
        match kind {
            controller::PLIC => "PLIC",
            controller::APLIC => "APLIC",
            _ => "APLIC and IMSICs",
        }
    }

    fn controller_windows(&self, kind: u32, cpus: usize) -> Vec<ControllerWindow> {
        let plic = ControllerWindow {
            what: "PLIC",
            preferred: 0x0c00_0000,
            size: 0x40_0000,
            align: PAGE,
        };
        let aplic = ControllerWindow {
            what: "APLIC",
            preferred: 0x0d00_0000,
            size: 0x8000,
            align: PAGE,
        };
        let files = u64::try_from(cpus.next_power_of_two()).unwrap_or(u64::MAX);
        let imsic = ControllerWindow {
            what: "IMSICs",
            preferred: 0x2800_0000,
            size: PAGE.saturating_mul(u64::try_from(cpus).unwrap_or(u64::MAX)),
            // Hart index bits are address bits (AIA, 3.6).
            align: PAGE.saturating_mul(files),
        };
        match kind {
            controller::PLIC => vec![plic],
            controller::APLIC => vec![aplic],
            _ => vec![aplic, imsic],
        }
    }

    fn guest_cpu(&self, index: usize) -> u64 {
        u64::try_from(index).unwrap_or_default()
    }

    fn line_cells(&self, kind: u32, line: Line) -> Vec<u32> {
        match kind {
            controller::PLIC => vec![line.number],
            _ => vec![line.number, if line.edge { RISING } else { HIGH }],
        }
    }

    fn line_from_cells(&self, node: &DeviceTreeNode, cells: &[u32]) -> Result<Line, String> {
        let plic = tree::is_compatible(node, PLIC);
        if !plic && !tree::is_compatible(node, APLIC) {
            return Err(format!(
                "its interrupt goes to {}, which is neither the PLIC nor the APLIC",
                node.name()
            ));
        }
        let flags = cells.get(1).copied().unwrap_or(HIGH);
        match cells.first() {
            Some(number) if (1..CONVENTIONS.max_lines).contains(number) => Ok(Line {
                number: *number,
                edge: flags & 0x3 != 0,
            }),
            _ => Err(format!("its interrupt {cells:?} is not a source")),
        }
    }

    fn nodes(&self, shape: &Shape<'_>) -> Vec<DeviceTreeNode> {
        let mut nodes: Vec<DeviceTreeNode> = vec![cpus(shape).into()];
        nodes.extend(controllers(shape).into_iter().map(Into::into));
        nodes
    }

    fn linux_header(&self, image: &[u8]) -> Option<LinuxHeader> {
        super::header_with_magic(image, b"RSC\x05")
    }

    /// The kernel puts the hart's number into a0.
    fn arguments(&self, dtb: u64) -> [u64; 4] {
        [0, dtb, 0, 0]
    }
}

fn harts<'a>(firmware: &Index<'a>) -> impl Iterator<Item = &'a DeviceTreeNode> {
    let cpus = firmware.find("/cpus");
    let nodes: Vec<&'a DeviceTreeNode> = firmware
        .entries
        .iter()
        .filter(|entry| {
            cpus.is_some() && entry.parent == cpus && entry.node.name_without_address() == "cpu"
        })
        .map(|entry| entry.node)
        .collect();
    nodes.into_iter()
}

/// An enabled controller whose interrupts go to supervisors, directly or by MSI.
fn is_supervisor(firmware: &Index<'_>, at: usize, which: &[&str]) -> bool {
    let Some(entry) = firmware
        .get(at)
        .filter(|entry| tree::is_compatible(entry.node, which) && tree::is_enabled(entry.node))
    else {
        return false;
    };
    let direct = firmware
        .interrupts(at)
        .unwrap_or_default()
        .iter()
        .any(|one| one.cells.first() == Some(&S_EXTERNAL));
    let parent = tree::u32_of(entry.node, "msi-parent")
        .and_then(|phandle| firmware.by_phandle(phandle))
        .filter(|parent| *parent != at);
    direct || parent.is_some_and(|parent| is_supervisor(firmware, parent, IMSIC))
}

/// Whether a guest may be told of this extension. What M mode and H mode have
/// (Sm*, Sh*, H) is not the guest's; neither is what needs state that the
/// kernel does not switch.
fn guest_has(extension: &str, kind: u32) -> bool {
    let extension = extension.to_ascii_lowercase();
    match extension.as_str() {
        "h" | "sscofpmf" | "ssstateen" | "ssdbltrp" | "ssccfg" | "sscsrind" | "ssnpm" | "supm" => {
            false
        }
        "ssaia" => kind == controller::APLIC_IMSIC,
        other => !other.starts_with("sm") && !other.starts_with("sh"),
    }
}

/// "rv64imafdch_sstc" less what a guest has not.
fn guest_isa(isa: &str, kind: u32) -> String {
    let mut parts = isa.split('_');
    let base = parts.next().unwrap_or_default();
    let (width, letters) = base.split_at_checked(4).unwrap_or((base, ""));
    let letters: String = letters
        .chars()
        .filter(|letter| !letter.eq_ignore_ascii_case(&'h'))
        .collect();
    let mut kept = format!("{width}{letters}");
    for extension in parts.filter(|extension| guest_has(extension, kind)) {
        kept.push('_');
        kept.push_str(extension);
    }
    kept
}

fn cpus(shape: &Shape<'_>) -> Builder {
    let first = harts(shape.firmware).next();
    let cpus = shape
        .firmware
        .find("/cpus")
        .and_then(|at| shape.firmware.get(at))
        .map(|entry| entry.node);
    let frequency = cpus
        .and_then(|node| tree::u32_of(node, "timebase-frequency"))
        .or(first.and_then(|node| tree::u32_of(node, "timebase-frequency")));
    let mut all = Builder::new("cpus")
        .prop("#address-cells", 1u32)
        .prop("#size-cells", 0u32);
    if let Some(frequency) = frequency {
        all = all.prop("timebase-frequency", frequency);
    }
    for (index, cpu) in shape.cpus.iter().enumerate() {
        all = all.child(hart(shape, cpu, index));
    }
    all
}

fn hart(shape: &Shape<'_>, cpu: &GuestCpu, index: usize) -> Builder {
    let kind = shape.controller.kind;
    let firmware = harts(shape.firmware).find(|node| {
        let reg = tree::bytes(node, "reg")
            .map(tree::cells)
            .unwrap_or_default();
        reg.iter()
            .fold(0u64, |value, cell| (value << 32) | u64::from(*cell))
            == cpu.physical
    });
    let mut node = Builder::new(format!("cpu@{:x}", cpu.guest))
        .prop("device_type", "cpu")
        .prop("reg", u32::try_from(cpu.guest).unwrap_or_default())
        .prop("status", "okay")
        .prop("compatible", "riscv");
    if let Some(firmware) = firmware {
        for name in [
            "mmu-type",
            "riscv,isa-base",
            "riscv,cbom-block-size",
            "riscv,cboz-block-size",
            "riscv,cbop-block-size",
        ] {
            node = node.copy(firmware, name);
        }
        if let Some(isa) = tree::strings(firmware, "riscv,isa").first() {
            node = node.prop("riscv,isa", guest_isa(isa, kind));
        }
        let extensions: Vec<String> = tree::strings(firmware, "riscv,isa-extensions")
            .into_iter()
            .filter(|one| guest_has(one, kind))
            .collect();
        if !extensions.is_empty() {
            node = node.strings("riscv,isa-extensions", &extensions);
        }
    }
    node.child(
        Builder::new("interrupt-controller")
            .prop("compatible", "riscv,cpu-intc")
            .prop("#interrupt-cells", 1u32)
            .flag("interrupt-controller")
            .prop("phandle", cpu_phandle(index)),
    )
}

fn cpu_phandle(index: usize) -> u32 {
    phandle::CPU + u32::try_from(index).unwrap_or_default()
}

fn controllers(shape: &Shape<'_>) -> Vec<Builder> {
    let [first, second, _] = shape.controller.regions;
    let sources = shape.controller.lines.saturating_sub(1);
    let to_harts: Vec<u32> = (0..shape.cpus.len())
        .flat_map(|index| [cpu_phandle(index), S_EXTERNAL])
        .collect();
    if shape.controller.kind == controller::PLIC {
        let contexts: Vec<u32> = (0..shape.cpus.len())
            .flat_map(|index| [cpu_phandle(index), NONE, cpu_phandle(index), S_EXTERNAL])
            .collect();
        return vec![
            Builder::new(format!("interrupt-controller@{:x}", first.base))
                .strings("compatible", &["sifive,plic-1.0.0", "riscv,plic0"])
                .prop("#interrupt-cells", 1u32)
                .prop("#address-cells", 0u32)
                .flag("interrupt-controller")
                .reg(&[(first.base, first.size)])
                .prop("riscv,ndev", sources)
                .cells("interrupts-extended", &contexts)
                .prop("phandle", phandle::CONTROLLER),
        ];
    }
    let aplic = Builder::new(format!("interrupt-controller@{:x}", first.base))
        .prop("compatible", "riscv,aplic")
        .prop("#interrupt-cells", 2u32)
        .prop("#address-cells", 0u32)
        .flag("interrupt-controller")
        .reg(&[(first.base, first.size)])
        .prop("riscv,num-sources", sources)
        .prop("phandle", phandle::CONTROLLER);
    if shape.controller.kind == controller::APLIC {
        return vec![aplic.cells("interrupts-extended", &to_harts)];
    }
    let firmware =
        (0..shape.firmware.entries.len()).find(|at| is_supervisor(shape.firmware, *at, IMSIC));
    let identities = firmware
        .and_then(|at| tree::u32_of(shape.firmware.get(at)?.node, "riscv,num-ids"))
        .unwrap_or(63);
    let imsic = Builder::new(format!("interrupt-controller@{:x}", second.base))
        .prop("compatible", "riscv,imsics")
        .prop("#interrupt-cells", 0u32)
        .prop("#msi-cells", 0u32)
        .flag("interrupt-controller")
        .flag("msi-controller")
        .reg(&[(second.base, second.size)])
        .prop("riscv,num-ids", identities)
        .cells("interrupts-extended", &to_harts)
        .prop("phandle", phandle::MSI);
    vec![imsic, aplic.prop("msi-parent", phandle::MSI)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_have_no_hypervisor_extension() {
        let isa = "rv64imafdch_zicsr_zifencei_smaia_ssaia_sstc_svpbmt";
        assert_eq!(
            guest_isa(isa, controller::PLIC),
            "rv64imafdc_zicsr_zifencei_sstc_svpbmt"
        );
        assert_eq!(
            guest_isa(isa, controller::APLIC_IMSIC),
            "rv64imafdc_zicsr_zifencei_ssaia_sstc_svpbmt"
        );
        assert_eq!(guest_isa("rv64", controller::PLIC), "rv64");
        assert_eq!(guest_isa("", controller::PLIC), "");
    }
}
