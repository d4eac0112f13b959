// SPDX-License-Identifier: Apache-2.0
//! The CPU interface, and interrupts in masses.

use crate::memory;
use crate::platform::Platform;
use crate::random::Random;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Address of the GICv2 CPU interface, or 0.
static INTERFACE: AtomicU64 = AtomicU64::new(0);
/// Whether interrupts are acknowledged and ended.
static ENDS: AtomicBool = AtomicBool::new(true);
/// Ticks at which the timer is turned off, for it leaves time for nothing else.
static DEADLINE: AtomicU64 = AtomicU64::new(0);

pub fn end_interrupt() {
    if !ENDS.load(Ordering::Relaxed) {
        return;
    }
    if super::now() > DEADLINE.load(Ordering::Relaxed) {
        // SAFETY: the zone's own timer.
        unsafe { asm!("msr cntv_ctl_el0, {}", in(reg) 0u64) };
    }
    let base = INTERFACE.load(Ordering::Relaxed);
    if base != 0 {
        let intid = memory::read(base + 0xc, 4);
        memory::write(base + 0x10, 4, intid);
        return;
    }
    // SAFETY: acknowledges and ends one interrupt.
    unsafe {
        let intid: u64;
        asm!("mrs {}, S3_0_C12_C12_0", out(reg) intid);
        asm!("msr S3_0_C12_C12_1, {}", in(reg) intid);
    }
}

/// Everything enabled: groups, priorities, this processor's SGIs and the timer's PPI.
fn enable_all(platform: &Platform) {
    let [distributor, second, _] = platform.controller;
    memory::write(distributor.base, 4, 0x13);
    if platform.controller_v2 {
        INTERFACE.store(second.base, Ordering::Relaxed);
        memory::write(distributor.base + 0x100, 4, 0xffff_ffff);
        memory::write(second.base + 4, 4, 0xff);
        memory::write(second.base, 4, 3);
    } else {
        memory::write(second.base + 0x14, 4, 0);
        memory::write(second.base + 0x1_0080, 4, 0xffff_ffff);
        memory::write(second.base + 0x1_0100, 4, 0xffff_ffff);
        // SAFETY: this processor's own interface.
        unsafe {
            asm!("msr S3_0_C12_C12_5, {}", in(reg) 7u64);
            asm!("msr S3_0_C4_C6_0, {}", in(reg) 0xffu64);
            asm!("msr S3_0_C12_C12_7, {}", in(reg) 1u64);
            asm!("isb");
        }
    }
    for offset in (0x104..0x180).step_by(4) {
        memory::write(distributor.base + offset, 4, 0xffff_ffff);
    }
}

fn unmask(on: bool) {
    // SAFETY: the handler is in place.
    unsafe {
        if on {
            asm!("msr daifclr, #3");
        } else {
            asm!("msr daifset, #3");
        }
    }
}

/// The timer always expired, SGIs to itself, everything set pending, for `ticks`.
/// With `ends` false nothing is ever acknowledged.
pub fn flood(platform: &Platform, ticks: u64, ends: bool, random: &mut Random) {
    ENDS.store(ends, Ordering::Relaxed);
    enable_all(platform);
    // SAFETY: the zone's own timer.
    unsafe {
        asm!("msr cntv_cval_el0, {}", in(reg) 0u64);
        asm!("msr cntv_ctl_el0, {}", in(reg) 1u64);
    }
    let begin = super::now();
    DEADLINE.store(begin.wrapping_add(ticks), Ordering::Relaxed);
    unmask(ends);
    while super::now().wrapping_sub(begin) < ticks {
        let distributor = platform.controller[0].base;
        memory::write(distributor + 0x200 + random.below(32) * 4, 4, random.next());
        send(
            platform,
            random.below(16) << 24 | 1,
            random.below(16) | 1 << 16,
        );
    }
    unmask(false);
    // SAFETY: as above.
    unsafe { asm!("msr cntv_ctl_el0, {}", in(reg) 0u64) };
}

/// An SGI: ICC_SGI1R_EL1's value, or GICD_SGIR's.
fn send(platform: &Platform, v3: u64, v2: u64) {
    if platform.controller_v2 {
        memory::write(platform.controller[0].base + 0xf00, 4, v2);
        return;
    }
    // SAFETY: what it does is for the hypervisor to say.
    unsafe { asm!("msr S3_0_C12_C11_5, {}", in(reg) v3) };
}

/// SGIs at affinities and targets that are not the zone's.
pub fn send_everywhere(platform: &Platform, count: u64, random: &mut Random) {
    for affinity in 0..256u64 {
        let intid = affinity & 0xf;
        send(
            platform,
            intid << 24 | affinity << 16 | 0xffff,
            0xff << 16 | 1 << 24 | intid,
        );
        send(platform, 1 << 40 | intid << 24, 0xff << 16 | intid);
        send(
            platform,
            intid << 24 | affinity << 32 | 0xffff,
            0xff << 16 | 0x8000 | intid,
        );
    }
    for _ in 0..count {
        send(platform, random.next(), random.next());
        if !platform.controller_v2 {
            // SAFETY: as in `send`: SGI0R and ASGI1R.
            unsafe {
                asm!("msr S3_0_C12_C11_7, {}", in(reg) random.next());
                asm!("msr S3_0_C12_C11_6, {}", in(reg) random.next());
            }
        }
    }
}
