// SPDX-License-Identifier: Apache-2.0
//! Interrupts of a node (2.4): `interrupts-extended`, or `interrupts` and the
//! interrupt parent.

use crate::{Cells, Node};

/// Steps from a node to its interrupt parent; more are a loop.
const MAX_STEPS: usize = 32;

/// One interrupt: the controller (or nexus) it goes to and its specifier there.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt<'a> {
    pub controller: Node<'a>,
    pub specifier: Cells<'a>,
}

impl<'a> Interrupt<'a> {
    /// Cell `index` of the specifier.
    pub fn cell(&self, index: usize) -> Option<u32> {
        let mut cells = self.specifier;
        cells.nth(index)
    }
}

/// See [`Node::interrupts`].
#[derive(Clone, Debug)]
pub struct Interrupts<'a> {
    node: Node<'a>,
    value: Cells<'a>,
    /// `interrupts`: the one controller of all; `interrupts-extended`: the last one.
    controller: Option<(u32, Node<'a>)>,
    extended: bool,
}

impl<'a> Node<'a> {
    /// The controller or nexus that this node's `interrupts` go to.
    pub fn interrupt_parent(&self) -> Option<Node<'a>> {
        let mut node = *self;
        for _ in 0..MAX_STEPS {
            node = match node.cell("interrupt-parent") {
                Some(phandle) => self.tree().by_phandle(phandle)?,
                None => node.parent()?,
            };
            if node.has("#interrupt-cells") {
                return Some(node);
            }
        }
        None
    }

    /// Its interrupts. Ends early at one whose controller is not found or
    /// that is cut off.
    pub fn interrupts(&self) -> Interrupts<'a> {
        if let Some(value) = self.property("interrupts-extended") {
            return Interrupts {
                node: *self,
                value: Cells(value),
                controller: None,
                extended: true,
            };
        }
        let value = self.cells("interrupts");
        let controller = if value.is_empty() {
            None
        } else {
            self.interrupt_parent()
        };
        Interrupts {
            node: *self,
            value,
            controller: controller.map(|node| (0, node)),
            extended: false,
        }
    }

    /// The interrupt that `interrupt-names` calls `name`.
    pub fn named_interrupt(&self, name: &str) -> Option<Interrupt<'a>> {
        self.interrupts().nth(
            self.strings("interrupt-names")
                .position(|found| found == name)?,
        )
    }
}

impl<'a> Iterator for Interrupts<'a> {
    type Item = Interrupt<'a>;

    fn next(&mut self) -> Option<Interrupt<'a>> {
        if self.value.is_empty() {
            return None;
        }
        if self.extended {
            let phandle = self.value.cell()?;
            if self.controller.is_none_or(|(known, _)| known != phandle) {
                self.controller = Some((phandle, self.node.tree().by_phandle(phandle)?));
            }
        }
        let (_, controller) = self.controller?;
        let specifier = self.value.bytes(controller.cell("#interrupt-cells")?)?;
        Some(Interrupt {
            controller,
            specifier: Cells(specifier),
        })
    }
}
