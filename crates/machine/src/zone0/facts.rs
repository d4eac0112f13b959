// SPDX-License-Identifier: Apache-2.0
//! What must be known of the firmware's tree before it is copied.

use super::Zone0Edits;
use crate::controller::main;
use crate::error::{Error, Problem};
use crate::{Controller, cpu, firmware};
use devicetree::{Node, Tree};

pub(super) struct Facts<'a> {
    pub root: Node<'a>,
    pub cpus: Option<Node<'a>>,
    pub chosen: Option<Node<'a>>,
    pub psci: Option<Node<'a>>,
    /// The interrupt controller's node.
    pub controller: Node<'a>,
    pub controller_phandle: u32,
    /// What an APLIC sends messages to.
    pub imsic: Option<Node<'a>>,
    pub controller_cells: u32,
    pub arm: bool,
    /// GIC: entries of `reg` that stay.
    pub gic_regions: usize,
    /// RISC-V: a hart-local interrupt controller that stays.
    pub kept_intc: u32,
    /// Some processor goes.
    pub fewer_cpus: bool,
}

impl<'a> Facts<'a> {
    pub fn new(tree: &Tree<'a>, edits: &Zone0Edits<'_>) -> Result<Self, Error> {
        let (controller, model) = main(tree)?;
        let missing = |property| Error::new(controller.name(), property, Problem::NoSuchProperty);
        // 0 and all ones are no phandles.
        let unused = tree
            .nodes()
            .filter_map(|node| node.phandle())
            .max()
            .unwrap_or(0);
        let unused = unused.checked_add(1).filter(|&phandle| phandle != u32::MAX);
        let unused = unused.ok_or(Error::new(controller.name(), "phandle", Problem::BadValue))?;
        let cpus = tree.find("/cpus");
        let kept = |node: &Node<'a>| cpu::hw_id(node).is_some_and(|id| edits.cpus.contains(&id));
        let all = || cpus.iter().flat_map(Node::children).filter(cpu::is_cpu);
        if edits.cpus.is_empty() || all().filter(kept).count() != edits.cpus.len() {
            return Err(Error::Edits(
                "a processor that is not in the firmware's tree",
            ));
        }
        if edits.memory.is_empty() || edits.memory.iter().any(|piece| piece.size == 0) {
            return Err(Error::Edits("no memory"));
        }
        let kept_intc = all()
            .filter(kept)
            .find_map(|cpu| cpu.child("interrupt-controller")?.phandle())
            .unwrap_or(0);
        let arm = matches!(model, Controller::GicV2(_) | Controller::GicV3(_));
        Ok(Self {
            root: tree.root(),
            cpus,
            chosen: tree.find("/chosen"),
            psci: firmware::node(tree),
            imsic: controller
                .cell("msi-parent")
                .and_then(|parent| tree.by_phandle(parent))
                .filter(|_| !arm),
            controller,
            controller_phandle: controller.phandle().unwrap_or(unused),
            controller_cells: controller
                .cell("#interrupt-cells")
                .ok_or(missing("#interrupt-cells"))?,
            arm,
            gic_regions: match &model {
                Controller::GicV3(gic) => gic.redistributors.len().saturating_add(1),
                _ => 2,
            },
            kept_intc,
            fewer_cpus: !all().all(|node| kept(&node)),
        })
    }

    /// Whether `phandle` is a processor that goes.
    pub fn is_dropped_cpu(&self, phandle: u32, edits: &Zone0Edits<'_>) -> bool {
        let cpus = self
            .cpus
            .iter()
            .flat_map(Node::children)
            .filter(cpu::is_cpu);
        self.fewer_cpus
            && cpus
                .filter(|node| node.phandle() == Some(phandle))
                .any(|node| !cpu::hw_id(&node).is_some_and(|id| edits.cpus.contains(&id)))
    }
}
