// SPDX-License-Identifier: Apache-2.0
//! Questions to a device tree (Devicetree Specification 0.4, chapter 2).

use crate::problem::Problem;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node, Property};
use std::collections::HashMap;

/// Deepest nesting that is believed.
const MAX_DEPTH: usize = 32;

/// Reads a flattened tree; what boards' trees get wrong in names is let pass.
pub fn parse(bytes: &[u8]) -> Result<DeviceTree, Problem> {
    let tree = devicetree::Tree::new(bytes).map_err(|error| {
        Problem::new(
            "device-tree",
            None,
            "the device tree",
            format!("is not one: {error}"),
        )
        .advise("give a .dtb file, as firmware or `dtc` makes it")
    })?;
    let mut model = DeviceTree::new();
    model.root = copy(&tree.root(), MAX_DEPTH);
    model.memory_reservations = tree
        .reservations()
        .map(|one| MemoryReservation::new(one.0, one.1))
        .collect();
    Ok(model)
}

/// The tree as text; `None` where names are not as the specification wants them.
pub fn source(bytes: &[u8]) -> Option<String> {
    dtoolkit::fdt::Fdt::new(bytes)
        .ok()
        .map(|fdt| fdt.to_string())
}

fn copy(from: &devicetree::Node<'_>, left: usize) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new_unchecked(from.name());
    for (name, value) in from.properties() {
        node.add_property(DeviceTreeProperty::new_unchecked(name, value));
    }
    if left > 0 {
        for child in from.children() {
            node.add_child(copy(&child, left - 1));
        }
    }
    node
}

pub fn bytes<'a>(node: &'a DeviceTreeNode, name: &str) -> Option<&'a [u8]> {
    node.property(name)?.value_as::<&'a [u8]>().ok()
}

pub fn cells(value: &[u8]) -> Vec<u32> {
    value
        .chunks_exact(4)
        .filter_map(|chunk| chunk.try_into().ok())
        .map(u32::from_be_bytes)
        .collect()
}

pub fn u32_of(node: &DeviceTreeNode, name: &str) -> Option<u32> {
    cells(bytes(node, name)?).first().copied()
}

pub fn strings(node: &DeviceTreeNode, name: &str) -> Vec<String> {
    let value = bytes(node, name).unwrap_or_default();
    value
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
        .filter_map(|part| std::str::from_utf8(part).ok())
        .map(str::to_owned)
        .collect()
}

pub fn is_compatible(node: &DeviceTreeNode, with: &[&str]) -> bool {
    strings(node, "compatible")
        .iter()
        .any(|one| with.contains(&one.as_str()))
}

/// A missing status means okay.
pub fn is_enabled(node: &DeviceTreeNode) -> bool {
    strings(node, "status")
        .first()
        .is_none_or(|status| status == "okay" || status == "ok")
}

/// Takes `count` cells (0 to 2) off the front.
fn number(cells: &mut &[u32], count: u32) -> Option<u64> {
    let (these, rest) = cells.split_at_checked(usize::try_from(count).ok()?)?;
    *cells = rest;
    // Wider addresses (PCI's three cells) keep their low 64 bits.
    Some(
        these
            .iter()
            .fold(0u64, |value, cell| (value << 32) | u64::from(*cell)),
    )
}

pub struct Entry<'a> {
    pub path: String,
    pub node: &'a DeviceTreeNode,
    pub parent: Option<usize>,
}

/// An interrupt as the tree writes it: the controller's entry and its cells.
#[derive(Debug)]
pub struct Interrupt {
    pub controller: usize,
    pub cells: Vec<u32>,
}

/// All nodes, parents before children, and who has which phandle.
pub struct Index<'a> {
    pub entries: Vec<Entry<'a>>,
    phandles: HashMap<u32, usize>,
}

impl<'a> Index<'a> {
    pub fn new(tree: &'a DeviceTree) -> Self {
        let mut index = Self {
            entries: Vec::new(),
            phandles: HashMap::new(),
        };
        index.add(&tree.root, String::new(), None, MAX_DEPTH);
        index
    }

    fn add(&mut self, node: &'a DeviceTreeNode, path: String, parent: Option<usize>, left: usize) {
        let at = self.entries.len();
        for name in ["phandle", "linux,phandle"] {
            if let Some(phandle) = u32_of(node, name) {
                self.phandles.entry(phandle).or_insert(at);
            }
        }
        self.entries.push(Entry {
            path: if path.is_empty() {
                "/".into()
            } else {
                path.clone()
            },
            node,
            parent,
        });
        if left > 0 {
            for child in node.children() {
                self.add(
                    child,
                    format!("{path}/{}", child.name()),
                    Some(at),
                    left - 1,
                );
            }
        }
    }

