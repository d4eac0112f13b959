// SPDX-License-Identifier: Apache-2.0

use core::marker::PhantomData;

/// Bytes of the smallest page and of a table.
pub const PAGE_SIZE: u64 = 4096;

/// Kind of memory behind a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Cacheable, write-back.
    Normal,
    /// Device registers: no gathering, no reordering.
    Device,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub write: bool,
    pub execute: bool,
    pub memory: Memory,
}

impl Attributes {
    /// A zone's own RAM.
    pub const RAM: Self = Self {
        write: true,
        execute: true,
        memory: Memory::Normal,
    };
    /// RAM that another zone lends.
    pub const SHARED: Self = Self {
        write: true,
        execute: false,
        memory: Memory::Normal,
    };
    /// A device's registers.
    pub const DEVICE: Self = Self {
        write: true,
        execute: false,
        memory: Memory::Device,
    };
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Invalid,
    /// Physical address of the next table.
    Table(u64),
    Leaf {
        physical: u64,
        attributes: Attributes,
    },
}

/// How one architecture writes entries.
pub trait Format {
    fn encode(entry: Entry, level: u8) -> u64;
    fn decode(bits: u64, level: u8) -> Entry;
}

/// Shape of a table: `levels` of 1..=5 and the index bits of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub levels: u8,
    pub root_bits: u8,
}

impl Geometry {
    /// Bits of a guest-physical address.
    pub const fn address_bits(self) -> u8 {
        12u8.saturating_add(self.levels.saturating_sub(1).saturating_mul(9))
            .saturating_add(self.root_bits)
    }
    /// Frames of the root; a power of two, to be aligned to its own size.
    pub const fn root_frames(self) -> usize {
        1usize << self.root_bits.saturating_sub(9)
    }
}

/// Where tables are kept.
pub trait Frames {
    /// A zeroed frame's physical address.
    fn allocate(&mut self) -> Option<u64>;
    fn free(&mut self, frame: u64);
    fn read(&self, table: u64, index: usize) -> u64;
    fn write(&mut self, table: u64, index: usize, bits: u64);
    /// Makes every processor forget cached translations of this table; called
    /// between an entry's removal and what depends on it.
    fn flush(&mut self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// Not page-aligned, empty, wraps, or wider than the address space.
    Misaligned,
    /// Something is mapped there.
    Occupied,
    /// No frame for a table.
    OutOfFrames,
}

/// A table of format `F`.
pub struct Table<F> {
    root: u64,
    geometry: Geometry,
    format: PhantomData<F>,
}

const fn span(level: u8) -> u64 {
    PAGE_SIZE << (level as u32).saturating_mul(9)
}

impl<F: Format> Table<F> {
    /// Over a zeroed `root` of `geometry.root_frames()` frames.
    pub const fn new(root: u64, geometry: Geometry) -> Self {
        Self {
            root,
            geometry,
            format: PhantomData,
        }
    }

    pub const fn root(&self) -> u64 {
        self.root
    }
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn top(&self) -> u8 {
        self.geometry.levels.saturating_sub(1)
    }

    fn index(&self, address: u64, level: u8) -> usize {
        let shift = 12u32.saturating_add((level as u32).saturating_mul(9));
        let bits = if level == self.top() {
            self.geometry.root_bits
        } else {
            9
        };
        let mask = (1u64 << bits).wrapping_sub(1);
        ((address >> shift) & mask) as usize
    }

    fn check(&self, guest: u64, physical: u64, size: u64) -> Result<u64, MapError> {
        let end = guest.checked_add(size).ok_or(MapError::Misaligned)?;
        let limit = 1u64 << self.geometry.address_bits();
        let aligned = (guest | physical | size) & (PAGE_SIZE.wrapping_sub(1)) == 0;
        if !aligned || size == 0 || end > limit || physical.checked_add(size).is_none() {
            return Err(MapError::Misaligned);
        }
        Ok(end)
    }

