// SPDX-License-Identifier: Apache-2.0
//! Accesses to virtual devices: the short ones are answered here, the others
//! by the zone's back end in zone0.

use super::{Zone, notify, vcpu};
use crate::arch;
use crate::cpu;
use abi::ExitCause;
use abi::descriptor::device;
use abi::io::{IoRequest, REQUEST_WAITS, REQUEST_WRITE, RING_ENTRIES, VcpuRing};
use core::sync::atomic::Ordering;

/// A guest's access to a device's register.
#[derive(Clone, Copy)]
pub struct Access {
    pub device: usize,
    /// Bytes into the device's registers.
    pub offset: u32,
    /// Bytes: 1, 2, 4 or 8.
    pub width: u8,
    /// Zero-extended; `None` for a read.
    pub write: Option<u64>,
}

pub enum Outcome {
    /// Done; what a read gives.
    Done(u64),
    /// Nobody can answer yet: the guest is to try again, its interrupts first.
    Retry,
}

/// virtio-mmio registers (virtio 1.2, 4.2.2) that are answered here.
const QUEUE_NOTIFY: u32 = 0x50;
const INTERRUPT_STATUS: u32 = 0x60;
const INTERRUPT_ACK: u32 = 0x64;
/// 16550 line status.
const LINE_STATUS: u32 = 5;

/// How long a zone waits for its back end to appear, then the device is as
/// good as unplugged; and for one answer. Seconds.
const PATIENCE: u64 = 30;
const ANSWER_TIME: u64 = 10;
/// Microseconds between two tries of a guest.
const RETRY_DELAY: u64 = 50;
/// And between two looks at a full ring.
const ROOM_DELAY: u64 = 5;

pub fn access(zone: &Zone, vcpu: usize, access: &Access) -> Outcome {
    let Some(kind) = zone
        .layout()
        .descriptor
        .devices()
        .get(access.device)
        .map(|d| d.kind)
    else {
        return Outcome::Done(0);
    };
    if let Some(value) = fast(zone, vcpu, kind, access) {
        return Outcome::Done(value);
    }
    if !zone.io.attached.load(Ordering::Acquire) {
        cpu::this().count(ExitCause::DeviceAccess);
        return missing(zone);
    }
    let posted = kind == device::SERIAL_16550 && access.write.is_some();
    cpu::this().count(if posted {
        ExitCause::DevicePosted
    } else {
        ExitCause::DeviceAccess
    });
    zone.io.missed_since.store(0, Ordering::Relaxed);
    forward(zone, vcpu, access, !posted)
}

/// What needs no back end's answer.
fn fast(zone: &Zone, vcpu: usize, kind: u32, access: &Access) -> Option<u64> {
    let shared = zone.io.device(access.device)?;
    let (cause, value) = match (kind, access.offset, access.write) {
        (device::VIRTIO_MMIO, INTERRUPT_STATUS, None) => {
            let status = shared.interrupt_status.load(Ordering::Acquire);
            (ExitCause::DeviceFast, status.into())
        }
        (device::VIRTIO_MMIO, INTERRUPT_ACK, Some(bits)) => {
            acknowledge(zone, vcpu, access.device, bits as u32);
            (ExitCause::DeviceFast, 0)
        }
        (device::VIRTIO_MMIO, QUEUE_NOTIFY, Some(queue)) => {
            let bit = u32::try_from(queue)
                .ok()
                .and_then(|queue| 1u64.checked_shl(queue));
            shared.notified.fetch_or(bit.unwrap_or(0), Ordering::AcqRel);
            notify::io_pending(zone);
            (ExitCause::DevicePosted, 0)
        }
        (device::SERIAL_16550, LINE_STATUS, None) if zone.io.attached.load(Ordering::Acquire) => {
            let status = shared.shadow.load(Ordering::Acquire) & 0xff;
            (ExitCause::DeviceFast, status.into())
        }
        _ => return None,
    };
    cpu::this().count(cause);
    Some(value)
}

/// The guest took interrupts: the line goes down when none is left.
fn acknowledge(zone: &Zone, vcpu: usize, device: usize, bits: u32) {
    let Some(line) = zone
        .layout()
        .descriptor
        .devices()
        .get(device)
        .map(|d| d.line)
    else {
        return;
    };
    let Some(shared) = zone.io.device(device) else {
        return;
    };
    shared.interrupt_status.fetch_and(!bits, Ordering::AcqRel);
    let mut controller = zone.controller.lock();
    // Looked at under the lock: a back end sets its bit before `drive_line` takes it.
    if shared.interrupt_status.load(Ordering::Acquire) == 0 {
        controller.set_level(line, false, zone, Some(vcpu));
    }
}

/// A back end drives the line of one of its devices.
pub fn drive_line(zone: &Zone, device: usize, level: bool) -> Result<(), abi::Error> {
    let line = zone
        .layout()
        .descriptor
        .devices()
        .get(device)
        .map(|d| d.line)
        .ok_or(abi::Error::InvalidArgument)?;
    zone.controller.lock().set_level(line, level, zone, None);
    Ok(())
}

