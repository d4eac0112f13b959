// SPDX-License-Identifier: Apache-2.0
//! `reg` (2.3.6) and its translation through `ranges` (2.3.8).

use crate::{Cells, Node};

/// A range of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    pub address: u64,
    pub size: u64,
}

/// See [`Node::reg`].
#[derive(Clone, Debug)]
pub struct Regs<'a> {
    value: Cells<'a>,
    address_cells: u32,
    size_cells: u32,
}

impl Iterator for Regs<'_> {
    type Item = Region;

    fn next(&mut self) -> Option<Region> {
        if self.value.is_empty() || self.address_cells == 0 {
            return None;
        }
        let address = self.value.number(self.address_cells)?;
        let size = self.value.number(self.size_cells)?;
        Some(Region { address, size })
    }
}

impl<'a> Node<'a> {
    /// The entries of its `reg`, as its bus counts addresses. Ends early at an
    /// entry that is cut off or has an address of more than 64 bits.
    pub fn reg(&self) -> Regs<'a> {
        let (address_cells, size_cells) = match self.parent() {
            Some(bus) => (bus.address_cells(), bus.size_cells()),
            None => (0, 0),
        };
        Regs {
            value: self.cells("reg"),
            address_cells,
            size_cells,
        }
    }

    /// Entry `index` of its `reg` as the processors see it.
    pub fn region(&self, index: usize) -> Option<Region> {
        self.translate(self.reg().nth(index)?)
    }

    /// The entry of its `reg` that `reg-names` calls `name`, as the processors see it.
    pub fn named_region(&self, name: &str) -> Option<Region> {
        self.region(self.strings("reg-names").position(|found| found == name)?)
    }

    /// Takes a region from the bus that this node is on up to the root's.
    /// `None` if a bus in between does not pass it on as a whole.
    pub fn translate(&self, region: Region) -> Option<Region> {
        let mut region = region;
        let mut bus = self.parent()?;
        while let Some(above) = bus.parent() {
            region.address = bus.through_ranges(region, above.address_cells())?;
            bus = above;
        }
        region.address.checked_add(region.size)?;
        Some(region)
    }

    fn through_ranges(&self, region: Region, parent_cells: u32) -> Option<u64> {
        let mut ranges = Cells(self.property("ranges")?);
        if ranges.is_empty() {
            return Some(region.address);
        }
        let end = region.address.checked_add(region.size)?;
        let (child_cells, size_cells) = (self.address_cells(), self.size_cells());
        if child_cells == 0 || child_cells > 2 || parent_cells > 2 || size_cells > 2 {
            return None;
        }
        while !ranges.is_empty() {
            let child = ranges.number(child_cells)?;
            let parent = ranges.number(parent_cells)?;
            let size = ranges.number(size_cells)?;
            if region.address >= child && end - child.min(end) <= size {
                return parent.checked_add(region.address - child);
            }
        }
        None
    }
}
