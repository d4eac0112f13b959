// SPDX-License-Identifier: Apache-2.0
//! The pages that a zone's vCPUs and its back end share ([`abi::io`]).

use crate::pool;
use abi::PAGE_SIZE;
use abi::io::{DeviceShared, HEADER_PAGES, IoHeader, MAGIC, VcpuRing};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

pub struct IoArea {
    /// Physical (and kernel) address; 0 for none.
    base: AtomicU64,
    pages: AtomicU32,
    /// A back end serves it.
    pub attached: AtomicBool,
    /// Changes whenever a back end attaches or detaches.
    pub binding: AtomicU32,
    /// Tick of the first access that found no back end, 0 for none yet.
    pub missed_since: AtomicU64,
}

impl IoArea {
    pub const fn new() -> Self {
        Self {
            base: AtomicU64::new(0),
            pages: AtomicU32::new(0),
            attached: AtomicBool::new(false),
            binding: AtomicU32::new(0),
            missed_since: AtomicU64::new(0),
        }
    }

    /// For a zone of `vcpus` with `devices`; by its creator.
    pub fn create(&self, vcpus: usize, devices: usize) -> Result<(), abi::Error> {
        let pages = HEADER_PAGES.saturating_add(vcpus);
        let base = pool::allocate(pages, 1).ok_or(abi::Error::OutOfMemory)?;
        let header = base as *mut IoHeader;
        // SAFETY: zeroed frames that the pool just gave, large and aligned
        // enough; nobody else knows them.
        unsafe {
            (*header).magic = MAGIC;
            (*header).version = abi::VERSION;
            (*header).vcpu_count = u32::try_from(vcpus).unwrap_or(0);
            (*header).device_count = u32::try_from(devices).unwrap_or(0);
        }
        self.pages
            .store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        self.attached.store(false, Ordering::Relaxed);
        self.missed_since.store(0, Ordering::Relaxed);
        self.base.store(base, Ordering::Release);
        Ok(())
    }

    /// By its destroyer, when zone0 has it mapped no more.
    pub fn destroy(&self) {
        let base = self.base.swap(0, Ordering::AcqRel);
        if base != 0 {
            pool::free(base, self.pages.load(Ordering::Relaxed) as usize);
        }
    }

    /// Base and bytes, if there is one.
    pub fn range(&self) -> Option<(u64, u64)> {
        let base = self.base.load(Ordering::Acquire);
        let size = u64::from(self.pages.load(Ordering::Relaxed)).saturating_mul(PAGE_SIZE);
        (base != 0).then_some((base, size))
    }

    pub fn header(&self) -> Option<&IoHeader> {
        let (base, _) = self.range()?;
        // SAFETY: the area lives as long as the zone; what zone0 may write is
        // only ever read through atomics.
        Some(unsafe { &*(base as *const IoHeader) })
    }

    pub fn device(&self, index: usize) -> Option<&DeviceShared> {
        self.header()?.devices.get(index)
    }

    pub fn ring(&self, vcpu: usize) -> Option<*mut VcpuRing> {
        let (base, size) = self.range()?;
        let page = u64::try_from(HEADER_PAGES.checked_add(vcpu)?).ok()?;
        let offset = page.checked_mul(PAGE_SIZE)?;
        (offset < size).then_some(base.wrapping_add(offset) as *mut VcpuRing)
    }

    /// As before the zone's first start. What a back end attached stays so.
    pub fn renew(&self) {
        self.missed_since.store(0, Ordering::Relaxed);
        let Some(header) = self.header() else { return };
        for device in &header.devices {
            device.notified.store(0, Ordering::Relaxed);
            device.interrupt_status.store(0, Ordering::Relaxed);
            device.shadow.store(0, Ordering::Relaxed);
        }
        header.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// A back end comes or goes; only one at a time.
    pub fn bind(&self, attach: bool) -> Result<(), abi::Error> {
        if self.attached.swap(attach, Ordering::AcqRel) && attach {
            return Err(abi::Error::Busy);
        }
        self.missed_since.store(0, Ordering::Relaxed);
        self.binding.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}
