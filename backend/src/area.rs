// SPDX-License-Identifier: Apache-2.0
//! The I/O area that the kernel's part of a zone and its back end share.

use crate::error::{Error, Result};
use crate::mapping::Mapping;
use abi::PAGE_SIZE;
use abi::io::{DeviceShared, HEADER_PAGES, IoHeader, IoRequest, KEPT_PAGE, RING_ENTRIES, VcpuRing};
use std::ptr::{NonNull, addr_of};
use std::sync::atomic::Ordering;

const PAGE: usize = PAGE_SIZE as usize;

/// A mapped I/O area.
#[derive(Debug)]
pub struct Area {
    mapping: Mapping,
    vcpus: usize,
    devices: usize,
}

impl Area {
    /// Takes a mapping whose header is of this version and whose rings lie in it.
    pub fn new(mapping: Mapping) -> Result<Self> {
        if mapping.size() < HEADER_PAGES * PAGE {
            return Err(Error::WrongArea);
        }
        let mut area = Self {
            mapping,
            vcpus: 0,
            devices: 0,
        };
        let header = area.header();
        let (vcpus, devices) = (header.vcpu_count as usize, header.device_count as usize);
        if header.magic != abi::io::MAGIC
            || header.version != abi::VERSION
            || vcpus > abi::MAX_VCPUS
            || devices > abi::descriptor::MAX_DEVICES
            || (HEADER_PAGES + vcpus) * PAGE > area.mapping.size()
        {
            return Err(Error::WrongArea);
        }
        (area.vcpus, area.devices) = (vcpus, devices);
        Ok(area)
    }

    pub fn header(&self) -> &IoHeader {
        // SAFETY: page 0 is mapped and aligned; what changes in it is atomic,
        // the rest the kernel writes once, before a back end can attach.
        unsafe { self.mapping.address().cast().as_ref() }
    }

    pub fn device(&self, index: u32) -> Option<&DeviceShared> {
        self.header()
            .devices
            .get(index as usize)
            .filter(|_| (index as usize) < self.devices)
    }

    pub fn device_count(&self) -> usize {
        self.devices
    }

    pub fn rings(&self) -> impl Iterator<Item = Ring<'_>> {
        (0..self.vcpus).map(|vcpu| Ring {
            // SAFETY: `new` checked that the rings lie inside the mapping.
            page: unsafe { self.mapping.address().add((HEADER_PAGES + vcpu) * PAGE) }.cast(),
            vcpu: vcpu as u32,
            _area: self,
        })
    }

    /// Copies from the kept page; false if it does not reach that far.
    pub fn read_kept(&self, offset: usize, to: &mut [u8]) -> bool {
        let Some(at) = self.kept(offset, to.len()) else {
            return false;
        };
        for (index, byte) in to.iter_mut().enumerate() {
            // SAFETY: `kept` checked the range; only back ends access it.
            *byte = unsafe { at.add(index).read_volatile() };
        }
        true
    }

    /// Copies to the kept page; false if it does not reach that far.
    pub fn write_kept(&self, offset: usize, from: &[u8]) -> bool {
        let Some(at) = self.kept(offset, from.len()) else {
            return false;
        };
        for (index, byte) in from.iter().enumerate() {
            // SAFETY: as in `read_kept`.
            unsafe { at.add(index).write_volatile(*byte) };
        }
        true
    }

    fn kept(&self, offset: usize, length: usize) -> Option<NonNull<u8>> {
        offset.checked_add(length).filter(|end| *end <= PAGE)?;
        // SAFETY: the offset lies in the kept page, which is mapped.
        Some(unsafe { self.mapping.address().add(KEPT_PAGE * PAGE + offset) })
    }
}

/// One vCPU's ring, from the consumer's side.
pub struct Ring<'a> {
    page: NonNull<VcpuRing>,
    pub vcpu: u32,
    _area: &'a Area,
}

impl Ring<'_> {
    /// Takes the next request.
    pub fn take(&self) -> Option<IoRequest> {
        let ring = self.page.as_ptr();
        // SAFETY: the page is mapped and these words are only used as atomics.
        let (head, tail) = unsafe { (&(*ring).head, &(*ring).tail) };
        let at = tail.load(Ordering::Relaxed);
        if head.load(Ordering::Acquire) == at {
            return None;
        }
        // SAFETY: the index is inside the array. The kernel wrote the entry
        // before `head` and leaves it until `tail` has passed it.
        let request =
            unsafe { addr_of!((*ring).requests[at as usize % RING_ENTRIES]).read_volatile() };
        tail.store(at.wrapping_add(1), Ordering::Release);
        Some(request)
    }

    /// Publishes the answer to a request that waits.
    pub fn answer(&self, request: &IoRequest, value: u64) {
        let ring = self.page.as_ptr();
        // SAFETY: as in `take`.
        let (answer, sequence) = unsafe { (&(*ring).response_value, &(*ring).response_sequence) };
        answer.store(value, Ordering::Relaxed);
        sequence.store(request.sequence, Ordering::Release);
    }
}
