// SPDX-License-Identifier: Apache-2.0
//! Memory, what the firmware reserved of it, and the bundle.

use crate::error::{Error, Problem};
use crate::{MAX_MEMORY, MAX_RESERVED};
use arrayvec::ArrayVec;
use devicetree::{Node, Tree};

/// A range of physical addresses, in bytes; never wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    pub base: u64,
    pub size: u64,
}

impl Region {
    pub const fn end(self) -> u64 {
        self.base.saturating_add(self.size)
    }

    pub const fn contains(self, address: u64) -> bool {
        address >= self.base && address - self.base < self.size
    }

    pub const fn overlaps(self, other: Self) -> bool {
        self.base < other.end() && other.base < self.end()
    }
}

/// Memory that is not hvisor's to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    pub region: Region,
    /// May not be mapped by an operating system (`no-map`).
    pub no_map: bool,
}

/// The node's region `index` as the processors see it.
pub(crate) fn region(node: &Node<'_>, index: usize) -> Result<Region, Error> {
    let problem = |problem| Error::new(node.name(), "reg", problem);
    let raw = node.reg().nth(index).ok_or(problem(match node.has("reg") {
        true => Problem::BadValue,
        false => Problem::NoSuchProperty,
    }))?;
    let seen = node
        .translate(raw)
        .ok_or(problem(Problem::NotTranslatable))?;
    Ok(Region {
        base: seen.address,
        size: seen.size,
    })
}

/// Banks in ascending order; empty ones are left out.
pub(crate) fn banks(tree: &Tree<'_>, out: &mut ArrayVec<Region, MAX_MEMORY>) -> Result<(), Error> {
    for node in tree
        .root()
        .children()
        .filter(|node| node.text("device_type") == Some("memory"))
    {
        if !node.is_okay() {
            continue;
        }
        for raw in node.reg().filter(|raw| raw.size != 0) {
            let error = |problem| Error::new(node.name(), "reg", problem);
            raw.address
                .checked_add(raw.size)
                .ok_or(error(Problem::BadValue))?;
            let bank = Region {
                base: raw.address,
                size: raw.size,
            };
            out.try_push(bank).map_err(|_| error(Problem::TooMany))?;
        }
    }
    out.sort_unstable();
    if out
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.overlaps(*b)))
    {
        return Err(Error::new("memory", "reg", Problem::BadValue));
    }
    Ok(())
}

/// The reservation block and the children of `/reserved-memory` that have an
/// address. Those with a size alone are for an operating system to place.
pub(crate) fn reserved(
    tree: &Tree<'_>,
    out: &mut ArrayVec<Reserved, MAX_RESERVED>,
) -> Result<(), Error> {
    let too_many = |node: &str| Error::new(node, "reg", Problem::TooMany);
    for (base, size) in tree.reservations().filter(|&(_, size)| size != 0) {
        let region = Region { base, size };
        out.try_push(Reserved {
            region,
            no_map: false,
        })
        .map_err(|_| too_many("/memreserve/"))?;
    }
    let Some(parent) = tree.find("/reserved-memory") else {
        return Ok(());
    };
    for node in parent.children().filter(Node::is_okay) {
        for raw in node.reg().filter(|raw| raw.size != 0) {
            let region = Region {
                base: raw.address,
                size: raw.size,
            };
            out.try_push(Reserved {
                region,
                no_map: node.has("no-map"),
            })
            .map_err(|_| too_many(node.name()))?;
        }
    }
    Ok(())
}

/// What the boot loader loaded as an initrd.
pub(crate) fn bundle(tree: &Tree<'_>) -> Result<Option<Region>, Error> {
    let Some(chosen) = tree.find("/chosen") else {
        return Ok(None);
    };
    if !chosen.has("linux,initrd-start") {
        return Ok(None);
    }
    let error = |property| Error::new("chosen", property, Problem::BadValue);
    let base = chosen
        .number("linux,initrd-start")
        .ok_or(error("linux,initrd-start"))?;
    let end = chosen
        .number("linux,initrd-end")
        .ok_or(error("linux,initrd-end"))?;
    match end.checked_sub(base) {
        None => Err(error("linux,initrd-end")),
        Some(0) => Ok(None),
        Some(size) => Ok(Some(Region { base, size })),
    }
}