/// No back end: the guest tries again for a while, then reads nothing.
fn missing(zone: &Zone) -> Outcome {
    let now = arch::cpu::now();
    let patience = arch::cpu::frequency().saturating_mul(PATIENCE);
    let since =
        match zone
            .io
            .missed_since
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => now,
            Err(since) => since,
        };
    if now.saturating_sub(since) > patience {
        return Outcome::Done(0);
    }
    arch::cpu::delay(RETRY_DELAY);
    Outcome::Retry
}

/// Through the vCPU's ring; waits for the answer if one is wanted.
fn forward(zone: &Zone, vcpu: usize, access: &Access, waits: bool) -> Outcome {
    let (Some(ring), Some(own)) = (zone.io.ring(vcpu), zone.vcpus.get(vcpu)) else {
        return Outcome::Done(0);
    };
    let binding = zone.io.binding.load(Ordering::Acquire);
    let wait = Wait {
        zone,
        vcpu,
        binding,
    };
    // Nobody announces that a posted request was taken.
    let look_again = || arch::cpu::delay(ROOM_DELAY);
    if !wait.until(|| has_room(ring, own), look_again) {
        return Outcome::Retry;
    }
    let sequence = own.sequence.load(Ordering::Relaxed).wrapping_add(1);
    own.sequence.store(sequence, Ordering::Relaxed);
    let head = own.head.load(Ordering::Relaxed);
    let request = IoRequest {
        device: access.device as u32,
        offset: access.offset,
        value: access.write.unwrap_or(0),
        sequence,
        width: access.width,
        flags: if access.write.is_some() {
            REQUEST_WRITE
        } else {
            0
        } | if waits { REQUEST_WAITS } else { 0 },
        reserved: 0,
    };
    let slot = head as usize % RING_ENTRIES;
    // SAFETY: the ring's page is the zone's while it lives; this vCPU alone
    // writes requests, and this slot is free. zone0 may write there as well: a
    // false request is its own back end's to handle.
    unsafe {
        let requests = &raw mut (*ring).requests as *mut IoRequest;
        requests.add(slot).write_volatile(request);
    }
    let head = head.wrapping_add(1);
    own.head.store(head, Ordering::Relaxed);
    ring_head(ring).store(head, Ordering::Release);
    notify::io_pending(zone);
    if !waits {
        return Outcome::Done(0);
    }
    let answered = || ring_words(ring).response_sequence.load(Ordering::Acquire) == sequence;
    if wait.until(answered, arch::cpu::wait_for_interrupt) {
        Outcome::Done(ring_words(ring).response_value.load(Ordering::Relaxed))
    } else {
        Outcome::Retry
    }
}

fn ring_words(ring: *mut VcpuRing) -> &'static VcpuRing {
    // SAFETY: see `forward`; only the atomic words are read through this.
    unsafe { &*ring }
}

fn ring_head(ring: *mut VcpuRing) -> &'static core::sync::atomic::AtomicU32 {
    &ring_words(ring).head
}

/// What the consumer of `ring` has taken; zone0 writes it.
pub fn tail(ring: *mut VcpuRing) -> u32 {
    ring_words(ring).tail.load(Ordering::Acquire)
}

/// Whether the ring has a free entry. A tail that makes no sense (zone0 writes
/// it) counts as an empty ring.
fn has_room(ring: *mut VcpuRing, own: &vcpu::Vcpu) -> bool {
    let tail = ring_words(ring).tail.load(Ordering::Acquire);
    let head = own.head.load(Ordering::Relaxed);
    let used = head.wrapping_sub(tail) as usize;
    if used > RING_ENTRIES {
        own.head.store(tail, Ordering::Relaxed);
        ring_head(ring).store(tail, Ordering::Release);
        return true;
    }
    used < RING_ENTRIES
}

struct Wait<'a> {
    zone: &'a Zone,
    vcpu: usize,
    binding: u32,
}

impl Wait<'_> {
    /// Calls `sleep` until `done`; false if the zone or the back end changed meanwhile,
    /// or it takes too long.
    fn until(&self, done: impl Fn() -> bool, sleep: impl Fn()) -> bool {
        if done() {
            return true;
        }
        let own = cpu::this();
        let deadline =
            arch::cpu::now().saturating_add(arch::cpu::frequency().saturating_mul(ANSWER_TIME));
        // The guest's own interrupts stay pending; they wake this loop, so that
        // the time is looked at whenever the guest would miss something.
        loop {
            if done() {
                return true;
            }
            let bound = self.zone.io.attached.load(Ordering::Acquire)
                && self.zone.io.binding.load(Ordering::Acquire) == self.binding;
            if !bound || own.mailbox.load(Ordering::Acquire) & vcpu::mail::ATTEND != 0 {
                return false;
            }
            if arch::cpu::now() > deadline {
                crate::log!(
                    "zone {}: no answer from its back end in {ANSWER_TIME} s (vCPU {})",
                    self.zone.number(),
                    self.vcpu
                );
                self.zone.io.attached.store(false, Ordering::Release);
                return false;
            }
            sleep();
            arch::interrupts::take_kick();
        }
    }
}
