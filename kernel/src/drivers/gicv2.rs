// SPDX-License-Identifier: Apache-2.0
//! GIC version 2 (IHI 0048): CPU interface and virtual interface control.

use crate::cpu;
use crate::drivers::gic::{KICK, VirtualInterface};
use crate::drivers::mmio::Window;
use abi::MAX_CPUS;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use machine::GicV2;

/// Distributor.
const ITARGETSR: usize = 0x800;
const SGIR: usize = 0xf00;

/// CPU interface.
const CTLR: usize = 0x00;
const PMR: usize = 0x04;
const BPR: usize = 0x08;
const IAR: usize = 0x0c;
const EOIR: usize = 0x10;
const IIDR: usize = 0xfc;
const DIR: usize = 0x1000;
const ENABLE: u32 = 1 << 0;
const EOI_MODE: u32 = 1 << 9;

/// Virtual interface control.
const HCR: usize = 0x00;
const VTR: usize = 0x04;
const VMCR: usize = 0x08;
const EISR: usize = 0x20;
const ELRSR: usize = 0x30;
const APR: usize = 0xf0;
const LR: usize = 0x100;
const MAX_LIST_REGISTERS: usize = 64;

static INTERFACE: AtomicUsize = AtomicUsize::new(0);
static CONTROL: AtomicUsize = AtomicUsize::new(0);
static VIRTUAL: AtomicU64 = AtomicU64::new(0);
static LIST_REGISTERS: AtomicUsize = AtomicUsize::new(0);
/// A bit per CPU interface, by processor.
static TARGETS: [AtomicU8; MAX_CPUS] = [const { AtomicU8::new(0) }; MAX_CPUS];

/// Both are banked: the same address is this processor's own on every one.
#[inline]
fn read(base: &AtomicUsize, offset: usize) -> u32 {
    let address = base.load(Ordering::Relaxed).wrapping_add(offset);
    // SAFETY: `map` stored the base of registers it mapped, and offsets are
    // those of the architecture; nothing here is called without `map`.
    unsafe { (address as *const u32).read_volatile() }
}

#[inline]
fn write(base: &AtomicUsize, offset: usize, value: u32) {
    let address = base.load(Ordering::Relaxed).wrapping_add(offset);
    // SAFETY: as above.
    unsafe { (address as *mut u32).write_volatile(value) }
}

/// Where a CPU interface's two pages are 64 KiB apart, each repeated all over
/// its 64 KiB, the last repetition makes them adjacent.
fn alias_offset(window: Window) -> usize {
    const LAST: usize = 0xf000;
    let id = |offset: usize| window.read32(offset.wrapping_add(IIDR));
    let repeated = window.size() >= 0x2_0000 && id(0) != 0 && id(0) == id(LAST);
    if repeated { LAST } else { 0 }
}

pub fn map(gic: &GicV2) -> Result<(), super::gic::Error> {
    let interface = Window::map(gic.cpu.base, gic.cpu.size)?;
    let control = Window::map(gic.hypervisor.base, gic.hypervisor.size)?;
    let alias = alias_offset(interface);
    INTERFACE.store(interface.base().wrapping_add(alias), Ordering::Relaxed);
    CONTROL.store(control.base(), Ordering::Relaxed);
    VIRTUAL.store(
        gic.virtual_cpu.base.wrapping_add(alias as u64),
        Ordering::Relaxed,
    );
    Ok(())
}

pub fn virtual_interface_base() -> u64 {
    VIRTUAL.load(Ordering::Relaxed)
}

pub fn init_cpu(distributor: Window) {
    // ITARGETSR0 to 7 of private lines read as this processor's bit; some
    // lines may be missing.
    let targets = (0..8usize).fold(0, |all, word| {
        all | distributor.read32(word.wrapping_mul(4).wrapping_add(ITARGETSR))
    });
    let target = targets.to_ne_bytes().iter().fold(0, |all, byte| all | byte);
    if let Some(slot) = TARGETS.get(cpu::this().index as usize) {
        // On one processor there may be nothing to read.
        slot.store(if target == 0 { 1 } else { target }, Ordering::Relaxed);
    }
    write(&INTERFACE, PMR, 0xff);
    write(&INTERFACE, BPR, 0);
    write(&INTERFACE, CTLR, ENABLE | EOI_MODE);
    write(&CONTROL, HCR, 0);
    let count = (read(&CONTROL, VTR) & 0x3f).wrapping_add(1) as usize;
    LIST_REGISTERS.store(count.min(MAX_LIST_REGISTERS), Ordering::Relaxed);
    super::gic::clear_virtual_interface();
}

pub fn route(distributor: Window, intid: u32, index: usize) {
    let target = TARGETS
        .get(index)
        .map_or(0, |target| target.load(Ordering::Relaxed));
    distributor.write8((intid as usize).wrapping_add(ITARGETSR), target);
}

pub fn send_kick(distributor: Window, index: usize) {
    let target = TARGETS
        .get(index)
        .map_or(0, |target| target.load(Ordering::Relaxed));
    distributor.write32(SGIR, u32::from(target) << 16 | KICK);
}

pub fn set_priority_mask(mask: u8) {
    write(&INTERFACE, PMR, mask.into());
}

pub fn priority_mask() -> u8 {
    read(&INTERFACE, PMR) as u8
}

#[inline]
pub fn acknowledge() -> u32 {
    read(&INTERFACE, IAR)
}

#[inline]
pub fn drop_priority(acknowledged: u32) {
    write(&INTERFACE, EOIR, acknowledged);
}

#[inline]
pub fn deactivate(acknowledged: u32) {
    write(&INTERFACE, DIR, acknowledged);
}

#[inline]
pub fn list_register_count() -> usize {
    LIST_REGISTERS.load(Ordering::Relaxed)
}

#[inline]
pub fn read_list_register(index: usize) -> u64 {
    u64::from(read(
        &CONTROL,
        LR.wrapping_add((index & 63).wrapping_mul(4)),
    ))
}

#[inline]
pub fn write_list_register(index: usize, value: u64) {
    write(
        &CONTROL,
        LR.wrapping_add((index & 63).wrapping_mul(4)),
        value as u32,
    );
}

#[inline]
pub fn set_hypervisor_control(bits: u32) {
    write(&CONTROL, HCR, bits);
}

fn pair(offset: usize) -> u64 {
    let high = if list_register_count() > 32 {
        read(&CONTROL, offset.wrapping_add(4))
    } else {
        0
    };
    u64::from(read(&CONTROL, offset)) | u64::from(high) << 32
}

#[inline]
pub fn ended_list_registers() -> u64 {
    pair(EISR)
}

#[inline]
pub fn empty_list_registers() -> u64 {
    pair(ELRSR)
}

pub fn restore(state: &VirtualInterface) {
    let [active, ..] = state.ap1r;
    write(&CONTROL, VMCR, state.vmcr as u32);
    write(&CONTROL, APR, active);
}
