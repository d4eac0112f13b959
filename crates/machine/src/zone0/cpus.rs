// SPDX-License-Identifier: Apache-2.0
//! Processors and PSCI as zone0 sees them.

use super::{Derivation, InterruptFiles, Written};
use crate::cpu::single_letters;
use devicetree::{Action, Node, Strings, Writer};

impl<'a> Derivation<'_, 'a> {
    pub(super) fn cpu_property(
        &mut self,
        node: &Node<'a>,
        name: &'a str,
        value: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Written {
        match name {
            // How it is started is PSCI's matter, idling is hvisor's.
            "enable-method" | "cpu-release-addr" if self.facts.arm => Ok(Action::Drop),
            "cpu-idle-states" | "numa-node-id" => Ok(Action::Drop),
            "power-domains" if self.is_psci_domain(node) => Ok(Action::Drop),
            "power-domain-names" if self.is_psci_domain(node) => Ok(Action::Drop),
            "riscv,isa" => self.isa(value, out),
            "riscv,isa-extensions" => {
                out.begin_property(name)?;
                for extension in Strings(value).filter(|extension| self.has_extension(extension)) {
                    out.put(extension.as_bytes())?;
                    out.put(&[0])?;
                }
                out.end_property()?;
                Ok(Action::Drop)
            }
            _ => self.reference_property(node, name, value, out),
        }
    }

    /// Whether a processor's first power domain is a child of the PSCI node.
    fn is_psci_domain(&self, node: &Node<'a>) -> bool {
        node.cell("power-domains")
            .and_then(|phandle| node.tree().by_phandle(phandle))
            .is_some_and(|domain| self.facts.psci.is_some() && domain.parent() == self.facts.psci)
    }

    /// H, and extensions of it (their names begin with "sh"), are hvisor's.
    fn has_extension(&self, extension: &str) -> bool {
        let hidden = self.edits.interrupt_files == InterruptFiles::Hidden
            && matches!(extension, "ssaia" | "smaia");
        extension != "h"
            && !extension.starts_with("sh")
            // The entropy source traps in virtualisation mode.
            && !matches!(extension, "zkr" | "zk")
            && !hidden
            && !self.edits.without_extensions.contains(&extension)
    }

    fn isa(&self, value: &'a [u8], out: &mut Writer<'_, 'a>) -> Written {
        let Some(text) = Strings(value).next() else {
            return Ok(Action::Drop);
        };
        out.begin_property("riscv,isa")?;
        let mut parts = text.split('_');
        let first = parts.next().unwrap_or("");
        let (width, rest) = first.split_at_checked(4).unwrap_or((first, ""));
        let letters = single_letters(rest);
        out.put(width.as_bytes())?;
        for letter in letters.chars() {
            let mut buffer = [0; 4];
            let letter: &str = letter.encode_utf8(&mut buffer);
            if self.has_extension(letter) {
                out.put(letter.as_bytes())?;
            }
        }
        let glued = rest.get(letters.len()..).filter(|glued| !glued.is_empty());
        for extension in glued
            .into_iter()
            .chain(parts)
            .filter(|extension| self.has_extension(extension))
        {
            out.put(b"_")?;
            out.put(extension.as_bytes())?;
        }
        out.put(&[0])?;
        out.end_property()?;
        Ok(Action::Drop)
    }

    /// What stays of the firmware's PSCI node.
    pub(super) fn psci_property(&self, name: &str) -> Action {
        match name {
            "phandle" | "linux,phandle" => Action::Keep,
            _ => Action::Drop,
        }
    }

    pub(super) fn psci_contents(&self, out: &mut Writer<'_, 'a>) -> Result<(), devicetree::Error> {
        out.property("compatible", b"arm,psci-1.0\0arm,psci-0.2\0")?;
        out.property_text("method", "smc")
    }
}
