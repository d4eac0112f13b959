// SPDX-License-Identifier: Apache-2.0
//! The machine a plan is made for: what there is and what is free.

use crate::arch::{self, Architecture};
use crate::problem::Problem;
use crate::tree::{self, Index};
use abi::inventory::{self, owner};
use dtoolkit::Node;
use dtoolkit::model::DeviceTree;

/// A piece of the physical address space and its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub base: u64,
    pub size: u64,
    /// A zone, or [`owner`].
    pub owner: u32,
}

impl Piece {
    pub fn end(&self) -> u64 {
        self.base.saturating_add(self.size)
    }

    pub fn overlaps(&self, base: u64, size: u64) -> bool {
        self.base < base.saturating_add(size) && base < self.end()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// The firmware's number.
    pub physical: u64,
    pub owner: u32,
    pub alive: bool,
}

pub struct Machine {
    pub architecture: &'static dyn Architecture,
    /// [`abi::descriptor::controller`]: what zones get here.
    pub controller: u32,
    /// Highest interrupt number + 1.
    pub lines: u32,
    /// RAM in ascending order, without gaps in what it says: each piece has one owner.
    pub memory: Vec<Piece>,
    /// In the order of the firmware's tree.
    pub cpus: Vec<Cpu>,
    /// Owned lines: number, owner.
    pub taken_lines: Vec<(u32, u32)>,
    pub taken_mmio: Vec<Piece>,
    pub tree: DeviceTree,
    /// Where the knowledge is from, for explanations.
    pub source: String,
}

/// What the kernel answered to `Inventory`.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub machine: inventory::Machine,
    pub memory: Vec<inventory::Memory>,
    pub cpus: Vec<inventory::Cpu>,
    pub lines: Vec<inventory::Line>,
    pub mmio: Vec<inventory::Memory>,
}

/// What zone0 gets of a machine that does not run yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone0Share {
    pub cpus: usize,
    /// Bytes.
    pub memory: u64,
    /// Bytes at the bottom and the top of RAM that boot needs: hvisor itself,
    /// the bundle, the firmware's tree.
    pub boot: u64,
}

impl Machine {
    /// A running machine.
    pub fn from_inventory(inventory: &Inventory, firmware_tree: &[u8]) -> Result<Self, Problem> {
        let tree = tree::parse(firmware_tree)?;
        let architecture = arch::by_number(inventory.machine.architecture).ok_or_else(|| {
            Problem::new(
                "architecture",
                None,
                "this machine",
                "has an instruction set this tool does not know",
            )
            .advise("use the tool that came with the kernel")
        })?;
        let piece = |m: &inventory::Memory| Piece {
            base: m.base,
            size: m.size,
            owner: m.owner,
        };
        Ok(Self {
            architecture,
            controller: inventory.machine.controller,
            lines: inventory.machine.lines,
            memory: inventory.memory.iter().map(piece).collect(),
            cpus: inventory
                .cpus
                .iter()
                .map(|cpu| Cpu {
                    physical: cpu.physical,
                    owner: cpu.owner,
                    alive: cpu.state != inventory::cpu_state::DEAD,
                })
                .collect(),
            taken_lines: inventory
                .lines
                .iter()
                .map(|line| (line.physical, line.owner))
                .collect(),
            taken_mmio: inventory.mmio.iter().map(piece).collect(),
            tree,
            source: "the running machine".into(),
        })
    }

    /// A machine known by its device tree alone: all is free but what is
    /// reserved and what zone0 is going to have.
    pub fn from_tree(dtb: &[u8], zone0: Zone0Share, name: &str) -> Result<Self, Problem> {
        let tree = tree::parse(dtb)?;
        let index = Index::new(&tree);
        let no = |what: &str| {
            Problem::new(
                "machine",
                None,
                format!("the device tree {name}"),
                what.to_owned(),
            )
        };
        let architecture = arch::by_tree(&index).ok_or_else(|| {
            no("has no processors of an architecture that hvisor knows")
                .advise("give a board's whole .dtb, not an overlay")
        })?;
        let (controller, lines) = architecture.controller_of(&index)?;
        let memory = memory_of(&tree, &index, zone0);
        if memory.is_empty() {
            return Err(no("has no /memory node with a size; its boot loader fills that in")
                .advise("take the tree from the running board (/sys/firmware/fdt), or say --ram BASE:SIZE"));
        }
        let mut cpus = cpus_of(&index);
        for cpu in cpus.iter_mut().take(zone0.cpus) {
            cpu.owner = 0;
        }
        Ok(Self {
            architecture,
            controller,
            lines,
            memory,
            cpus,
            taken_lines: Vec::new(),
            taken_mmio: Vec::new(),
            source: name.to_owned(),
            tree,
        })
    }

