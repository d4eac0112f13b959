// SPDX-License-Identifier: Apache-2.0
//! The device tree that zone0 gets: the firmware's, without what zone0 does
//! not own and with what hvisor adds.

mod chosen;
mod controllers;
mod cpus;
mod facts;
mod node;

use crate::{Error, Region};
use devicetree::{Action, Edit, Node, Tree, Writer, edit};
use facts::Facts;

/// What zone0 sees of RISC-V's interrupt files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptFiles {
    /// What the firmware's tree says, which may be that there are none.
    Unchanged,
    /// The first guest file of each hart in the place of the supervisor's.
    Guests,
    /// None: the APLIC delivers directly, to the processors in `cpus`' order.
    Hidden,
}

/// What is changed.
#[derive(Clone, Copy, Debug)]
pub struct Zone0Edits<'e> {
    /// Hardware numbers of the processors that stay.
    pub cpus: &'e [u64],
    /// All memory that zone0 has.
    pub memory: &'e [Region],
    pub initrd: Option<Region>,
    pub command_line: &'e str,
    /// The page of [`abi::io::Mailbox`].
    pub mailbox: Region,
    /// The line that hvisor raises for the driver (GIC INTID, PLIC or APLIC source).
    pub line: u32,
    /// Devices with registers in these are left out.
    pub withheld: &'e [Region],
    /// RISC-V extensions that are left out beside H and what needs it.
    pub without_extensions: &'e [&'e str],
    pub interrupt_files: InterruptFiles,
}

/// Writes zone0's tree into `out` -> its bytes.
pub fn zone0_tree(tree: &[u8], edits: &Zone0Edits<'_>, out: &mut [u8]) -> Result<usize, Error> {
    let tree = Tree::new(tree)?;
    let facts = Facts::new(&tree, edits)?;
    let bundle = crate::memory::bundle(&tree)?;
    // Boot loaders reserve what they loaded; the bundle is not zone0's initrd.
    let reservations = tree.reservations().filter(|&(base, size)| {
        !bundle.is_some_and(|bundle| bundle.overlaps(Region { base, size }))
    });
    let writer = Writer::new(out, &tree, reservations)?;
    Ok(edit(&tree, &mut Derivation { edits, facts }, writer)?)
}

struct Derivation<'e, 'a> {
    edits: &'e Zone0Edits<'e>,
    facts: Facts<'a>,
}

type Written = Result<Action, devicetree::Error>;

impl<'a> Edit<'a> for Derivation<'_, 'a> {
    fn node(&mut self, node: &Node<'a>) -> Action {
        self.keep_node(node)
    }

    fn property(
        &mut self,
        node: &Node<'a>,
        name: &'a str,
        value: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        if self.facts.chosen == Some(*node) {
            return Ok(chosen::property(name));
        }
        if self.facts.psci == Some(*node) {
            return Ok(self.psci_property(name));
        }
        if self.facts.controller == *node || self.facts.imsic == Some(*node) {
            return self.controller_property(node, name, value, out);
        }
        if self.facts.cpus == node.parent() && crate::cpu::is_cpu(node) {
            return self.cpu_property(node, name, value, out);
        }
        self.reference_property(node, name, value, out)
    }

    fn after_properties(
        &mut self,
        node: &Node<'a>,
        out: &mut Writer<'_, 'a>,
    ) -> Result<(), devicetree::Error> {
        if self.facts.chosen == Some(*node) {
            self.chosen_contents(out)?;
        }
        if self.facts.psci == Some(*node) {
            self.psci_contents(out)?;
        }
        if self.facts.arm && self.facts.cpus == node.parent() && crate::cpu::is_cpu(node) {
            out.property_text("enable-method", "psci")?;
        }
        if self.facts.controller == *node && node.phandle().is_none() {
            out.property_cells("phandle", &[self.facts.controller_phandle])?;
        }
        if node.depth() == 0 {
            self.root_contents(out)?;
        }
        Ok(())
    }
}

impl<'a> Derivation<'_, 'a> {
    /// The nodes that are hvisor's own.
    fn root_contents(&self, out: &mut Writer<'_, 'a>) -> Result<(), devicetree::Error> {
        self.memory_node(out)?;
        self.hvisor_node(out)?;
        if self.facts.chosen.is_none() {
            out.begin_node("chosen")?;
            self.chosen_contents(out)?;
            out.end_node()?;
        }
        if self.facts.arm && self.facts.psci.is_none() {
            out.begin_node("psci")?;
            self.psci_contents(out)?;
            out.end_node()?;
        }
        Ok(())
    }
}
