// SPDX-License-Identifier: Apache-2.0

/// A non-empty, page-aligned range of addresses that does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    base: u64,
    size: u64,
}

impl Range {
    /// The one constructor: `None` if `base` or `size` is not page-aligned, the
    /// range is empty or its end wraps. An allegation becomes a fact here.
    pub const fn new(base: u64, size: u64) -> Option<Self> {
        let unaligned = (base | size) & (abi::PAGE_SIZE - 1) != 0;
        if unaligned || size == 0 || base.checked_add(size).is_none() {
            return None;
        }
        Some(Self { base, size })
    }

    /// The smallest such range that covers `size` bytes at `base`.
    pub const fn covering(base: u64, size: u64) -> Option<Self> {
        let mask = abi::PAGE_SIZE - 1;
        let start = base & !mask;
        let Some(end) = base.checked_add(size) else {
            return None;
        };
        let Some(end) = end.checked_add(mask) else {
            return None;
        };
        Self::new(start, (end & !mask).wrapping_sub(start))
    }

    pub const fn base(self) -> u64 {
        self.base
    }
    pub const fn size(self) -> u64 {
        self.size
    }
    /// First address after it.
    pub const fn end(self) -> u64 {
        self.base.wrapping_add(self.size)
    }
    pub const fn contains(self, address: u64) -> bool {
        address >= self.base && address < self.end()
    }
    pub const fn overlaps(self, other: Self) -> bool {
        self.base < other.end() && other.base < self.end()
    }
    /// Whether `length` bytes at `address` lie inside.
    pub const fn holds(self, address: u64, length: u64) -> bool {
        match address.checked_add(length) {
            Some(end) => address >= self.base && end <= self.end(),
            None => false,
        }
    }
}
