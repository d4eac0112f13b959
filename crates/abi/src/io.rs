// SPDX-License-Identifier: Apache-2.0
//! What a zone's kernel part and its back end in zone0 share: the I/O area.
//!
//! Page 0: [`IoHeader`]; page 1: the back end's own state, kept across its
//! death; then one [`VcpuRing`] page per vCPU.
//!
//! A vCPU puts requests into its own ring and, if a request wants an answer,
//! waits in the kernel for it; posted ones never wait (unless its ring is
//! full). The back end consumes in order. The kernel believes nothing it reads
//! here: a false index or answer harms the zone's devices only.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// "HVIO".
pub const MAGIC: u32 = u32::from_le_bytes(*b"HVIO");

/// Pages of the area before the rings.
pub const HEADER_PAGES: usize = 2;
pub const KEPT_PAGE: usize = 1;

/// Shared state of one virtual device.
#[repr(C)]
pub struct DeviceShared {
    /// VIRTIO_MMIO: a bit per queue (0..63) that was notified. The kernel sets,
    /// the back end takes by swapping with 0.
    pub notified: AtomicU64,
    /// VIRTIO_MMIO: InterruptStatus. The back end sets bits, then calls
    /// `DeviceInterrupt` with level 1; the guest's InterruptACK clears bits,
    /// and the kernel lowers the line when none is left.
    pub interrupt_status: AtomicU32,
    /// SERIAL_16550: the line status register. Reads of it are answered from
    /// here.
    pub shadow: AtomicU32,
}

/// Page 0.
#[repr(C)]
pub struct IoHeader {
    pub magic: u32,
    pub version: u32,
    pub vcpu_count: u32,
    pub device_count: u32,
    /// Set by the kernel (release) with every request or notification; the
    /// back end swaps with 0 before it looks.
    pub pending: AtomicU32,
    /// Incremented by the kernel when a back end attaches or the zone is
    /// started: rings are empty from there on.
    pub generation: AtomicU32,
    pub devices: [DeviceShared; crate::descriptor::MAX_DEVICES],
}

/// Entries of a ring; a power of two.
pub const RING_ENTRIES: usize = 64;

/// `IoRequest::flags`.
pub const REQUEST_WRITE: u8 = 1 << 0;
/// The vCPU waits for an answer with this request's sequence number.
pub const REQUEST_WAITS: u8 = 1 << 1;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IoRequest {
    /// Index into the descriptor's devices.
    pub device: u32,
    /// Bytes into the device's registers.
    pub offset: u32,
    /// Written value, zero-extended.
    pub value: u64,
    pub sequence: u32,
    /// 1, 2, 4 or 8 bytes.
    pub width: u8,
    pub flags: u8,
    pub reserved: u16,
}

/// A page of its own per vCPU. Single producer (the vCPU), single consumer.
#[repr(C)]
pub struct VcpuRing {
    /// Next entry the kernel fills; free-running, masked by RING_ENTRIES - 1.
    pub head: AtomicU32,
    /// Next entry the back end takes; written by it alone.
    pub tail: AtomicU32,
    /// Answer: the value first, then (release) the sequence number, then
    /// `DeviceResponse`.
    pub response_value: AtomicU64,
    pub response_sequence: AtomicU32,
    pub reserved: [u32; 11],
    /// Written by the kernel before `head` (release).
    pub requests: [IoRequest; RING_ENTRIES],
}

/// zone0's mailbox page, one for all zones: the kernel sets a bit and raises
/// the interrupt of the `hvisor` device-tree node; the driver swaps with 0.
#[repr(C)]
pub struct Mailbox {
    pub magic: u32,
    pub version: u32,
    /// Bit per zone: its `IoHeader::pending` was set.
    pub io: AtomicU64,
    /// Bit per zone: its state changed.
    pub state: AtomicU64,
}

const _: () = assert!(size_of::<IoHeader>() <= crate::PAGE_SIZE as usize);
const _: () = assert!(size_of::<VcpuRing>() <= crate::PAGE_SIZE as usize);
const _: () = assert!(size_of::<IoRequest>() == 24);

/// zone0's device-tree node, `compatible = "hvisor,zone0-1"`: `reg` is the
/// mailbox page, `interrupts` its interrupt (edge).
pub const COMPATIBLE: &str = "hvisor,zone0-1";
