// SPDX-License-Identifier: Apache-2.0
//! The physical GIC: one interface over version 2 (IHI 0048) and version 3
//! (IHI 0069).
//!
//! Interrupt priority drop and deactivation are split (EOImode 1): the kernel
//! drops the priority, a zone deactivates its own lines through the list
//! register's hardware bit. Calls about one processor's lines (SGI, PPI) and
//! its interface mean the processor that calls.

use crate::arch::mmu;
use crate::drivers::mmio::Window;
use crate::drivers::{gicv2, gicv3};
use crate::sync::{Lock, Once};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::Controller;

/// INTIDs from here on are answers of [`acknowledge`] without an interrupt.
pub const SPURIOUS_FIRST: u32 = 1020;
/// The SGI that means "look into your mailbox".
pub const KICK: u32 = 7;
/// First SPI.
pub const SHARED_FIRST: u32 = 32;
/// What every line has unless asked otherwise.
const PRIORITY: u8 = 0xa0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

#[derive(Clone, Copy, Debug)]
pub enum Error {
    Map(mmu::Error),
    /// The machine has another kind of controller.
    NotGic,
    /// No redistributor has this processor's affinity.
    NoRedistributor,
    /// The redistributor does not wake up.
    Asleep,
    /// The system register interface can not be switched on.
    NoSystemRegisters,
}

impl From<mmu::Error> for Error {
    fn from(error: mmu::Error) -> Self {
        Self::Map(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(error) => write!(out, "its registers can not be mapped ({error:?})"),
            Self::NotGic => write!(out, "it is not a GIC"),
            Self::NoRedistributor => write!(out, "no redistributor has this processor's affinity"),
            Self::Asleep => write!(out, "the redistributor does not wake up"),
            Self::NoSystemRegisters => write!(out, "the firmware keeps its system registers off"),
        }
    }
}

/// Registers of the distributor; those below 0x1000 are the same ones in a
/// redistributor's SGI frame.
mod register {
    pub const CTLR: usize = 0x000;
    pub const TYPER: usize = 0x004;
    pub const IGROUPR: usize = 0x080;
    pub const ISENABLER: usize = 0x100;
    pub const ICENABLER: usize = 0x180;
    pub const ISPENDR: usize = 0x200;
    pub const ICPENDR: usize = 0x280;
    pub const ICACTIVER: usize = 0x380;
    pub const IPRIORITYR: usize = 0x400;
    pub const ICFGR: usize = 0xc00;
}
use register::*;

struct Gic {
    distributor: Window,
    lines: u32,
    maintenance: u32,
}

static GIC: Once<Gic> = Once::new();
static IS_V2: AtomicBool = AtomicBool::new(false);
/// For registers that have several lines' fields and no set and clear forms.
static FIELDS: Lock<()> = Lock::new(());

#[inline]
fn is_v2() -> bool {
    IS_V2.load(Ordering::Relaxed)
}

pub fn version() -> Version {
    if is_v2() { Version::V2 } else { Version::V3 }
}

fn distributor() -> Window {
    GIC.get().map_or(Window::NONE, |gic| gic.distributor)
}

/// Highest INTID + 1.
pub fn lines() -> u32 {
    GIC.get().map_or(0, |gic| gic.lines)
}

/// INTID of the maintenance interrupt, a PPI.
pub fn maintenance_line() -> u32 {
    GIC.get().map_or(0, |gic| gic.maintenance)
}

/// V2: physical base of GICV (the virtual CPU interface, 8 KiB, to be mapped
/// into zones at their GICC).
pub fn virtual_interface_base() -> u64 {
    gicv2::virtual_interface_base()
}

