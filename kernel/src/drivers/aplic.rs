// SPDX-License-Identifier: Apache-2.0
//! The physical APLIC: the supervisor's domain.

use crate::arch::mmu;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use machine::Aplic;
use vaia::Mode;

const DOMAIN_CFG: usize = 0x0000;
const SOURCE_CFG: usize = 0x0000;
const SET_IP: usize = 0x1c00;
const IN_CLR_IP: usize = 0x1d00;
const CLR_IP_NUM: usize = 0x1ddc;
const SET_IE_NUM: usize = 0x1edc;
const CLR_IE_NUM: usize = 0x1fdc;
const SET_IP_NUM: usize = 0x2000;
const TARGET: usize = 0x3000;
const IDC: usize = 0x4000;
const IDC_STRIDE: usize = 32;
const I_DELIVERY: usize = 0x00;
const I_THRESHOLD: usize = 0x08;
const CLAIM_I: usize = 0x1c;

const INTERRUPTS_ENABLED: u32 = 1 << 8;
const BY_MESSAGES: u32 = 1 << 2;

pub const HART_SHIFT: u32 = 18;
pub const GUEST_SHIFT: u32 = 12;

static BASE: AtomicUsize = AtomicUsize::new(0);
static SOURCES: AtomicU32 = AtomicU32::new(0);
/// Interrupt delivery control of each processor.
static CONTROLS: [AtomicU32; abi::MAX_CPUS] = [const { AtomicU32::new(u32::MAX) }; abi::MAX_CPUS];

/// Maps it and makes every source inactive.
pub fn init(aplic: &Aplic, messages: bool) -> Result<(), mmu::Error> {
    let base = mmu::map_device(aplic.region.base, aplic.region.size)?;
    BASE.store(base, Ordering::Relaxed);
    SOURCES.store(aplic.sources, Ordering::Relaxed);
    for (control, hart) in (0u32..).zip(&aplic.harts) {
        if let Some(processor) = crate::cpu::find(*hart)
            && let Some(slot) = CONTROLS.get(processor.index as usize)
        {
            slot.store(control, Ordering::Relaxed);
        }
    }
    write(DOMAIN_CFG, 0);
    for source in 1..=aplic.sources {
        write(CLR_IE_NUM, source);
        configure(source, Mode::Inactive);
    }
    write(
        DOMAIN_CFG,
        INTERRUPTS_ENABLED | if messages { BY_MESSAGES } else { 0 },
    );
    Ok(())
}

/// This processor's delivery control takes everything.
pub fn init_cpu(index: usize) {
    if let Some(control) = control(index) {
        write(control.wrapping_add(I_THRESHOLD), 0);
        write(control.wrapping_add(I_DELIVERY), 1);
    }
}

fn control(index: usize) -> Option<usize> {
    let control = CONTROLS.get(index)?.load(Ordering::Relaxed);
    (control != u32::MAX).then(|| IDC.wrapping_add(IDC_STRIDE.wrapping_mul(control as usize)))
}

/// The delivery control of processor `index`.
pub fn control_of(index: usize) -> u32 {
    CONTROLS
        .get(index)
        .map_or(u32::MAX, |control| control.load(Ordering::Relaxed))
}

fn read(offset: usize) -> u32 {
    let address = BASE.load(Ordering::Relaxed).wrapping_add(offset) as *const u32;
    // SAFETY: a register that `init` mapped.
    unsafe { address.read_volatile() }
}

fn write(offset: usize, value: u32) {
    let address = BASE.load(Ordering::Relaxed).wrapping_add(offset) as *mut u32;
    // SAFETY: as above.
    unsafe { address.write_volatile(value) };
}

fn exists(source: u32) -> bool {
    source != 0 && source <= SOURCES.load(Ordering::Relaxed)
}

pub fn configure(source: u32, mode: Mode) {
    if exists(source) {
        write(SOURCE_CFG.wrapping_add(4 * source as usize), mode as u32);
    }
}

pub fn mode(source: u32) -> u32 {
    if exists(source) {
        read(SOURCE_CFG.wrapping_add(4 * source as usize)) & 7
    } else {
        0
    }
}

/// Direct: to the delivery control of processor `index`, with a priority.
pub fn target_direct(source: u32, index: usize, priority: u16) {
    let control = CONTROLS
        .get(index)
        .map_or(0, |control| control.load(Ordering::Relaxed));
    target(
        source,
        control << HART_SHIFT | u32::from(priority & 0xff).max(1),
    );
}

pub fn target(source: u32, value: u32) {
    if exists(source) {
        write(TARGET.wrapping_add(4 * source as usize), value);
    }
}

/// A level source that is high interrupts when it is enabled, by messages too.
pub fn enable(source: u32, on: bool) {
    if !exists(source) {
        return;
    }
    write(if on { SET_IE_NUM } else { CLR_IE_NUM }, source);
    if on && mode(source) >= Mode::High as u32 {
        write(SET_IP_NUM, source);
    }
}

pub fn set_pending(source: u32) {
    if exists(source) {
        write(SET_IP_NUM, source);
    }
}

pub fn clear_pending(source: u32) {
    if exists(source) {
        write(CLR_IP_NUM, source);
    }
}

fn bit(registers: usize, source: u32) -> bool {
    let word = registers.wrapping_add(4 * (source / 32) as usize);
    exists(source) && read(word) >> (source % 32) & 1 != 0
}

pub fn is_pending(source: u32) -> bool {
    bit(SET_IP, source)
}

/// The rectified input.
pub fn input(source: u32) -> bool {
    bit(IN_CLR_IP, source)
}

/// Direct: the best pending source of processor `index`, claimed; 0 for none.
pub fn claim(index: usize) -> u32 {
    control(index).map_or(0, |control| read(control.wrapping_add(CLAIM_I)) >> 16)
}
