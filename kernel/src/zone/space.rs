// SPDX-License-Identifier: Apache-2.0
//! A zone's guest-physical address space.

use crate::arch::stage2::{self, Format};
use crate::pool;
use abi::Error;
use ownership::Range;
use paging::{Attributes, Frames, MapError, Table};

/// Tables in the kernel's pool.
struct PoolFrames {
    zone: u8,
    root: u64,
}

impl Frames for PoolFrames {
    fn allocate(&mut self) -> Option<u64> {
        pool::allocate(1, 1)
    }

    fn free(&mut self, frame: u64) {
        pool::free(frame, 1);
    }

    fn read(&self, table: u64, index: usize) -> u64 {
        let entry = (table as *const u64).wrapping_add(index);
        // SAFETY: the walker passes frames that the pool gave and indices within them.
        unsafe { entry.read_volatile() }
    }

    fn write(&mut self, table: u64, index: usize, bits: u64) {
        let entry = (table as *mut u64).wrapping_add(index);
        // SAFETY: as above; translation walks may read the entry meanwhile, it
        // is written at once.
        unsafe { entry.write_volatile(bits) };
        stage2::entry_written();
    }

    fn flush(&mut self) {
        stage2::flush(self.zone, self.root);
    }
}

pub struct Space {
    zone: u8,
    table: Option<Table<Format>>,
}

impl Space {
    pub const EMPTY: Self = Self {
        zone: 0,
        table: None,
    };

    /// An empty space for `zone`.
    pub fn create(&mut self, zone: u8) -> Result<(), Error> {
        let geometry = stage2::geometry();
        let frames = geometry.root_frames();
        let root = pool::allocate(frames, frames).ok_or(Error::OutOfMemory)?;
        self.zone = zone;
        self.table = Some(Table::new(root, geometry));
        Ok(())
    }

    /// Gives all tables back and forgets every translation.
    pub fn destroy(&mut self) {
        if let Some(mut table) = self.table.take() {
            table.clear_all(&mut PoolFrames {
                zone: self.zone,
                root: table.root(),
            });
            pool::free(table.root(), table.geometry().root_frames());
        }
    }

    pub fn root(&self) -> u64 {
        self.table.as_ref().map_or(0, Table::root)
    }

    pub fn map(
        &mut self,
        guest: u64,
        physical: Range,
        attributes: Attributes,
    ) -> Result<(), Error> {
        let table = self.table.as_mut().ok_or(Error::WrongState)?;
        let mut frames = PoolFrames {
            zone: self.zone,
            root: table.root(),
        };
        table
            .map(
                &mut frames,
                guest,
                physical.base(),
                physical.size(),
                attributes,
            )
            .map_err(|error| match error {
                MapError::Misaligned => Error::Misaligned,
                MapError::Occupied => Error::GuestOverlap,
                MapError::OutOfFrames => Error::OutOfMemory,
            })
    }

    /// Takes guest addresses away, mapped or not.
    pub fn unmap(&mut self, guest: Range) -> Result<(), Error> {
        let table = self.table.as_mut().ok_or(Error::WrongState)?;
        let mut frames = PoolFrames {
            zone: self.zone,
            root: table.root(),
        };
        table
            .unmap(&mut frames, guest.base(), guest.size())
            .map_err(|_| Error::OutOfMemory)
    }

    pub fn is_mapped(&self, guest: u64) -> bool {
        let frames = PoolFrames {
            zone: self.zone,
            root: self.root(),
        };
        self.table
            .as_ref()
            .is_some_and(|table| table.translate(&frames, guest).is_some())
    }
}