    pub fn get(&self, at: usize) -> Option<&Entry<'a>> {
        self.entries.get(at)
    }

    /// The entry at `path`; the unit address may be left out where that is unambiguous.
    pub fn find(&self, path: &str) -> Option<usize> {
        let path = path.trim_end_matches('/');
        if let Some(at) = self.entries.iter().position(|entry| entry.path == path) {
            return Some(at);
        }
        let short = |path: &str| {
            path.split('/')
                .map(|part| part.split('@').next().unwrap_or(part))
                .collect::<Vec<_>>()
                .join("/")
        };
        let mut found = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| short(&entry.path) == path);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    pub fn by_phandle(&self, phandle: u32) -> Option<usize> {
        self.phandles.get(&phandle).copied()
    }

    /// An enabled node (and enabled parents).
    pub fn is_enabled(&self, at: usize) -> bool {
        let mut next = Some(at);
        while let Some(entry) = next.and_then(|at| self.get(at)) {
            if !is_enabled(entry.node) {
                return false;
            }
            next = entry.parent;
        }
        true
    }

    fn cell_counts(&self, parent: usize) -> (u32, u32) {
        let node = self.get(parent).map(|entry| entry.node);
        let count = |name, default| {
            node.and_then(|node| u32_of(node, name))
                .unwrap_or(default)
                .min(4)
        };
        (count("#address-cells", 2), count("#size-cells", 1))
    }

    /// The node's `reg` as the processor sees it; `None` if a bus on the way
    /// translates nothing or something does not add up.
    pub fn reg(&self, at: usize) -> Option<Vec<(u64, u64)>> {
        let entry = self.get(at)?;
        let parent = entry.parent?;
        let (address, size) = self.cell_counts(parent);
        let all = cells(bytes(entry.node, "reg")?);
        let mut rest = all.as_slice();
        let mut found = Vec::new();
        while !rest.is_empty() && address + size > 0 {
            let base = number(&mut rest, address)?;
            let length = number(&mut rest, size)?;
            found.push((self.to_root(parent, base, length)?, length));
        }
        Some(found)
    }

    fn to_root(&self, bus: usize, base: u64, length: u64) -> Option<u64> {
        let entry = self.get(bus)?;
        let Some(above) = entry.parent else {
            return Some(base);
        };
        let ranges = cells(bytes(entry.node, "ranges")?);
        if ranges.is_empty() {
            return self.to_root(above, base, length);
        }
        let (child, size) = self.cell_counts(bus);
        let (parent, _) = self.cell_counts(above);
        let mut rest = ranges.as_slice();
        while !rest.is_empty() && child + parent + size > 0 {
            let from = number(&mut rest, child)?;
            let to = number(&mut rest, parent)?;
            let window = number(&mut rest, size)?;
            let Some(offset) = base.checked_sub(from) else {
                continue;
            };
            if offset < window && length <= window - offset {
                return self.to_root(above, to.checked_add(offset)?, length);
            }
        }
        None
    }

    fn interrupt_parent(&self, at: usize) -> Option<usize> {
        let mut next = Some(at);
        while let Some(entry) = next.and_then(|at| self.get(at)) {
            if let Some(phandle) = u32_of(entry.node, "interrupt-parent") {
                return self.by_phandle(phandle);
            }
            next = entry.parent;
        }
        None
    }

    /// `interrupts` or `interrupts-extended`; `None` if they can not be read.
    pub fn interrupts(&self, at: usize) -> Option<Vec<Interrupt>> {
        let node = self.get(at)?.node;
        let width = |controller: usize| {
            let count = u32_of(self.get(controller)?.node, "#interrupt-cells")?;
            usize::try_from(count).ok().filter(|count| *count <= 8)
        };
        let mut found = Vec::new();
        if let Some(value) = bytes(node, "interrupts-extended") {
            let all = cells(value);
            let mut rest = all.as_slice();
            while let Some((phandle, after)) = rest.split_first() {
                let controller = self.by_phandle(*phandle)?;
                let (these, after) = after.split_at_checked(width(controller)?)?;
                found.push(Interrupt {
                    controller,
                    cells: these.to_vec(),
                });
                rest = after;
            }
        } else if let Some(value) = bytes(node, "interrupts") {
            let controller = self.interrupt_parent(at)?;
            let count = width(controller).filter(|count| *count > 0)?;
            for these in cells(value).chunks(count) {
                if these.len() < count {
                    return None;
                }
                found.push(Interrupt {
                    controller,
                    cells: these.to_vec(),
                });
            }
        }
        Some(found)
    }
}
