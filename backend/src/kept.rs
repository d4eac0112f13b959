// SPDX-License-Identifier: Apache-2.0
//! The kept page: what a back end leaves for its successor.
//!
//! A header, then one record per device in the order of the configuration. A
//! record's mark is odd while it is being written, so that a back end that was
//! killed meanwhile leaves no half a record behind.

use crate::area::Area;
use std::sync::atomic::{Ordering, fence};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// "KEPT".
const MAGIC: u32 = u32::from_le_bytes(*b"KEPT");
const PAGE: usize = abi::PAGE_SIZE as usize;

#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    magic: u32,
    /// Of the layout of the records.
    layout: u32,
    /// The zone's start that the records are of.
    starts: u32,
    reserved: u32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Mark {
    count: u32,
    length: u32,
}

/// Where one device's record is.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    at: usize,
    length: usize,
}

/// Gives records their places.
#[derive(Debug)]
pub struct Layout {
    end: usize,
    hash: u32,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            end: size_of::<Header>(),
            hash: 0x811c_9dc5,
        }
    }
}

impl Layout {
    /// A record of `length` bytes for device `index`; `None` if the page is full.
    pub fn add(&mut self, index: u32, length: usize) -> Option<Record> {
        let record = Record {
            at: self.end,
            length,
        };
        let end = self.end + size_of::<Mark>() + length.next_multiple_of(8);
        if end > PAGE {
            return None;
        }
        self.end = end;
        // FNV-1a over what makes the layout.
        for word in [index, length as u32] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0100_0193);
        }
        Some(record)
    }

    fn header(&self, starts: u32) -> Header {
        Header {
            magic: MAGIC,
            layout: self.hash,
            starts,
            reserved: 0,
        }
    }

    /// Whether the page holds records of this layout and start.
    pub fn is_current(&self, area: &Area, starts: u32) -> bool {
        let mut header = Header::new_zeroed();
        area.read_kept(0, header.as_mut_bytes()) && header == self.header(starts)
    }

    /// Empties the page for records of this layout and start.
    pub fn begin(&self, area: &Area, starts: u32) {
        area.write_kept(0, &[0; PAGE]);
        fence(Ordering::Release);
        area.write_kept(0, self.header(starts).as_bytes());
    }
}

impl Record {
    /// Leaves `bytes`, at most the record's length.
    pub fn write(&self, area: &Area, bytes: &[u8]) {
        let mut mark = Mark::new_zeroed();
        area.read_kept(self.at, mark.as_mut_bytes());
        mark.length = bytes.len().min(self.length) as u32;
        mark.count |= 1;
        area.write_kept(self.at, mark.as_bytes());
        fence(Ordering::Release);
        let bytes = bytes.get(..self.length).unwrap_or(bytes);
        area.write_kept(self.at + size_of::<Mark>(), bytes);
        fence(Ordering::Release);
        mark.count = mark.count.wrapping_add(1);
        area.write_kept(self.at, mark.as_bytes());
    }

    /// What was left, unless nothing was or its writer was killed over it.
    pub fn read(&self, area: &Area) -> Option<Vec<u8>> {
        let mut mark = Mark::new_zeroed();
        area.read_kept(self.at, mark.as_mut_bytes());
        let length = usize::try_from(mark.length).ok()?;
        if mark.count & 1 != 0 || mark.count == 0 || length > self.length {
            return None;
        }
        let mut bytes = vec![0; length];
        area.read_kept(self.at + size_of::<Mark>(), &mut bytes)
            .then_some(bytes)
    }
}
