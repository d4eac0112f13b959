// SPDX-License-Identifier: Apache-2.0
//! A device's registers.

use crate::arch::mmu;

/// Registers that are mapped, for ever. Accesses outside do nothing and read 0.
#[derive(Clone, Copy)]
pub struct Window {
    base: usize,
    size: usize,
}

macro_rules! access {
    ($read:ident, $write:ident, $type:ty) => {
        #[inline]
        pub fn $read(self, offset: usize) -> $type {
            if !self.has(offset, size_of::<$type>()) {
                return 0;
            }
            // SAFETY: inside a window that is mapped as device memory, aligned.
            unsafe { (self.base.wrapping_add(offset) as *const $type).read_volatile() }
        }

        #[inline]
        pub fn $write(self, offset: usize, value: $type) {
            if self.has(offset, size_of::<$type>()) {
                // SAFETY: as above.
                unsafe { (self.base.wrapping_add(offset) as *mut $type).write_volatile(value) }
            }
        }
    };
}

impl Window {
    /// No registers.
    pub const NONE: Self = Self { base: 0, size: 0 };

    /// Maps them.
    pub fn map(base: u64, size: u64) -> Result<Self, mmu::Error> {
        let base = mmu::map_device(base, size)?;
        Ok(Self {
            base,
            size: size as usize,
        })
    }

    /// A part of one that [`Self::map`] gave.
    pub(super) const fn mapped(base: usize, size: usize) -> Self {
        Self { base, size }
    }

    /// What is from `offset` on.
    pub fn skip(self, offset: usize) -> Self {
        Self {
            base: self.base.wrapping_add(offset),
            size: self.size.saturating_sub(offset),
        }
    }

    pub const fn base(self) -> usize {
        self.base
    }

    pub const fn size(self) -> usize {
        self.size
    }

    #[inline]
    fn has(self, offset: usize, width: usize) -> bool {
        offset < self.size
            && self.size.wrapping_sub(offset) >= width
            && self.base.wrapping_add(offset) & width.wrapping_sub(1) == 0
    }

    access!(read8, write8, u8);
    access!(read32, write32, u32);
    /// Little-endian; nothing where it is not all there.
    pub fn write64(self, offset: usize, value: u64) {
        if self.has(offset, 8) {
            // SAFETY: in a mapped window of device registers, aligned.
            unsafe { (self.base.wrapping_add(offset) as *mut u64).write_volatile(value) }
        }
    }
}
