// SPDX-License-Identifier: Apache-2.0
//! RISC-V interrupt controllers (bindings sifive,plic-1.0.0, riscv,aplic,
//! riscv,imsics). Only what the supervisor may use is looked at.

use crate::MAX_REGIONS;
use crate::cpu::hw_id;
use crate::error::{Error, Problem};
use crate::memory::{Region, region};
use abi::MAX_CPUS;
use arrayvec::ArrayVec;
use devicetree::{Interrupt, Node};

/// A context that interrupts a hart's supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlicContext {
    pub hart: u64,
    pub context: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plic {
    pub region: Region,
    /// Highest source.
    pub sources: u32,
    pub contexts: ArrayVec<PlicContext, MAX_CPUS>,
    pub phandle: u32,
}

/// An interrupt domain of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aplic {
    pub region: Region,
    /// Highest source.
    pub sources: u32,
    /// Direct delivery: the hart of each interrupt delivery control, by its index.
    pub harts: ArrayVec<u64, MAX_CPUS>,
    pub phandle: u32,
}

/// Interrupt files of the supervisor (RISC-V AIA, 3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imsic {
    /// Register sets; harts in order are spread over them.
    pub regions: ArrayVec<Region, MAX_REGIONS>,
    /// The hart of each supervisor file, in order.
    pub harts: ArrayVec<u64, MAX_CPUS>,
    /// Highest interrupt identity.
    pub ids: u32,
    /// Highest interrupt identity of a guest's file.
    pub guest_ids: u32,
    /// log2 of the files a hart has room for: its own and the guests'.
    pub guest_index_bits: u32,
    pub hart_index_bits: u32,
    pub group_index_bits: u32,
    pub group_index_shift: u32,
    pub phandle: u32,
}

pub(crate) const PLIC: &[&str] = &["sifive,plic-1.0.0", "riscv,plic0", "thead,c900-plic"];
pub(crate) const APLIC: &str = "riscv,aplic";
pub(crate) const IMSIC: &str = "riscv,imsics";

/// Supervisor external interrupt, as the harts' own controllers count.
pub(crate) const SUPERVISOR_EXTERNAL: u32 = 9;
/// External interrupts of the supervisor and of the machine mode.
pub(crate) const EXTERNAL: [u32; 2] = [SUPERVISOR_EXTERNAL, 11];

/// The hart that an interrupt goes to, if it is its supervisor external one.
pub(crate) fn supervisor_hart(interrupt: &Interrupt<'_>) -> Option<u64> {
    (interrupt.cell(0)? == SUPERVISOR_EXTERNAL).then_some(())?;
    hw_id(&interrupt.controller.parent()?)
}

pub(crate) fn plic(node: &Node<'_>) -> Result<Plic, Error> {
    let error = |property, problem| Error::new(node.name(), property, problem);
    let mut contexts = ArrayVec::new();
    for (context, interrupt) in (0u32..).zip(node.interrupts()) {
        let Some(hart) = supervisor_hart(&interrupt) else {
            continue;
        };
        contexts
            .try_push(PlicContext { hart, context })
            .map_err(|_| error("interrupts-extended", Problem::TooMany))?;
    }
    if contexts.is_empty() {
        return Err(error("interrupts-extended", Problem::BadInterrupt));
    }
    Ok(Plic {
        region: region(node, 0)?,
        sources: sources(node, "riscv,ndev")?,
        contexts,
        phandle: node.phandle().unwrap_or(0),
    })
}

fn sources(node: &Node<'_>, property: &'static str) -> Result<u32, Error> {
    let error = |problem| Error::new(node.name(), property, problem);
    let sources = node.cell(property).ok_or(error(Problem::NoSuchProperty))?;
    match sources {
        1..=1023 => Ok(sources),
        _ => Err(error(Problem::BadValue)),
    }
}

/// The harts of all supervisor external interrupts, in order.
fn harts(node: &Node<'_>) -> Result<ArrayVec<u64, MAX_CPUS>, Error> {
    let mut harts = ArrayVec::new();
    for hart in node
        .interrupts()
        .filter_map(|interrupt| supervisor_hart(&interrupt))
    {
        harts
            .try_push(hart)
            .map_err(|_| Error::new(node.name(), "interrupts-extended", Problem::TooMany))?;
    }
    Ok(harts)
}

/// The IMSICs whose files interrupt supervisors.
fn is_supervisors(node: &Node<'_>) -> bool {
    node.interrupts()
        .any(|interrupt| supervisor_hart(&interrupt).is_some())
}

/// Whether an APLIC is the domain that the supervisor's lines end at.
pub(crate) fn is_supervisor_aplic(node: &Node<'_>) -> bool {
    match node.cell("msi-parent") {
        Some(parent) => node
            .tree()
            .by_phandle(parent)
            .is_some_and(|imsic| is_supervisors(&imsic)),
        None => is_supervisors(node),
    }
}

pub(crate) fn aplic(node: &Node<'_>) -> Result<(Aplic, Option<Imsic>), Error> {
    let aplic = Aplic {
        region: region(node, 0)?,
        sources: sources(node, "riscv,num-sources")?,
        harts: harts(node)?,
        phandle: node.phandle().unwrap_or(0),
    };
    let imsic = match node
        .cell("msi-parent")
        .and_then(|parent| node.tree().by_phandle(parent))
    {
        Some(node) => Some(imsic(&node)?),
        None => None,
    };
    Ok((aplic, imsic))
}

fn imsic(node: &Node<'_>) -> Result<Imsic, Error> {
    let error = |property, problem| Error::new(node.name(), property, problem);
    let mut regions = ArrayVec::new();
    for index in 0..node.reg().count() {
        regions
            .try_push(region(node, index)?)
            .map_err(|_| error("reg", Problem::TooMany))?;
    }
    if regions.is_empty() {
        return Err(error("reg", Problem::NoSuchProperty));
    }
    let harts = harts(node)?;
    let ids = node
        .cell("riscv,num-ids")
        .ok_or(error("riscv,num-ids", Problem::NoSuchProperty))?;
    // Enough bits for all harts, where the tree does not say.
    let needed = usize::BITS - harts.len().saturating_sub(1).leading_zeros();
    let bits = |property, default, limit| match node.cell(property).unwrap_or(default) {
        value if value <= limit => Ok(value),
        _ => Err(error(property, Problem::BadValue)),
    };
    Ok(Imsic {
        regions,
        ids,
        guest_ids: node.cell("riscv,num-guest-ids").unwrap_or(ids),
        guest_index_bits: bits("riscv,guest-index-bits", 0, 6)?,
        hart_index_bits: bits("riscv,hart-index-bits", needed, 16)?,
        group_index_bits: bits("riscv,group-index-bits", 0, 7)?,
        group_index_shift: bits("riscv,group-index-shift", 24, 55)?,
        harts,
        phandle: node.phandle().unwrap_or(0),
    })
}
