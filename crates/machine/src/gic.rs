// SPDX-License-Identifier: Apache-2.0
//! Arm Generic Interrupt Controllers (bindings arm,gic and arm,gic-v3).

use crate::MAX_REGIONS;
use crate::error::{Error, Problem};
use crate::memory::{Region, region};
use arrayvec::ArrayVec;
use devicetree::{Interrupt, Node};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GicV2 {
    /// GICD, GICC, GICH, GICV.
    pub distributor: Region,
    pub cpu: Region,
    pub hypervisor: Region,
    pub virtual_cpu: Region,
    /// INTID of the maintenance interrupt.
    pub maintenance: u32,
    pub phandle: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Its {
    pub region: Region,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GicV3 {
    pub distributor: Region,
    pub redistributors: ArrayVec<Region, MAX_REGIONS>,
    /// Bytes from one redistributor to the next; `None`: 128 KiB, or 256 KiB
    /// where GICR_TYPER.VLPIS says so.
    pub stride: Option<u64>,
    /// INTID of the maintenance interrupt.
    pub maintenance: u32,
    pub its: ArrayVec<Its, MAX_REGIONS>,
    pub phandle: u32,
}

pub(crate) const V2: &[&str] = &["arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic"];
pub(crate) const V3: &str = "arm,gic-v3";
pub(crate) const V2M: &str = "arm,gic-v2m-frame";
pub(crate) const ITS: &str = "arm,gic-v3-its";

const PPI: u32 = 1;

/// The INTID that a specifier of a GIC names.
pub(crate) fn intid(interrupt: &Interrupt<'_>) -> Option<u32> {
    let number = interrupt.cell(1)?;
    match interrupt.cell(0)? {
        0 if number < 988 => Some(number + 32),
        PPI if number < 16 => Some(number + 16),
        // Extended SPIs and PPIs.
        2 if number < 1024 => Some(number + 4096),
        3 if number < 64 => Some(number + 1056),
        _ => None,
    }
}

fn maintenance(node: &Node<'_>) -> Result<u32, Error> {
    let missing = match node.has("interrupts") || node.has("interrupts-extended") {
        true => Problem::BadInterrupt,
        false => Problem::NoSuchProperty,
    };
    node.interrupts()
        .next()
        .and_then(|interrupt| intid(&interrupt))
        .filter(|line| (16..32).contains(line))
        .ok_or(Error::new(node.name(), "interrupts", missing))
}

pub(crate) fn v2(node: &Node<'_>) -> Result<GicV2, Error> {
    Ok(GicV2 {
        distributor: region(node, 0)?,
        cpu: region(node, 1)?,
        hypervisor: region(node, 2)?,
        virtual_cpu: region(node, 3)?,
        maintenance: maintenance(node)?,
        phandle: node.phandle().unwrap_or(0),
    })
}

pub(crate) fn v3(node: &Node<'_>) -> Result<GicV3, Error> {
    let count = node.cell("#redistributor-regions").unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut redistributors = ArrayVec::new();
    for index in 0..count {
        let too_many = Error::new(node.name(), "#redistributor-regions", Problem::TooMany);
        redistributors
            .try_push(region(node, index.saturating_add(1))?)
            .map_err(|_| too_many)?;
    }
    if redistributors.is_empty() {
        return Err(Error::new(
            node.name(),
            "#redistributor-regions",
            Problem::BadValue,
        ));
    }
    let mut its = ArrayVec::new();
    for child in node
        .children()
        .filter(|child| child.is_compatible(ITS) && child.is_okay())
    {
        let too_many = Error::new(child.name(), "reg", Problem::TooMany);
        its.try_push(Its {
            region: region(&child, 0)?,
        })
        .map_err(|_| too_many)?;
    }
    Ok(GicV3 {
        distributor: region(node, 0)?,
        redistributors,
        stride: node
            .number("redistributor-stride")
            .filter(|&stride| stride != 0),
        maintenance: maintenance(node)?,
        its,
        phandle: node.phandle().unwrap_or(0),
    })
}
