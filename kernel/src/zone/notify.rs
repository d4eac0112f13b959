// SPDX-License-Identifier: Apache-2.0
//! Telling zone0: bits in the mailbox page, and its interrupt.

use super::{Zone, vcpu};
use crate::cpu;
use crate::sync::Once;
use abi::io::Mailbox;
use core::sync::atomic::{AtomicU64, Ordering};

/// Where zone0 is told.
pub struct Target {
    /// Address of the [`Mailbox`] page, in the pool and in zone0.
    pub page: u64,
    /// zone0's interrupt line for it.
    pub line: u32,
    /// Processor that is zone0's first vCPU.
    pub cpu: usize,
}

static TARGET: Once<Target> = Once::new();

pub fn set_target(target: Target) {
    // There is one zone0; a second call would be its restart, with the same target.
    let _ = TARGET.set(target);
}

pub fn target() -> Option<&'static Target> {
    TARGET.get()
}

fn mailbox() -> Option<(&'static Mailbox, &'static Target)> {
    let target = TARGET.get()?;
    // SAFETY: the page was allocated for this at boot and is never freed; zone0
    // writes it too, so only atomics are used.
    Some((unsafe { &*(target.page as *const Mailbox) }, target))
}

/// A vCPU of `zone` has put something into the zone's I/O area.
pub fn io_pending(zone: &Zone) {
    let Some(header) = zone.io.header() else {
        return;
    };
    // If it was set, the back end has not looked since: it will find this too.
    if header.pending.swap(1, Ordering::AcqRel) == 0
        && let Some((mailbox, target)) = mailbox()
    {
        tell(&mailbox.io, zone.number(), target);
    }
}

/// A back end attached: it shall look at what was put there before.
pub fn io_again(zone: &Zone) {
    if let Some(header) = zone.io.header() {
        header.pending.store(0, Ordering::Release);
        io_pending(zone);
    }
}

/// `zone`'s state is another one.
pub fn state_changed(zone: u8) {
    if let Some((mailbox, target)) = mailbox() {
        tell(&mailbox.state, zone, target);
    }
}

fn tell(word: &AtomicU64, zone: u8, target: &Target) {
    let bit = 1u64.checked_shl(zone.into()).unwrap_or(0);
    word.fetch_or(bit, Ordering::AcqRel);
    cpu::post(target.cpu, vcpu::mail::NOTIFY);
}
