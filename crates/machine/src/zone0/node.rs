// SPDX-License-Identifier: Apache-2.0
//! Which nodes stay, and which references to those that do not.

use super::{Derivation, InterruptFiles, Written};
use crate::{Region, cpu, gic, riscv};
use devicetree::{Action, Cells, Node, Writer};

/// IOMMUs between devices and memory. They are hvisor's; those that are part
/// of a device (Rockchip's) are not listed and stay with it.
const IOMMUS: &[&str] = &[
    "arm,smmu-v3",
    "arm,mmu-500",
    "arm,mmu-400",
    "arm,mmu-401",
    "arm,smmu-v1",
    "arm,smmu-v2",
    "riscv,iommu",
    "riscv,pci-iommu",
];

/// Devices of the machine mode, and such that reach every hart.
const MACHINE_MODE: &[&str] = &[
    "sifive,clint0",
    "riscv,clint0",
    "riscv,aclint-mswi",
    "riscv,aclint-mtimer",
    "riscv,aclint-sswi",
    "thead,c900-clint",
    "thead,c900-aclint-mswi",
    "thead,c900-aclint-mtimer",
    "thead,c900-aclint-sswi",
];

fn keep_if(keep: bool) -> Action {
    if keep { Action::Keep } else { Action::Drop }
}

impl<'a> Derivation<'_, 'a> {
    pub(super) fn keep_node(&self, node: &Node<'a>) -> Action {
        let parent = node.parent();
        if parent == Some(self.facts.root)
            && (node.text("device_type") == Some("memory")
                || matches!(node.base_name(), "memory" | "distance-map"))
        {
            return Action::Drop;
        }
        if self.facts.cpus.is_some() && self.facts.cpus == parent {
            return self.keep_in_cpus(node);
        }
        // Its children are power domains of processors that PSCI would idle.
        if self.facts.psci.is_some() && self.facts.psci == parent {
            return Action::Drop;
        }
        // hvisor keeps the performance monitors from all zones.
        if node.strings("compatible").any(|name| {
            name.starts_with("arm,") && name.ends_with("-pmu") || name == "arm,armv8-pmuv3"
        }) {
            return Action::Drop;
        }
        if node.is_compatible(gic::ITS)
            || node.is_compatible_with(IOMMUS)
            || node.is_compatible_with(MACHINE_MODE)
        {
            return Action::Drop;
        }
        if node.is_compatible(riscv::APLIC) {
            return keep_if(self.facts.controller == *node);
        }
        if node.is_compatible(riscv::IMSIC) {
            let hidden = self.edits.interrupt_files == InterruptFiles::Hidden;
            return keep_if(self.facts.imsic == Some(*node) && !hidden);
        }
        // A trace unit of a processor that is gone.
        if node
            .cell("cpu")
            .is_some_and(|cpu| self.facts.is_dropped_cpu(cpu, self.edits))
        {
            return Action::Drop;
        }
        keep_if(!self.is_withheld(node))
    }

    fn keep_in_cpus(&self, node: &Node<'a>) -> Action {
        if cpu::is_cpu(node) {
            return keep_if(cpu::hw_id(node).is_some_and(|id| self.edits.cpus.contains(&id)));
        }
        match node.base_name() {
            // Linux wants its cores numbered without gaps.
            "cpu-map" => keep_if(!self.facts.fewer_cpus),
            "idle-states" | "domain-idle-states" => Action::Drop,
            _ => Action::Keep,
        }
    }

    fn is_withheld(&self, node: &Node<'a>) -> bool {
        let overlaps = |region: devicetree::Region| {
            let region = Region {
                base: region.address,
                size: region.size,
            };
            self.edits
                .withheld
                .iter()
                .any(|withheld| withheld.overlaps(region))
        };
        !self.edits.withheld.is_empty()
            && node
                .reg()
                .any(|raw| node.translate(raw).is_some_and(overlaps))
    }

    /// Properties that name what is gone.
    pub(super) fn reference_property(
        &mut self,
        node: &Node<'a>,
        name: &'a str,
        value: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        let gone = |phandle: Option<u32>| {
            let target = phandle.and_then(|phandle| node.tree().by_phandle(phandle));
            target.is_none_or(|target| self.keep_node(&target) == Action::Drop)
        };
        match name {
            "iommus" | "msi-parent" => Ok(keep_if(!gone(Cells(value).cell()))),
            // An ID, then the phandle.
            "iommu-map" | "msi-map" => Ok(keep_if(!gone(Cells(value).nth(1)))),
            "iommu-map-mask" => Ok(keep_if(!gone(node.cells("iommu-map").nth(1)))),
            "msi-map-mask" => Ok(keep_if(!gone(node.cells("msi-map").nth(1)))),
            "numa-node-id" => Ok(Action::Drop),
            "interrupt-affinity" | "affinity" => self.filtered(name, value, 1, out),
            // A phandle and two limits each.
            "cooling-device" => self.filtered(name, value, 3, out),
            "interrupts" if node.has("interrupt-affinity") => {
                self.interrupts_of_kept(node, value, out)
            }
            _ => Ok(Action::Keep),
        }
    }

    /// Entries of some cells that start with a phandle, without those of dropped processors.
    fn filtered(
        &self,
        name: &'a str,
        value: &'a [u8],
        cells: u32,
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        if !self.facts.fewer_cpus {
            return Ok(Action::Keep);
        }
        out.begin_property(name)?;
        let mut entries = Cells(value);
        while let Some(entry) = entries.bytes(cells) {
            let phandle = Cells(entry).cell().unwrap_or(0);
            if !self.facts.is_dropped_cpu(phandle, self.edits) {
                out.put(entry)?;
            }
            if entries.is_empty() {
                break;
            }
        }
        out.end_property()?;
        Ok(Action::Drop)
    }

    /// The interrupts whose `interrupt-affinity` is a processor that stays.
    fn interrupts_of_kept(
        &self,
        node: &Node<'a>,
        value: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        let cells = node
            .interrupt_parent()
            .and_then(|parent| parent.cell("#interrupt-cells"));
        let Some(cells) = cells.filter(|&cells| cells > 0 && self.facts.fewer_cpus) else {
            return Ok(Action::Keep);
        };
        out.begin_property("interrupts")?;
        let mut interrupts = Cells(value);
        let mut affinity = node.cells("interrupt-affinity");
        while let Some(entry) = interrupts.bytes(cells) {
            if !affinity
                .cell()
                .is_some_and(|cpu| self.facts.is_dropped_cpu(cpu, self.edits))
            {
                out.put(entry)?;
            }
        }
        out.end_property()?;
        Ok(Action::Drop)
    }
}
