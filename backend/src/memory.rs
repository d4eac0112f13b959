// SPDX-License-Identifier: Apache-2.0
//! The zone's lent memory, and scattered pieces of it.

use crate::mapping::Mapping;
use std::sync::Arc;
use vm_memory::{
    GuestAddress, GuestMemory, GuestMemoryMmap, GuestRegionMmap, MmapRegion, Permissions,
    VolatileSlice,
};

/// The zone's memory as far as it is lent; cheap to clone.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    guest: GuestMemoryMmap<()>,
    /// What `guest` points into.
    _mappings: Vec<Mapping>,
}

impl Memory {
    /// Memory made of windows: guest address and mapping of each.
    pub fn new(windows: Vec<(u64, Mapping)>) -> Result<Self, String> {
        let mut regions = Vec::new();
        for (guest, mapping) in &windows {
            // SAFETY: the mapping is as large as said and, kept in `Inner`,
            // lives as long as the region.
            let region = unsafe {
                MmapRegion::build_raw(
                    mapping.address().as_ptr(),
                    mapping.size(),
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED,
                )
            };
            let region = region.map_err(|error| error.to_string())?;
            let region = GuestRegionMmap::new(region, GuestAddress(*guest))
                .ok_or("a lent window wraps around")?;
            regions.push(region);
        }
        regions.sort_by_key(vm_memory::GuestMemoryRegion::start_addr);
        // A zone that has but a serial port lends nothing.
        let guest = if regions.is_empty() {
            GuestMemoryMmap::new()
        } else {
            GuestMemoryMmap::from_regions(regions).map_err(|error| error.to_string())?
        };
        let _mappings = windows.into_iter().map(|(_, mapping)| mapping).collect();
        Ok(Self(Arc::new(Inner { guest, _mappings })))
    }

    pub fn guest(&self) -> &GuestMemoryMmap<()> {
        &self.0.guest
    }
}

/// A list of pieces of guest memory, as readv(2) and writev(2) want it.
#[derive(Debug)]
pub struct Buffers {
    pieces: Vec<libc::iovec>,
    /// Bytes of all pieces.
    length: usize,
    /// Keeps what the pieces point to.
    _memory: Memory,
}

/// An access beyond the end of a list of buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds;

impl Buffers {
    pub fn new(memory: &Memory) -> Self {
        Self {
            pieces: Vec::new(),
            length: 0,
            _memory: memory.clone(),
        }
    }

    /// Appends `length` bytes from guest address `address` on.
    pub fn push(
        &mut self,
        address: GuestAddress,
        length: u32,
        access: Permissions,
    ) -> Result<(), OutOfBounds> {
        let memory = self._memory.clone();
        let slices = memory
            .guest()
            .get_slices(address, length as usize, access)
            .map_err(|_| OutOfBounds)?;
        for slice in slices {
            let slice = slice.map_err(|_| OutOfBounds)?;
            let iov_base = slice.ptr_guard_mut().as_ptr().cast();
            self.pieces.push(libc::iovec {
                iov_base,
                iov_len: slice.len(),
            });
            self.length = self.length.checked_add(slice.len()).ok_or(OutOfBounds)?;
        }
        Ok(())
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn pieces(&self) -> &[libc::iovec] {
        &self.pieces
    }

    /// Another list of the same pieces.
    pub fn copy(&self) -> Self {
        Self {
            pieces: self.pieces.clone(),
            length: self.length,
            _memory: self._memory.clone(),
        }
    }

    /// Appends all pieces of `other`.
    pub fn append(&mut self, other: &Buffers) {
        self.pieces.extend_from_slice(&other.pieces);
        self.length += other.length;
    }

    /// Drops the first `count` bytes.
    pub fn advance(&mut self, mut count: usize) {
        count = count.min(self.length);
        self.length -= count;
        let whole = self
            .pieces
            .iter()
            .take_while(|piece| {
                let fits = piece.iov_len <= count;
                if fits {
                    count -= piece.iov_len;
                }
                fits
            })
            .count();
        self.pieces.drain(..whole);
        if let Some(first) = self.pieces.first_mut() {
            first.iov_base = first.iov_base.wrapping_byte_add(count);
            first.iov_len -= count;
        }
    }

    /// Keeps the first `length` bytes only.
    pub fn truncate(&mut self, length: usize) {
        let mut left = length.min(self.length);
        self.length = left;
        self.pieces.retain_mut(|piece| {
            piece.iov_len = piece.iov_len.min(left);
            left -= piece.iov_len;
            piece.iov_len > 0
        });
    }

    /// Copies from `offset` on into `to`, which is filled.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result<(), OutOfBounds> {
        self.each(offset, to.len(), |slice, at| {
            if let Some(to) = to.get_mut(at..at + slice.len()) {
                slice.copy_to(to);
            }
        })
    }

    /// Copies all of `from` to `offset`.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), OutOfBounds> {
        self.each(offset, from.len(), |slice, at| {
            if let Some(from) = from.get(at..at + slice.len()) {
                slice.copy_from(from);
            }
        })
    }

    /// Visits `length` bytes from `offset` on, with the position of each slice.
    fn each(
        &self,
        offset: usize,
        length: usize,
        mut visit: impl FnMut(VolatileSlice<'_>, usize),
    ) -> Result<(), OutOfBounds> {
        if offset
            .checked_add(length)
            .is_none_or(|end| end > self.length)
        {
            return Err(OutOfBounds);
        }
        let (mut skip, mut done) = (offset, 0);
        for piece in &self.pieces {
            if skip >= piece.iov_len {
                skip -= piece.iov_len;
                continue;
            }
            let count = (piece.iov_len - skip).min(length - done);
            let address = piece.iov_base.wrapping_byte_add(skip).cast();
            // SAFETY: `skip` + `count` bytes lie inside the piece, which `push`
            // took from the guest memory that `_memory` keeps mapped.
            visit(unsafe { VolatileSlice::new(address, count) }, done);
            (skip, done) = (0, done + count);
            if done == length {
                break;
            }
        }
        Ok(())
    }
}

// SAFETY: the pieces point into shared memory that `_memory` keeps mapped and
// that belongs to no thread.
unsafe impl Send for Buffers {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lent_is_no_error() {
        let memory = Memory::new(Vec::new()).unwrap();
        assert_eq!(
            vm_memory::GuestMemoryBackend::num_regions(memory.guest()),
            0
        );
    }
}
