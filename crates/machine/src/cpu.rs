// SPDX-License-Identifier: Apache-2.0
//! Processors: the children of `/cpus` (3.8).

use crate::error::{Error, Problem};
use abi::MAX_CPUS;
use arrayvec::ArrayVec;
use bitflags::bitflags;
use devicetree::{Node, Tree};

/// How a processor is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enable {
    /// It runs already, or the tree does not say.
    None,
    Psci,
    /// Polls this physical address for an entry point.
    SpinTable(u64),
    /// SBI's hart state management.
    Sbi,
}

bitflags! {
    /// RISC-V extensions that hvisor asks about.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Isa: u32 {
        const H = 1 << 0;
        const SSTC = 1 << 1;
        const SVPBMT = 1 << 2;
        const SVADU = 1 << 3;
        const SVADE = 1 << 4;
        const SMSTATEEN = 1 << 5;
        const SSAIA = 1 << 6;
        const SVINVAL = 1 << 7;
        const V = 1 << 8;
    }
}

const EXTENSIONS: &[(&str, Isa)] = &[
    ("h", Isa::H),
    ("sstc", Isa::SSTC),
    ("svpbmt", Isa::SVPBMT),
    ("svadu", Isa::SVADU),
    ("svade", Isa::SVADE),
    ("smstateen", Isa::SMSTATEEN),
    ("ssaia", Isa::SSAIA),
    ("svinval", Isa::SVINVAL),
    ("v", Isa::V),
];

/// RISC-V: the largest stage-1 table that the tree says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mmu {
    Unknown,
    Sv39,
    Sv48,
    Sv57,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// MPIDR affinity (Aff3 in bits 39:32), or hart number.
    pub hw_id: u64,
    pub enable: Enable,
    pub isa: Isa,
    pub mmu: Mmu,
    /// Bytes of a block of cbo.zero/cbo.clean; 0 if the tree does not say.
    pub cbo_block: u32,
}

/// Whether a child of `/cpus` is a processor.
pub(crate) fn is_cpu(node: &Node<'_>) -> bool {
    node.text("device_type") == Some("cpu") || node.base_name() == "cpu"
}

/// A processor's number.
pub(crate) fn hw_id(node: &Node<'_>) -> Option<u64> {
    Some(node.reg().next()?.address)
}

pub(crate) fn cpus(tree: &Tree<'_>, out: &mut ArrayVec<Cpu, MAX_CPUS>) -> Result<(), Error> {
    let parent = tree
        .find("/cpus")
        .ok_or(Error::new("/cpus", "", Problem::NoSuchNode))?;
    for node in parent
        .children()
        .filter(|node| is_cpu(node) && node.is_okay())
    {
        let error = |property, problem| Error::new(node.name(), property, problem);
        let hw_id = hw_id(&node).ok_or(error("reg", Problem::BadValue))?;
        if out.iter().any(|cpu| cpu.hw_id == hw_id) {
            return Err(error("reg", Problem::BadValue));
        }
        let cpu = Cpu {
            hw_id,
            enable: enable(&node, &parent)?,
            isa: isa(&node),
            mmu: match node.text("mmu-type") {
                Some("riscv,sv39") => Mmu::Sv39,
                Some("riscv,sv48") => Mmu::Sv48,
                Some("riscv,sv57") => Mmu::Sv57,
                _ => Mmu::Unknown,
            },
            cbo_block: node.cell("riscv,cbom-block-size").unwrap_or(0),
        };
        out.try_push(cpu)
            .map_err(|_| error("reg", Problem::TooMany))?;
    }
    if out.is_empty() {
        return Err(Error::new("/cpus", "", Problem::NoSuchNode));
    }
    Ok(())
}

fn enable(node: &Node<'_>, parent: &Node<'_>) -> Result<Enable, Error> {
    if node.is_compatible("riscv") || node.has("riscv,isa") || node.has("riscv,isa-base") {
        return Ok(Enable::Sbi);
    }
    match node
        .text("enable-method")
        .or_else(|| parent.text("enable-method"))
    {
        Some("psci") => Ok(Enable::Psci),
        Some("spin-table") => node
            .number("cpu-release-addr")
            .map(Enable::SpinTable)
            .ok_or(Error::new(
                node.name(),
                "cpu-release-addr",
                Problem::BadValue,
            )),
        _ => Ok(Enable::None),
    }
}

/// `riscv,isa-extensions`, or the older `riscv,isa` string.
fn isa(node: &Node<'_>) -> Isa {
    let known = |name: &str| {
        EXTENSIONS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Isa::empty(), |(_, flag)| *flag)
    };
    if node.has("riscv,isa-extensions") {
        return node.strings("riscv,isa-extensions").map(known).collect();
    }
    let text = node.text("riscv,isa").unwrap_or("");
    let mut parts = text.split('_');
    let mut flags = Isa::empty();
    // rv64 and single letters; multi-letter ones may follow the letters directly.
    let base = parts
        .next()
        .unwrap_or("")
        .trim_start_matches("rv64")
        .trim_start_matches("rv32");
    for letter in single_letters(base).chars() {
        flags |= known(letter.encode_utf8(&mut [0; 4]));
    }
    flags | parts.map(known).collect()
}

/// The single-letter extensions at the front of an ISA string's first part.
pub(crate) fn single_letters(base: &str) -> &str {
    let end = base.find(['s', 'x', 'z']).unwrap_or(base.len());
    base.get(..end).unwrap_or(base)
}
