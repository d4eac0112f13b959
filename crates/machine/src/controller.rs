// SPDX-License-Identifier: Apache-2.0
//! The interrupt controller that devices' lines end at.

use crate::error::{Error, Problem};
use crate::{Aplic, GicV2, GicV3, Imsic, Plic, gic, riscv};
use devicetree::{Node, Tree};

#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one, and no heap")]
pub enum Controller {
    GicV2(GicV2),
    GicV3(GicV3),
    Plic(Plic),
    /// The supervisor's domain, direct delivery.
    Aplic(Aplic),
    /// The supervisor's domain, delivery by messages.
    AplicImsic(Aplic, Imsic),
}

pub(crate) fn controller_of(tree: &Tree<'_>) -> Result<Controller, Error> {
    for node in tree.nodes().filter(|node| node.has("interrupt-controller") && node.has("compatible")) {
        if node.is_compatible(gic::V3) && node.is_available() {
            return Ok(Controller::GicV3(gic::v3(&node)?));
        }
        if node.is_compatible_with(gic::V2) && node.is_available() {
            return Ok(Controller::GicV2(gic::v2(&node)?));
        }
        if node.is_compatible_with(riscv::PLIC) && node.is_available() {
            return Ok(Controller::Plic(riscv::plic(&node)?));
        }
    }
    match riscv::aplic(tree)? {
        Some((aplic, Some(imsic))) => Ok(Controller::AplicImsic(aplic, imsic)),
        Some((aplic, None)) => Ok(Controller::Aplic(aplic)),
        None => Err(Error::new("interrupt-controller", "compatible", Problem::NoSuchNode)),
    }
}

impl Controller {
    pub fn phandle(&self) -> u32 {
        match self {
            Self::GicV2(gic) => gic.phandle,
            Self::GicV3(gic) => gic.phandle,
            Self::Plic(plic) => plic.phandle,
            Self::Aplic(aplic) | Self::AplicImsic(aplic, _) => aplic.phandle,
        }
    }
}

pub(crate) fn is_main(controller: &Controller, node: &Node<'_>) -> bool {
    node.phandle() == Some(controller.phandle())
}

/// The controller's node.
pub(crate) fn main_node<'a>(tree: &Tree<'a>, controller: &Controller) -> Option<Node<'a>> {
    tree.by_phandle(controller.phandle())
}
