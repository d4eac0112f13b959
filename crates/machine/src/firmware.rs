// SPDX-License-Identifier: Apache-2.0
//! PSCI (Arm DEN 0022), as the tree describes it.

use crate::error::{Error, Problem};
use devicetree::{Node, Tree};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    Smc,
    Hvc,
}

/// How PSCI is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Psci {
    pub conduit: Conduit,
    /// 0.2 and later: function numbers are fixed and the version can be asked.
    pub standard: bool,
    pub cpu_on: u32,
    pub cpu_off: u32,
    pub system_off: Option<u32>,
    pub system_reset: Option<u32>,
}

pub(crate) const STANDARD: &[&str] = &["arm,psci-1.0", "arm,psci-0.2"];
pub(crate) const OLD: &str = "arm,psci";

/// The node that describes it.
pub(crate) fn node<'a>(tree: &Tree<'a>) -> Option<Node<'a>> {
    let firmware = tree.find("/firmware");
    let candidates = tree
        .root()
        .children()
        .chain(firmware.iter().flat_map(Node::children));
    candidates
        .filter(Node::is_okay)
        .find(|node| node.is_compatible_with(STANDARD) || node.is_compatible(OLD))
}

pub(crate) fn psci(tree: &Tree<'_>) -> Result<Option<Psci>, Error> {
    let Some(node) = node(tree) else {
        return Ok(None);
    };
    let error = |property, problem| Err(Error::new(node.name(), property, problem));
    let conduit = match node.text("method") {
        Some("smc") => Conduit::Smc,
        Some("hvc") => Conduit::Hvc,
        Some(_) => return error("method", Problem::BadValue),
        None => return error("method", Problem::NoSuchProperty),
    };
    if node.is_compatible_with(STANDARD) {
        return Ok(Some(Psci {
            conduit,
            standard: true,
            cpu_on: 0xc400_0003,
            cpu_off: 0x8400_0002,
            system_off: Some(0x8400_0008),
            system_reset: Some(0x8400_0009),
        }));
    }
    let (Some(cpu_on), Some(cpu_off)) = (node.cell("cpu_on"), node.cell("cpu_off")) else {
        return error("cpu_on", Problem::NoSuchProperty);
    };
    Ok(Some(Psci {
        conduit,
        standard: false,
        cpu_on,
        cpu_off,
        system_off: None,
        system_reset: None,
    }))
}
