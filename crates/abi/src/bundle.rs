// SPDX-License-Identifier: Apache-2.0
//! The boot bundle, handed over in the place of an initrd.
//!
//! Header, then `count` entries, then payloads; each payload starts on a
//! page (relative to the bundle's start).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// "HVISORB1".
pub const MAGIC: u64 = u64::from_le_bytes(*b"HVISORB1");
pub const MAX_ENTRIES: usize = 64;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    pub magic: u64,
    pub version: u32,
    pub count: u32,
    /// Bytes of the whole bundle.
    pub length: u64,
}

/// Kinds of entries.
pub mod entry {
    /// A [`super::Zone0`]; at most one. Without it there is no zone0.
    pub const ZONE0: u32 = 1;
    /// zone0's kernel, uncompressed, with its architecture's Linux header.
    pub const ZONE0_KERNEL: u32 = 2;
    pub const ZONE0_INITRD: u32 = 3;
    /// zone0's kernel command line, UTF-8 without NUL.
    pub const ZONE0_COMMAND_LINE: u32 = 4;
    /// A [`crate::ZoneDescriptor`] of a zone to start at boot.
    pub const ZONE: u32 = 5;
    /// Bytes that a descriptor's `images` name by entry index.
    pub const PAYLOAD: u32 = 6;
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    pub kind: u32,
    pub reserved: u32,
    /// Bytes from the bundle's start.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// What zone0 gets; the rest of the machine is free for zones.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Zone0 {
    /// Processors, from the one hvisor was entered on; 0: all not taken by zones at boot.
    pub cpus: u32,
    pub reserved: u32,
    /// Bytes of RAM; 0: all not taken by zones at boot.
    pub memory: u64,
}

/// A bundle whose header and entries are inside its bytes.
#[derive(Clone, Copy)]
pub struct Bundle<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Bundle<'a> {
    /// Checks the header and that every entry lies inside the bundle.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = Header::read_from_prefix(bytes).ok()?;
        let length = usize::try_from(header.length).ok()?;
        let count = usize::try_from(header.count).ok()?;
        if header.magic != MAGIC || header.version != crate::VERSION || count > MAX_ENTRIES {
            return None;
        }
        let bundle = Self {
            bytes: bytes.get(..length)?,
            count,
        };
        (0..count)
            .all(|index| bundle.entry(index).is_some())
            .then_some(bundle)
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Kind and payload of entry `index`.
    pub fn entry(&self, index: usize) -> Option<(u32, &'a [u8])> {
        if index >= self.count {
            return None;
        }
        let at = size_of::<Header>() + index * size_of::<Entry>();
        let (entry, _) = Entry::read_from_prefix(self.bytes.get(at..)?).ok()?;
        let offset = usize::try_from(entry.offset).ok()?;
        let end = offset.checked_add(usize::try_from(entry.length).ok()?)?;
        Some((entry.kind, self.bytes.get(offset..end)?))
    }

    /// The first payload of `kind`.
    pub fn first(&self, kind: u32) -> Option<&'a [u8]> {
        (0..self.count)
            .filter_map(|index| self.entry(index))
            .find_map(|(found, payload)| (found == kind).then_some(payload))
    }
}