    /// Marks what a zone takes, for plans of several zones on a machine that
    /// does not run yet.
    pub fn occupy(&mut self, descriptor: &abi::ZoneDescriptor, zone: u32) {
        let mut map = OwnerMap(std::mem::take(&mut self.memory));
        for piece in descriptor.memory() {
            map.give(piece.physical, piece.size, zone);
        }
        self.memory = map.0;
        for cpu in descriptor.cpus() {
            for one in self
                .cpus
                .iter_mut()
                .filter(|one| one.physical == cpu.physical)
            {
                one.owner = zone;
            }
        }
        self.taken_lines
            .extend(descriptor.lines().iter().map(|line| (line.physical, zone)));
        self.taken_mmio
            .extend(descriptor.mmio().iter().map(|one| Piece {
                base: one.physical,
                size: one.size,
                owner: zone,
            }));
    }

    /// What there would be without this zone, to plan it anew in its own place.
    pub fn give_back(&mut self, zone: u32) {
        for piece in self.memory.iter_mut().filter(|piece| piece.owner == zone) {
            piece.owner = owner::FREE;
        }
        for cpu in self.cpus.iter_mut().filter(|cpu| cpu.owner == zone) {
            cpu.owner = owner::FREE;
        }
        self.taken_lines.retain(|(_, by)| *by != zone);
        self.taken_mmio.retain(|piece| piece.owner != zone);
    }

    /// Keeps a range of RAM back.
    pub fn reserve(&mut self, base: u64, size: u64) {
        let mut map = OwnerMap(std::mem::take(&mut self.memory));
        map.give(base, size, owner::KERNEL);
        self.memory = map.0;
    }

    pub fn free_memory(&self) -> impl Iterator<Item = &Piece> {
        self.memory
            .iter()
            .filter(|piece| piece.owner == owner::FREE)
    }
}

/// Adds RAM to a tree that has none (boards whose boot loader fills it in).
pub fn add_memory(dtb: &[u8], banks: &[(u64, u64)]) -> Result<Vec<u8>, Problem> {
    use dtoolkit::model::{DeviceTreeNode, DeviceTreeProperty};
    let mut tree = tree::parse(dtb)?;
    let index = Index::new(&tree);
    let wide = |name, default| {
        index
            .get(0)
            .and_then(|root| tree::u32_of(root.node, name))
            .unwrap_or(default)
    };
    let (address, size) = (wide("#address-cells", 2), wide("#size-cells", 1));
    let old: Vec<String> = tree
        .root
        .children()
        .map(|c| c.name().to_owned())
        .filter(|n| n.split('@').next() == Some("memory"))
        .collect();
    for name in old {
        tree.root.remove_child(&name);
    }
    for (base, length) in banks {
        let mut reg = Vec::new();
        for (value, count) in [(*base, address), (*length, size)] {
            let bytes = value.to_be_bytes();
            reg.extend_from_slice(if count == 1 { &bytes[4..] } else { &bytes });
        }
        let mut node = DeviceTreeNode::new_unchecked(format!("memory@{base:x}"));
        node.add_property(DeviceTreeProperty::new_unchecked("device_type", "memory"));
        node.add_property(DeviceTreeProperty::new_unchecked("reg", reg));
        tree.root.add_child(node);
    }
    Ok(tree.to_dtb())
}

fn cpus_of(index: &Index<'_>) -> Vec<Cpu> {
    let Some(parent) = index.find("/cpus") else {
        return Vec::new();
    };
    index
        .entries
        .iter()
        .filter(|entry| {
            entry.parent == Some(parent)
                && entry.node.name_without_address() == "cpu"
                && tree::is_enabled(entry.node)
        })
        .filter_map(|entry| {
            let reg = tree::cells(tree::bytes(entry.node, "reg")?);
            let physical = reg
                .iter()
                .fold(0u64, |value, cell| (value << 32) | u64::from(*cell));
            Some(Cpu {
                physical,
                owner: owner::FREE,
                alive: true,
            })
        })
        .take(abi::MAX_CPUS)
        .collect()
}