/// The distributor: all lines off, not pending, group 1, one priority, level.
pub fn init(controller: &Controller) -> Result<(), Error> {
    let (region, maintenance) = match controller {
        Controller::GicV2(gic) => {
            gicv2::map(gic)?;
            IS_V2.store(true, Ordering::Relaxed);
            (gic.distributor, gic.maintenance)
        }
        Controller::GicV3(gic) => {
            gicv3::map(gic)?;
            (gic.distributor, gic.maintenance)
        }
        _ => return Err(Error::NotGic),
    };
    let distributor = Window::map(region.base, region.size)?;
    distributor.write32(CTLR, 0);
    gicv3::wait_for_writes(distributor, CTLR, 31);
    let blocks = (distributor.read32(TYPER) & 0x1f).wrapping_add(1);
    let lines = blocks.wrapping_mul(32).min(SPURIOUS_FIRST);
    for block in 1..blocks as usize {
        let at = |register: usize| block.wrapping_mul(4).wrapping_add(register);
        reset_block(distributor, at);
    }
    for word in 8..(lines / 4) as usize {
        let priorities = u32::from_ne_bytes([PRIORITY; 4]);
        distributor.write32(word.wrapping_mul(4).wrapping_add(IPRIORITYR), priorities);
    }
    for word in 2..(lines / 16) as usize {
        distributor.write32(word.wrapping_mul(4).wrapping_add(ICFGR), 0);
    }
    // V2: enable; V3: affinity routing first, then group 1.
    if is_v2() {
        distributor.write32(CTLR, 1);
    } else {
        distributor.write32(CTLR, gicv3::DISTRIBUTOR_ROUTING);
        gicv3::wait_for_writes(distributor, CTLR, 31);
        distributor.write32(CTLR, gicv3::DISTRIBUTOR_ROUTING | gicv3::DISTRIBUTOR_GROUP1);
    }
    gicv3::wait_for_writes(distributor, CTLR, 31);
    let _ = GIC.set(Gic {
        distributor,
        lines,
        maintenance,
    });
    Ok(())
}

/// 32 lines off, neither pending nor active, in group 1.
fn reset_block(window: Window, at: impl Fn(usize) -> usize) {
    window.write32(at(ICENABLER), u32::MAX);
    window.write32(at(ICPENDR), u32::MAX);
    window.write32(at(ICACTIVER), u32::MAX);
    // V2 without security states has the group at 0 and its enable in bit 0.
    if !is_v2() {
        window.write32(at(IGROUPR), u32::MAX);
    }
}

/// This processor's lines and interface; the kick is on.
pub fn init_cpu() -> Result<(), Error> {
    if !is_v2() {
        gicv3::find_redistributor()?;
    }
    let window = bank(0);
    reset_block(window, |register| register);
    for word in 0..8usize {
        window.write32(
            word.wrapping_mul(4).wrapping_add(IPRIORITYR),
            u32::from_ne_bytes([PRIORITY; 4]),
        );
    }
    if is_v2() {
        gicv2::init_cpu(distributor());
    } else {
        gicv3::init_cpu()?;
    }
    set_priority(KICK, KICK_PRIORITY);
    enable_line(KICK, true);
    Ok(())
}

/// Where `intid`'s registers are: the distributor, or this processor's
/// redistributor. Nowhere for a line that does not exist.
fn bank(intid: u32) -> Window {
    if intid >= lines() {
        Window::NONE
    } else if intid < SHARED_FIRST && !is_v2() {
        gicv3::private_lines()
    } else {
        distributor()
    }
}

fn bit(intid: u32, register: usize) -> (usize, u32) {
    let word = (intid / 32) as usize;
    (
        word.wrapping_mul(4).wrapping_add(register),
        1 << (intid % 32),
    )
}

fn set_bit(intid: u32, register: usize) {
    let (offset, bit) = bit(intid, register);
    bank(intid).write32(offset, bit);
}

fn has_bit(intid: u32, register: usize) -> bool {
    let (offset, bit) = bit(intid, register);
    bank(intid).read32(offset) & bit != 0
}

/// INTID in what [`acknowledge`] gave.
#[inline]
pub fn intid(acknowledged: u32) -> u32 {
    if is_v2() {
        acknowledged & 0x3ff
    } else {
        acknowledged
    }
}

/// The highest-priority pending interrupt, now active, to be given to
/// [`intid`], [`drop_priority`] and [`deactivate`] (V2 adds the source
/// processor of an SGI).
#[inline]
pub fn acknowledge() -> u32 {
    if is_v2() {
        gicv2::acknowledge()
    } else {
        gicv3::acknowledge()
    }
}

#[inline]
pub fn drop_priority(acknowledged: u32) {
    if is_v2() {
        gicv2::drop_priority(acknowledged)
    } else {
        gicv3::drop_priority(acknowledged)
    }
}

#[inline]
pub fn deactivate(acknowledged: u32) {
    if is_v2() {
        gicv2::deactivate(acknowledged)
    } else {
        gicv3::deactivate(acknowledged)
    }
}

/// Switched off, it is not forwarded any more when this returns.
pub fn enable_line(intid: u32, enable: bool) {
    set_bit(intid, if enable { ISENABLER } else { ICENABLER });
    if !enable && !is_v2() {
        if intid < SHARED_FIRST {
            gicv3::wait_for_private_writes();
        } else {
            gicv3::wait_for_writes(distributor(), CTLR, 31);
        }
    }
}

