// SPDX-License-Identifier: Apache-2.0
//! The guest's timer: its own comparator where the harts have Sstc, else one
//! of the firmware's.

use super::{csr, firmware};
use core::sync::atomic::{AtomicBool, Ordering};
use rv64::cause::interrupt;
use rv64::csr::henvcfg;

static DIRECT: AtomicBool = AtomicBool::new(false);

/// Whether the guest reaches its comparator without an exit.
pub fn is_direct() -> bool {
    DIRECT.load(Ordering::Relaxed)
}

/// Finds out; `henvcfg` is written afterwards.
pub fn probe() {
    csr::set!("henvcfg", henvcfg::STCE);
    DIRECT.store(
        csr::read!("henvcfg") & henvcfg::STCE != 0,
        Ordering::Relaxed,
    );
}

/// No timer is set.
pub fn reset() {
    csr::clear!("hvip", 1 << interrupt::VIRTUAL_TIMER);
    if is_direct() {
        csr::write!("0x24d", u64::MAX);
    } else {
        csr::clear!("sie", 1 << interrupt::SUPERVISOR_TIMER);
        firmware::set_timer(u64::MAX);
    }
}

/// The guest asks for an interrupt at `time`.
pub fn set(time: u64) {
    if is_direct() {
        csr::write!("0x24d", time);
        return;
    }
    csr::clear!("hvip", 1 << interrupt::VIRTUAL_TIMER);
    firmware::set_timer(time);
    csr::set!("sie", 1 << interrupt::SUPERVISOR_TIMER);
}

/// The firmware's timer went off: it is the guest's, who sets it again.
pub fn expired() {
    csr::clear!("sie", 1 << interrupt::SUPERVISOR_TIMER);
    csr::set!("hvip", 1 << interrupt::VIRTUAL_TIMER);
}