fn memory_of(tree: &DeviceTree, index: &Index<'_>, zone0: Zone0Share) -> Vec<Piece> {
    let mut map = OwnerMap::default();
    for (at, entry) in index.entries.iter().enumerate() {
        let is_memory = entry.parent == Some(0)
            && tree::strings(entry.node, "device_type")
                .first()
                .is_some_and(|t| t == "memory");
        if is_memory && tree::is_enabled(entry.node) {
            for (base, size) in index.reg(at).unwrap_or_default() {
                map.add(base, size);
            }
        }
    }
    let reserved = index.find("/reserved-memory");
    for (at, entry) in index.entries.iter().enumerate() {
        if reserved.is_some() && entry.parent == reserved && tree::is_enabled(entry.node) {
            for (base, size) in index.reg(at).unwrap_or_default() {
                map.give(base, size, owner::KERNEL);
            }
        }
    }
    for reservation in &tree.memory_reservations {
        map.give(reservation.address(), reservation.size(), owner::KERNEL);
    }
    map.take_bottom(zone0.boot, owner::KERNEL);
    map.take_bottom(zone0.memory, 0);
    map.take_top(zone0.boot, owner::KERNEL);
    map.0
}

/// Pieces in ascending order, disjoint, owners joined.
#[derive(Default)]
struct OwnerMap(Vec<Piece>);

impl OwnerMap {
    fn add(&mut self, base: u64, size: u64) {
        let base_page = base.next_multiple_of(abi::PAGE_SIZE);
        let end = base.saturating_add(size) & !(abi::PAGE_SIZE - 1);
        if end > base_page
            && !self
                .0
                .iter()
                .any(|piece| piece.overlaps(base_page, end - base_page))
        {
            self.0.push(Piece {
                base: base_page,
                size: end - base_page,
                owner: owner::FREE,
            });
            self.0.sort_by_key(|piece| piece.base);
            self.join();
        }
    }

    /// Gives whatever RAM there is in the range, in whole pages, to `to`.
    fn give(&mut self, base: u64, size: u64, to: u32) {
        let end = base
            .saturating_add(size)
            .checked_next_multiple_of(abi::PAGE_SIZE)
            .unwrap_or(u64::MAX);
        let base = base & !(abi::PAGE_SIZE - 1);
        let mut next = Vec::new();
        for piece in &self.0 {
            let (from, until) = (piece.base.max(base), piece.end().min(end));
            if from >= until {
                next.push(*piece);
                continue;
            }
            for (base, end, owner) in [
                (piece.base, from, piece.owner),
                (from, until, to),
                (until, piece.end(), piece.owner),
            ] {
                if base < end {
                    next.push(Piece {
                        base,
                        size: end - base,
                        owner,
                    });
                }
            }
        }
        self.0 = next;
        self.join();
    }

    fn join(&mut self) {
        let mut next: Vec<Piece> = Vec::new();
        for piece in &self.0 {
            match next.last_mut() {
                Some(last) if last.end() == piece.base && last.owner == piece.owner => {
                    last.size += piece.size
                }
                _ => next.push(*piece),
            }
        }
        self.0 = next;
    }

    fn take_bottom(&mut self, mut amount: u64, to: u32) {
        while amount > 0 {
            let Some(piece) = self
                .0
                .iter()
                .find(|piece| piece.owner == owner::FREE)
                .copied()
            else {
                return;
            };
            let now = piece.size.min(amount);
            self.give(piece.base, now, to);
            amount -= now;
        }
    }

    fn take_top(&mut self, amount: u64, to: u32) {
        if let Some(piece) = self
            .0
            .iter()
            .rfind(|piece| piece.owner == owner::FREE)
            .copied()
        {
            let now = (piece.size / 4).min(amount) & !(abi::PAGE_SIZE - 1);
            if now > 0 {
                self.give(piece.end() - now, now, to);
            }
        }
    }
}