/// To processor `index`, which is online; SPIs only.
pub fn route_line(intid: u32, index: usize) {
    if intid < SHARED_FIRST || intid >= lines() {
        return;
    }
    if is_v2() {
        gicv2::route(distributor(), intid, index);
    } else {
        gicv3::route(distributor(), intid, index);
    }
}

/// Edge-triggered or level-sensitive; the line should be off.
pub fn configure_line(intid: u32, edge: bool) {
    let offset = ((intid / 16) as usize).wrapping_mul(4).wrapping_add(ICFGR);
    let bit = 2u32 << (intid % 16).wrapping_mul(2);
    let window = bank(intid);
    let _guard = FIELDS.lock();
    let old = window.read32(offset);
    window.write32(offset, if edge { old | bit } else { old & !bit });
}

pub fn set_priority(intid: u32, priority: u8) {
    bank(intid).write8((intid as usize).wrapping_add(IPRIORITYR), priority);
}

/// Kicks come before all others.
const KICK_PRIORITY: u8 = 0;
/// Priority masks of this processor's interface.
pub const KICKS_ONLY: u8 = 0x10;
pub const EVERYTHING: u8 = 0xff;

/// Interrupts of a priority value below `mask` are signalled.
pub fn set_priority_mask(mask: u8) {
    if is_v2() {
        gicv2::set_priority_mask(mask)
    } else {
        gicv3::set_priority_mask(mask)
    }
}

pub fn priority_mask() -> u8 {
    if is_v2() {
        gicv2::priority_mask()
    } else {
        gicv3::priority_mask()
    }
}

pub fn clear_pending(intid: u32) {
    set_bit(intid, ICPENDR);
}

pub fn clear_active(intid: u32) {
    set_bit(intid, ICACTIVER);
}

pub fn is_pending(intid: u32) -> bool {
    has_bit(intid, ISPENDR)
}

/// Sends [`KICK`] to processor `index`.
#[inline]
pub fn send_kick(index: usize) {
    if is_v2() {
        gicv2::send_kick(distributor(), index)
    } else {
        gicv3::send_kick(index)
    }
}

/// Implemented list registers.
#[inline]
pub fn list_register_count() -> usize {
    if is_v2() {
        gicv2::list_register_count()
    } else {
        gicv3::list_register_count()
    }
}

/// In version 3's layout (ICH_LR_EL2) with `V3`, version 2's (GICH_LR) with `V2`.
#[inline]
pub fn read_list_register(index: usize) -> u64 {
    if is_v2() {
        gicv2::read_list_register(index)
    } else {
        gicv3::read_list_register(index)
    }
}

#[inline]
pub fn write_list_register(index: usize, value: u64) {
    if is_v2() {
        gicv2::write_list_register(index, value);
    } else {
        gicv3::write_list_register(index, value);
    }
}

/// ICH_HCR_EL2 or GICH_HCR.
#[inline]
pub fn set_hypervisor_control(bits: u32) {
    if is_v2() {
        gicv2::set_hypervisor_control(bits)
    } else {
        gicv3::set_hypervisor_control(bits)
    }
}

/// List registers that ended with a maintenance request, a bit each.
#[inline]
pub fn ended_list_registers() -> u64 {
    if is_v2() {
        gicv2::ended_list_registers()
    } else {
        gicv3::ended_list_registers()
    }
}

/// Empty list registers, a bit each.
#[inline]
pub fn empty_list_registers() -> u64 {
    if is_v2() {
        gicv2::empty_list_registers()
    } else {
        gicv3::empty_list_registers()
    }
}

/// The virtual interface as a zone sees it: priority mask, enables, active
/// priorities. V2: one active priorities register, in `ap1r`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtualInterface {
    pub vmcr: u64,
    pub ap0r: [u32; 4],
    pub ap1r: [u32; 4],
}

pub fn restore_virtual_interface(state: &VirtualInterface) {
    if is_v2() {
        gicv2::restore(state)
    } else {
        gicv3::restore(state)
    }
}

/// Nothing pending, active or enabled: empties list registers too.
pub fn clear_virtual_interface() {
    set_hypervisor_control(0);
    for index in 0..list_register_count() {
        write_list_register(index, 0);
    }
    restore_virtual_interface(&VirtualInterface::default());
}
