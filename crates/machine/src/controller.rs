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
    main(tree).map(|(_, controller)| controller)
}

/// The controller and its node.
pub(crate) fn main<'a>(tree: &Tree<'a>) -> Result<(Node<'a>, Controller), Error> {
    for node in tree
        .nodes()
        .filter(|node| node.has("interrupt-controller") && node.is_available())
    {
        if node.is_compatible(gic::V3) {
            return Ok((node, Controller::GicV3(gic::v3(&node)?)));
        }
        if node.is_compatible_with(gic::V2) {
            return Ok((node, Controller::GicV2(gic::v2(&node)?)));
        }
        if node.is_compatible_with(riscv::PLIC) {
            return Ok((node, Controller::Plic(riscv::plic(&node)?)));
        }
        if node.is_compatible(riscv::APLIC) && riscv::is_supervisor_aplic(&node) {
            return Ok((
                node,
                match riscv::aplic(&node)? {
                    (aplic, Some(imsic)) => Controller::AplicImsic(aplic, imsic),
                    (aplic, None) => Controller::Aplic(aplic),
                },
            ));
        }
    }
    Err(Error::new(
        "interrupt-controller",
        "compatible",
        Problem::NoSuchNode,
    ))
}
