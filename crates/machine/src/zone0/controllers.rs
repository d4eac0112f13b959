// SPDX-License-Identifier: Apache-2.0
//! Interrupt controllers as zone0 sees them.

use super::{Derivation, InterruptFiles, Written};
use crate::riscv::{EXTERNAL, SUPERVISOR_EXTERNAL};
use devicetree::{Action, Cells, Node, Writer};

/// A context that no hart takes (as in SiFive's trees).
const NO_INTERRUPT: u32 = 0xffff_ffff;

impl<'a> Derivation<'_, 'a> {
    pub(super) fn controller_property(
        &mut self,
        node: &Node<'a>,
        name: &'a str,
        value: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        let files = self.edits.interrupt_files;
        let is_imsic = self.facts.imsic == Some(*node);
        match name {
            "reg" if is_imsic && files == InterruptFiles::Guests => {
                self.guest_files(node, name, value, out)
            }
            "msi-parent" if files == InterruptFiles::Hidden => self.direct_delivery(out),
            // What a hypervisor needs of a GIC: GICH, GICV, maintenance interrupt.
            "reg" if self.facts.arm => {
                let entry = self.facts.controller.parent().map_or(0, |bus| {
                    bus.address_cells().saturating_add(bus.size_cells())
                });
                out.begin_property(name)?;
                let mut entries = Cells(value);
                for _ in 0..self.facts.gic_regions {
                    out.put(entries.bytes(entry).unwrap_or_default())?;
                }
                out.end_property()?;
                Ok(Action::Drop)
            }
            "interrupts" | "interrupts-extended" if self.facts.arm => Ok(Action::Drop),
            // Message-based SPIs are not modelled.
            "msi-controller" | "#msi-cells" | "mbi-ranges" | "mbi-alias" if self.facts.arm => {
                Ok(Action::Drop)
            }
            // A domain above, which is the machine mode's.
            "riscv,children" | "riscv,delegation" | "riscv,delegate" => Ok(Action::Drop),
            "interrupts-extended" => self.contexts(node, value, out),
            _ => self.reference_property(node, name, value, out),
        }
    }

    /// Each register set begins a page later, at the first hart's guest file.
    fn guest_files(
        &self,
        node: &Node<'a>,
        name: &'a str,
        value: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        const PAGE: u64 = 4096;
        let bus = node
            .parent()
            .map(|bus| (bus.address_cells(), bus.size_cells()));
        let Some((address_cells, size_cells)) = bus else {
            return Ok(Action::Keep);
        };
        out.begin_property(name)?;
        let mut cells = Cells(value);
        while let (Some(address), Some(size)) =
            (cells.number(address_cells), cells.number(size_cells))
        {
            out.put_number(address.saturating_add(PAGE), address_cells)?;
            out.put_number(size.saturating_sub(PAGE), size_cells)?;
        }
        out.end_property()?;
        Ok(Action::Drop)
    }

    /// A delivery control for each processor.
    fn direct_delivery(&self, out: &mut Writer<'_, 'a>) -> Written {
        out.begin_property("interrupts-extended")?;
        for &hart in self.edits.cpus {
            let cpus = self.facts.cpus.iter().flat_map(Node::children);
            let phandle = cpus
                .filter(|cpu| crate::cpu::hw_id(cpu) == Some(hart))
                .find_map(|cpu| cpu.child("interrupt-controller")?.phandle());
            out.put_cell(phandle.unwrap_or(self.facts.kept_intc))?;
            out.put_cell(SUPERVISOR_EXTERNAL)?;
        }
        out.end_property()?;
        Ok(Action::Drop)
    }

    /// A context's number is its place in the list, so all places stay; those
    /// of harts that are gone lead nowhere.
    fn contexts(&self, node: &Node<'a>, value: &'a [u8], out: &mut Writer<'_, 'a>) -> Written {
        out.begin_property("interrupts-extended")?;
        let mut cells = Cells(value);
        while let (Some(phandle), Some(interrupt)) = (cells.cell(), cells.cell()) {
            let hart = node
                .tree()
                .by_phandle(phandle)
                .and_then(|intc| crate::cpu::hw_id(&intc.parent()?));
            let kept = hart.is_some_and(|hart| self.edits.cpus.contains(&hart));
            match kept && EXTERNAL.contains(&interrupt) {
                true => {
                    out.put_cell(phandle)?;
                    out.put_cell(interrupt)?;
                }
                false => {
                    out.put_cell(self.facts.kept_intc)?;
                    out.put_cell(NO_INTERRUPT)?;
                }
            }
        }
        out.end_property()?;
        Ok(Action::Drop)
    }
}
