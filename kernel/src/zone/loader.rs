// SPDX-License-Identifier: Apache-2.0
//! Bytes into a zone's memory, visible to a processor without caches.

use super::Zone;
use super::layout::Gpa;
use crate::arch;
use abi::bundle::{Bundle, entry};

/// Zeroes RAM that no zone runs in.
pub fn zero(physical: u64, size: u64) {
    let Ok(length) = usize::try_from(size) else {
        return;
    };
    // SAFETY: a range of RAM from an admitted descriptor, mapped linearly; no
    // processor runs in its zone.
    unsafe { core::ptr::write_bytes(physical as *mut u8, 0, length) };
    arch::cpu::clean_invalidate(physical, size);
}

/// Copies `length` bytes from kernel address `source` to RAM of a zone.
pub fn copy(target: u64, source: u64, length: u64) {
    let Ok(count) = usize::try_from(length) else {
        return;
    };
    // SAFETY: `target` is RAM of a zone that does not run, `source` the
    // caller's checked memory or the bundle; ranges of one zone each, so they
    // overlap only if both are the same zone's, which `copy` allows.
    unsafe { core::ptr::copy(source as *const u8, target as *mut u8, count) };
    arch::cpu::clean(target, length);
    arch::cpu::sync_instructions(target, length);
}

/// Loads what the zone's descriptor names of the bundle.
pub fn load_images(zone: &Zone, bundle: &Bundle) -> Result<(), abi::Error> {
    let layout = zone.layout();
    for image in layout.descriptor.images() {
        let payload = match bundle.entry(image.payload as usize) {
            Some((entry::PAYLOAD, payload)) => payload,
            _ => return Err(abi::Error::InvalidArgument),
        };
        let length = payload.len() as u64;
        let target = layout
            .ram(Gpa(image.guest), length)
            .ok_or(abi::Error::OutOfRange)?;
        copy(target, payload.as_ptr() as u64, length);
    }
    Ok(())
}