    /// Maps `size` bytes with the largest blocks that fit. On an error what was
    /// already mapped of it is taken away again.
    pub fn map(
        &mut self,
        frames: &mut impl Frames,
        guest: u64,
        physical: u64,
        size: u64,
        attributes: Attributes,
    ) -> Result<(), MapError> {
        let end = self.check(guest, physical, size)?;
        let mut at = guest;
        while at < end {
            let offset = at.wrapping_sub(guest);
            let physical = physical.wrapping_add(offset);
            let left = end.wrapping_sub(at);
            match self.map_block(frames, at, physical, left, attributes) {
                Ok(mapped) => at = at.wrapping_add(mapped),
                Err(error) => {
                    if offset != 0 {
                        self.unmap(frames, guest, offset)?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Maps one block at `at`, of at most `left` bytes; returns its size.
    fn map_block(
        &mut self,
        frames: &mut impl Frames,
        at: u64,
        physical: u64,
        left: u64,
        attributes: Attributes,
    ) -> Result<u64, MapError> {
        let mut level = self.top();
        let mut table = self.root;
        loop {
            let index = self.index(at, level);
            // Blocks of 512 GiB and more are not in every format.
            let fits = level <= 2
                && (at | physical) & (span(level).wrapping_sub(1)) == 0
                && left >= span(level);
            match F::decode(frames.read(table, index), level) {
                Entry::Leaf { .. } => return Err(MapError::Occupied),
                Entry::Table(_) if level == 0 => return Err(MapError::Occupied),
                Entry::Invalid if fits => {
                    frames.write(
                        table,
                        index,
                        F::encode(
                            Entry::Leaf {
                                physical,
                                attributes,
                            },
                            level,
                        ),
                    );
                    return Ok(span(level));
                }
                Entry::Invalid => {
                    let next = frames.allocate().ok_or(MapError::OutOfFrames)?;
                    frames.write(table, index, F::encode(Entry::Table(next), level));
                    table = next;
                }
                Entry::Table(next) => table = next,
            }
            level = level.saturating_sub(1);
        }
    }

    /// Takes `size` bytes away, where mapped; a block that reaches over the
    /// edge is split first. Empty tables are given back. Flushes.
    pub fn unmap(
        &mut self,
        frames: &mut impl Frames,
        guest: u64,
        size: u64,
    ) -> Result<(), MapError> {
        let end = self.check(guest, 0, size)?;
        self.split(frames, guest)?;
        self.split(frames, end)?;
        self.clear(frames, self.root, self.top(), guest, end, 0);
        frames.flush();
        // Only now can nobody walk through an emptied table any more.
        self.prune(frames, self.root, self.top(), guest, end, 0);
        Ok(())
    }

    /// Makes `at` a block boundary.
    fn split(&mut self, frames: &mut impl Frames, at: u64) -> Result<(), MapError> {
        let mut level = self.top();
        let mut table = self.root;
        if at >= 1u64 << self.geometry.address_bits() {
            return Ok(());
        }
        while at & (span(level).wrapping_sub(1)) != 0 || level == self.top() {
            let index = self.index(at, level);
            match F::decode(frames.read(table, index), level) {
                Entry::Invalid => return Ok(()),
                Entry::Table(next) => table = next,
                Entry::Leaf {
                    physical,
                    attributes,
                } => {
                    if level == 0 || at & (span(level).wrapping_sub(1)) == 0 {
                        return Ok(());
                    }
                    let next = frames.allocate().ok_or(MapError::OutOfFrames)?;
                    let lower = level.saturating_sub(1);
                    for slot in 0..512u64 {
                        let physical = physical.wrapping_add(span(lower).wrapping_mul(slot));
                        let leaf = Entry::Leaf {
                            physical,
                            attributes,
                        };
                        frames.write(next, slot as usize, F::encode(leaf, lower));
                    }
                    // Break before make.
                    frames.write(table, index, 0);
                    frames.flush();
                    frames.write(table, index, F::encode(Entry::Table(next), level));
                    table = next;
                }
            }
            if level == 0 {
                return Ok(());
            }
            level = level.saturating_sub(1);
        }
        Ok(())
    }

    /// Calls `visit` for the slots of `table` that [guest, end) touches, with
    /// index and the slot's first address. `base` is the table's.
    fn slots(
        &self,
        level: u8,
        guest: u64,
        end: u64,
        base: u64,
    ) -> impl Iterator<Item = (usize, u64)> + use<F> {
        let size = span(level);
        let bits = if level == self.top() {
            self.geometry.root_bits
        } else {
            9
        };
        let first = guest
            .max(base)
            .wrapping_sub(base)
            .checked_div(size)
            .unwrap_or(0);
        let last = end.wrapping_sub(base).div_ceil(size).min(1u64 << bits);
        (first..last).map(move |slot| (slot as usize, base.wrapping_add(slot.wrapping_mul(size))))
    }

    fn clear(
        &self,
        frames: &mut impl Frames,
        table: u64,
        level: u8,
        guest: u64,
        end: u64,
        base: u64,
    ) {
        for (index, address) in self.slots(level, guest, end, base) {
            match F::decode(frames.read(table, index), level) {
                Entry::Invalid => {}
                Entry::Leaf { .. } => frames.write(table, index, 0),
                Entry::Table(next) if level > 0 => {
                    self.clear(frames, next, level.saturating_sub(1), guest, end, address);
                }
                Entry::Table(_) => {}
            }
        }
    }

    fn prune(
        &self,
        frames: &mut impl Frames,
        table: u64,
        level: u8,
        guest: u64,
        end: u64,
        base: u64,
    ) {
        for (index, address) in self.slots(level, guest, end, base) {
            let Entry::Table(next) = F::decode(frames.read(table, index), level) else {
                continue;
            };
            let Some(lower) = level.checked_sub(1) else {
                continue;
            };
            if lower > 0 {
                self.prune(frames, next, lower, guest, end, address);
            }
            let empty = (0..512).all(|i| F::decode(frames.read(next, i), lower) == Entry::Invalid);
            if empty {
                frames.write(table, index, 0);
                frames.flush();
                frames.free(next);
            }
        }
    }

    /// What `guest` translates to, and how many bytes from there on are the
    /// same block's.
    pub fn translate(&self, frames: &impl Frames, guest: u64) -> Option<(u64, u64, Attributes)> {
        if guest >= 1u64 << self.geometry.address_bits() {
            return None;
        }
        let mut table = self.root;
        let mut level = self.top();
        loop {
            match F::decode(frames.read(table, self.index(guest, level)), level) {
                Entry::Invalid => return None,
                Entry::Leaf {
                    physical,
                    attributes,
                } => {
                    let offset = guest & (span(level).wrapping_sub(1));
                    return Some((
                        physical.wrapping_add(offset),
                        span(level).wrapping_sub(offset),
                        attributes,
                    ));
                }
                Entry::Table(next) => table = next,
            }
            level = level.checked_sub(1)?;
        }
    }

    /// Gives every table but the root back; the root is empty afterwards.
    pub fn clear_all(&mut self, frames: &mut impl Frames) {
        let end = 1u64 << self.geometry.address_bits();
        self.clear(frames, self.root, self.top(), 0, end, 0);
        frames.flush();
        self.prune(frames, self.root, self.top(), 0, end, 0);
    }
}
