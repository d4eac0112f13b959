// SPDX-License-Identifier: Apache-2.0
//! The interrupt lines that a device tree names.

use crate::Controller;
use crate::Error;
use crate::controller::{controller_of, main};
use crate::gic::{self, intid};
use devicetree::{Cells, Interrupt, Node, Tree};

const WORDS: usize = 16;

/// A set of interrupt numbers below 1024, as the controller counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines([u64; WORDS]);

impl Lines {
    fn place(line: u32) -> Option<(usize, u64)> {
        let word = usize::try_from(line / 64)
            .ok()
            .filter(|&word| word < WORDS)?;
        Some((word, 1 << (line % 64)))
    }

    /// Lines of 1024 and above are not kept.
    fn insert(&mut self, line: u32) {
        if let Some((word, bit)) = Self::place(line)
            && let Some(word) = self.0.get_mut(word)
        {
            *word |= bit;
        }
    }

    pub fn contains(&self, line: u32) -> bool {
        Self::place(line)
            .is_some_and(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..1024).filter(|&line| self.contains(line))
    }
}

/// The line of the main controller that an interrupt's specifier names.
pub(crate) fn line(controller: &Controller, interrupt: &Interrupt<'_>) -> Option<u32> {
    match controller {
        Controller::GicV2(_) | Controller::GicV3(_) => intid(interrupt),
        Controller::Plic(_) | Controller::Aplic(_) | Controller::AplicImsic(..) => {
            interrupt.cell(0)
        }
    }
}

/// All lines that any node, usable or not, names: by `interrupts`, by an
/// `interrupt-map`, or as a range for message-signalled interrupts.
pub fn named_lines(tree: &[u8]) -> Result<Lines, Error> {
    let tree = Tree::new(tree)?;
    let main = main(&tree)?;
    let (main_node, controller) = &main;
    let mut lines = Lines::default();
    for node in tree.nodes() {
        for interrupt in node
            .interrupts()
            .filter(|interrupt| interrupt.controller == *main_node)
        {
            lines.extend(line(controller, &interrupt));
        }
        mapped(&node, &main, &mut lines);
        if node.is_compatible(gic::V2M) {
            let base = node.cell("arm,msi-base-spi").unwrap_or(0);
            for offset in 0..node.cell("arm,msi-num-spis").unwrap_or(0).min(1024) {
                lines.extend(base.checked_add(offset));
            }
        }
    }
    Ok(lines)
}

impl Lines {
    fn extend(&mut self, line: Option<u32>) {
        if let Some(line) = line {
            self.insert(line);
        }
    }
}

/// The entries of an `interrupt-map` (2.4.3).
fn mapped(node: &Node<'_>, (main, controller): &(Node<'_>, Controller), lines: &mut Lines) {
    let mut map = node.cells("interrupt-map");
    let child = node
        .address_cells()
        .saturating_add(node.cell("#interrupt-cells").unwrap_or(1));
    let mut known: Option<(u32, Node<'_>)> = None;
    while !map.is_empty() {
        let (Some(_), Some(phandle)) = (map.bytes(child), map.cell()) else {
            return;
        };
        let parent = match known {
            Some((same, parent)) if same == phandle => parent,
            _ => match node.tree().by_phandle(phandle) {
                Some(parent) => parent,
                None => return,
            },
        };
        known = Some((phandle, parent));
        // Unlike elsewhere, no #address-cells means none (Linux does so too).
        let address = parent.cell("#address-cells").unwrap_or(0);
        let cells = parent.cell("#interrupt-cells").unwrap_or(0);
        let (Some(_), Some(specifier)) = (map.bytes(address), map.bytes(cells)) else {
            return;
        };
        if parent == *main {
            let interrupt = Interrupt {
                controller: parent,
                specifier: Cells(specifier),
            };
            lines.extend(line(controller, &interrupt));
        }
    }
}

/// The highest line that nothing in the tree names; `limit` is the number of
/// interrupts that the controller itself says it has.
pub fn free_line(tree: &[u8], limit: u32) -> Result<Option<u32>, Error> {
    let lines = named_lines(tree)?;
    let (lowest, end) = match controller_of(&Tree::new(tree)?)? {
        Controller::GicV2(_) | Controller::GicV3(_) => (32, 1020),
        Controller::Plic(plic) => (1, plic.sources.saturating_add(1)),
        Controller::Aplic(aplic) | Controller::AplicImsic(aplic, _) => {
            (1, aplic.sources.saturating_add(1))
        }
    };
    Ok((lowest..limit.min(end))
        .rev()
        .find(|&line| !lines.contains(line)))
}
