// SPDX-License-Identifier: Apache-2.0
//! `/chosen`, memory, and the `hvisor` node.

use super::Derivation;
use crate::error::name_of;
use devicetree::{Action, Error, Writer};

/// What stays of the firmware's `/chosen`.
pub(super) fn property(name: &str) -> Action {
    let dropped = name == "bootargs"
        || name.starts_with("linux,initrd-")
        || name.starts_with("linux,uefi-")
        || matches!(name, "linux,usable-memory-range" | "linux,elfcorehdr");
    if dropped { Action::Drop } else { Action::Keep }
}

impl<'a> Derivation<'_, 'a> {
    pub(super) fn chosen_contents(&self, out: &mut Writer<'_, 'a>) -> Result<(), Error> {
        out.property_text("bootargs", self.edits.command_line)?;
        if let Some(initrd) = self.edits.initrd {
            out.property("linux,initrd-start", &initrd.base.to_be_bytes())?;
            out.property("linux,initrd-end", &initrd.end().to_be_bytes())?;
        }
        Ok(())
    }

    pub(super) fn memory_node(&self, out: &mut Writer<'_, 'a>) -> Result<(), Error> {
        let base = self
            .edits
            .memory
            .iter()
            .map(|piece| piece.base)
            .min()
            .unwrap_or(0);
        out.begin_node(&name_of("memory", base))?;
        out.property_text("device_type", "memory")?;
        out.begin_property("reg")?;
        for piece in self.edits.memory {
            out.put_number(piece.base, self.facts.root.address_cells())?;
            out.put_number(piece.size, self.facts.root.size_cells())?;
        }
        out.end_property()?;
        out.end_node()
    }

    /// Binds the driver: see [`abi::io::COMPATIBLE`].
    pub(super) fn hvisor_node(&self, out: &mut Writer<'_, 'a>) -> Result<(), Error> {
        let mailbox = self.edits.mailbox;
        out.begin_node(&name_of("hvisor", mailbox.base))?;
        out.property_text("compatible", abi::io::COMPATIBLE)?;
        out.begin_property("reg")?;
        out.put_number(mailbox.base, self.facts.root.address_cells())?;
        out.put_number(mailbox.size, self.facts.root.size_cells())?;
        out.end_property()?;
        out.property_cells("interrupt-parent", &[self.facts.controller_phandle])?;
        out.begin_property("interrupts")?;
        // Rising edge.
        let edge = 1;
        let cells = match self.facts.arm {
            true => [0, self.edits.line.saturating_sub(32), edge, 0],
            false => [self.edits.line, edge, 0, 0],
        };
        let count = usize::try_from(self.facts.controller_cells).unwrap_or(usize::MAX);
        for cell in cells.into_iter().take(count) {
            out.put_cell(cell)?;
        }
        out.end_property()?;
        out.end_node()
    }
}
