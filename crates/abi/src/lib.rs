// SPDX-License-Identifier: Apache-2.0
//! Hypercalls and shared layouts: kernel <-> driver <-> tool, one definition.
//!
//! All integers are little-endian, all structures have a fixed layout without
//! implicit padding. Whoever reads one treats every field as an allegation.
#![no_std]
#![forbid(unsafe_code)]

pub mod bundle;
pub mod counters;
pub mod descriptor;
pub mod hypercall;
pub mod inventory;
pub mod io;
pub mod status;

pub use counters::ExitCause;
pub use descriptor::ZoneDescriptor;
pub use hypercall::{Error, Function, KEPT_SIZE};

/// Version of everything in this crate. A driver or tool refuses another one.
pub const VERSION: u32 = 1;

/// Zones a machine can have at once, zone0 included.
pub const MAX_ZONES: usize = 16;
/// Processors a machine can have.
pub const MAX_CPUS: usize = 64;
/// Processors one zone can have.
pub const MAX_VCPUS: usize = 32;
/// Smallest unit of ownership, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// Turns a NUL-padded name into a string; text after the first NUL is ignored.
pub fn name_from_bytes(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    core::str::from_utf8(bytes.get(..end)?).ok()
}

/// NUL-pads `name`; `None` if it does not fit.
pub fn name_to_bytes<const N: usize>(name: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    bytes
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    Some(bytes)
}
