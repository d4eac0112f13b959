// SPDX-License-Identifier: Apache-2.0
//! GIC version 3 (IHI 0069): redistributors and system registers.

use crate::cpu;
use crate::drivers::gic::{Error, KICK, VirtualInterface};
use crate::drivers::mmio::Window;
use crate::sync::Once;
use crate::{read_register, write_register};
use abi::MAX_CPUS;
use arrayvec::ArrayVec;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use machine::{GicV3, MAX_REGIONS};

/// GICD_CTLR as seen from the non-secure state and with one security state.
pub const DISTRIBUTOR_ROUTING: u32 = 1 << 4;
pub const DISTRIBUTOR_GROUP1: u32 = 1 << 1;
const IROUTER: usize = 0x6000;

/// Redistributor.
const GICR_CTLR: usize = 0x0;
const GICR_TYPER: usize = 0x8;
const GICR_WAKER: usize = 0x14;
const WRITE_PENDING: u32 = 3;
const LAST: u64 = 1 << 4;
const VIRTUAL_LPIS: u64 = 1 << 1;
const PROCESSOR_SLEEP: u32 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;
const SGI_FRAME: usize = 0x1_0000;
const FRAMES: usize = 0x2_0000;

/// SRE, DFB, DIB, Enable: EL1 may read its own ICC_SRE_EL1.
const SRE: u64 = 0xf;
const EOI_MODE: u64 = 1 << 1;

/// Times a register is asked before it is given up.
const PATIENCE: u32 = 1_000_000;

struct Redistributors {
    regions: ArrayVec<Window, MAX_REGIONS>,
    stride: Option<u64>,
}

static REDISTRIBUTORS: Once<Redistributors> = Once::new();
/// The redistributor of each processor, by index.
static OWN: [AtomicUsize; MAX_CPUS] = [const { AtomicUsize::new(0) }; MAX_CPUS];
/// What ICC_SGI1R_EL1 is written to kick each processor.
static KICKS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static LIST_REGISTERS: AtomicUsize = AtomicUsize::new(0);
static ACTIVE_REGISTERS: AtomicUsize = AtomicUsize::new(0);

pub fn map(gic: &GicV3) -> Result<(), Error> {
    let mut regions = ArrayVec::new();
    for region in &gic.redistributors {
        let window = Window::map(region.base, region.size)?;
        let _ = regions.try_push(window);
    }
    let _ = REDISTRIBUTORS.set(Redistributors {
        regions,
        stride: gic.stride,
    });
    Ok(())
}

/// Until the write-pending bit at `offset` is clear.
pub fn wait_for_writes(window: Window, offset: usize, bit: u32) {
    for _ in 0..PATIENCE {
        if window.read32(offset) & (1 << bit) == 0 {
            return;
        }
    }
}

pub fn wait_for_private_writes() {
    wait_for_writes(own(), GICR_CTLR, WRITE_PENDING);
}

/// Aff3.Aff2.Aff1.Aff0 in 32 bits, as GICR_TYPER has them.
fn packed(affinity: u64) -> u64 {
    (affinity & 0xff_ffff) | (affinity >> 8 & 0xff00_0000)
}

/// Finds this processor's and wakes it.
pub fn find_redistributor() -> Result<(), Error> {
    let this = cpu::this();
    let affinity = this.physical.load(Ordering::Relaxed);
    let all = REDISTRIBUTORS.get().ok_or(Error::NotGic)?;
    let found = all
        .regions
        .iter()
        .find_map(|region| find_in(*region, all.stride, packed(affinity)))
        .ok_or(Error::NoRedistributor)?;
    if let Some(own) = OWN.get(this.index as usize) {
        own.store(found.base(), Ordering::Relaxed);
    }
    if let Some(kick) = KICKS.get(this.index as usize) {
        kick.store(sgi(affinity), Ordering::Relaxed);
    }
    found.write32(GICR_WAKER, found.read32(GICR_WAKER) & !PROCESSOR_SLEEP);
    for _ in 0..PATIENCE {
        if found.read32(GICR_WAKER) & CHILDREN_ASLEEP == 0 {
            return Ok(());
        }
    }
    Err(Error::Asleep)
}

fn find_in(region: Window, stride: Option<u64>, affinity: u64) -> Option<Window> {
    let mut frames = region;
    while frames.size() >= FRAMES {
        let kind = u64::from(frames.read32(GICR_TYPER))
            | u64::from(frames.read32(GICR_TYPER.wrapping_add(4))) << 32;
        if kind >> 32 == affinity {
            return Some(frames);
        }
        if kind & LAST != 0 {
            return None;
        }
        let own_stride = if kind & VIRTUAL_LPIS != 0 {
            (FRAMES as u64).wrapping_mul(2)
        } else {
            FRAMES as u64
        };
        frames = frames.skip(stride.unwrap_or(own_stride) as usize);
    }
    None
}

fn own() -> Window {
    let base = OWN
        .get(cpu::this().index as usize)
        .map_or(0, |own| own.load(Ordering::Relaxed));
    // Mapped with its region; `find_in` saw that it is inside.
    if base == 0 {
        Window::NONE
    } else {
        Window::mapped(base, FRAMES)
    }
}

/// Registers of this processor's SGIs and PPIs.
pub fn private_lines() -> Window {
    own().skip(SGI_FRAME)
}

/// ICC_SGI1R_EL1 for [`KICK`] to one processor.
fn sgi(affinity: u64) -> u64 {
    let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
    1 << (aff0 & 15)
        | u64::from(aff1) << 16
        | u64::from(KICK) << 24
        | u64::from(aff2) << 32
        | u64::from(aff0 >> 4) << 44
        | u64::from(aff3) << 48
}

pub fn init_cpu() -> Result<(), Error> {
    // SAFETY: this processor's own interrupt interface, interrupts masked.
    unsafe {
        write_register!("icc_sre_el2", SRE);
        asm!("isb");
        if read_register!("icc_sre_el2") & 1 == 0 {
            return Err(Error::NoSystemRegisters);
        }
        write_register!("icc_pmr_el1", 0xff);
        write_register!("icc_bpr1_el1", 0);
        write_register!("icc_ctlr_el1", read_register!("icc_ctlr_el1") | EOI_MODE);
        write_register!("icc_igrpen1_el1", 1);
        asm!("isb");
        let kind = read_register!("ich_vtr_el2");
        LIST_REGISTERS.store(
            (kind & 0x1f).wrapping_add(1).min(16) as usize,
            Ordering::Relaxed,
        );
        // PREbits: 5, 6 or 7 bits of preemption want 1, 2 or 4 registers.
        let registers = match kind >> 26 & 7 {
            0..=4 => 1,
            5 => 2,
            _ => 4,
        };
        ACTIVE_REGISTERS.store(registers, Ordering::Relaxed);
    }
    super::gic::clear_virtual_interface();
    Ok(())
}

pub fn route(distributor: Window, intid: u32, index: usize) {
    if let Some(processor) = cpu::get(index) {
        let offset = IROUTER.wrapping_add((intid as usize).wrapping_mul(8));
        distributor.write64(offset, processor.physical.load(Ordering::Relaxed));
    }
}

#[inline]
pub fn send_kick(index: usize) {
    let value = KICKS
        .get(index)
        .map_or(0, |kick| kick.load(Ordering::Relaxed));
    if value != 0 {
        // SAFETY: an SGI to a processor that is the kernel's.
        unsafe {
            write_register!("icc_sgi1r_el1", value);
            asm!("isb", options(nostack, preserves_flags));
        }
    }
}

pub fn set_priority_mask(mask: u8) {
    // SAFETY: masks this processor's physical interrupts only.
    unsafe { write_register!("icc_pmr_el1", u64::from(mask)) };
    super::super::arch::cpu::barrier();
}

pub fn priority_mask() -> u8 {
    // SAFETY: a read without effects.
    unsafe { read_register!("icc_pmr_el1") as u8 }
}

#[inline]
pub fn acknowledge() -> u32 {
    // SAFETY: the caller ends what it gets.
    unsafe {
        let value = read_register!("icc_iar1_el1");
        asm!("dsb sy", options(nostack, preserves_flags));
        value as u32 & 0xff_ffff
    }
}

#[inline]
pub fn drop_priority(intid: u32) {
    // SAFETY: ends what `acknowledge` gave.
    unsafe { write_register!("icc_eoir1_el1", u64::from(intid)) }
}

#[inline]
pub fn deactivate(intid: u32) {
    // SAFETY: as above.
    unsafe { write_register!("icc_dir_el1", u64::from(intid)) }
}

#[inline]
pub fn list_register_count() -> usize {
    LIST_REGISTERS.load(Ordering::Relaxed)
}

macro_rules! list_registers {
    ($($index:literal $name:literal)*) => {
        #[inline]
        pub fn read_list_register(index: usize) -> u64 {
            // SAFETY: reads without effects of registers below the count, the
            // callers' bound.
            unsafe { match index { $($index => read_register!($name),)* _ => 0 } }
        }

        #[inline]
        pub fn write_list_register(index: usize, value: u64) {
            // SAFETY: what they mean to the zone is the caller's business.
            unsafe { match index { $($index => write_register!($name, value),)* _ => {} } }
        }
    };
}

list_registers! {
    0 "ich_lr0_el2" 1 "ich_lr1_el2" 2 "ich_lr2_el2" 3 "ich_lr3_el2"
    4 "ich_lr4_el2" 5 "ich_lr5_el2" 6 "ich_lr6_el2" 7 "ich_lr7_el2"
    8 "ich_lr8_el2" 9 "ich_lr9_el2" 10 "ich_lr10_el2" 11 "ich_lr11_el2"
    12 "ich_lr12_el2" 13 "ich_lr13_el2" 14 "ich_lr14_el2" 15 "ich_lr15_el2"
}

#[inline]
pub fn set_hypervisor_control(bits: u32) {
    // SAFETY: switches the zone's virtual interface only.
    unsafe { write_register!("ich_hcr_el2", u64::from(bits)) }
}

#[inline]
pub fn ended_list_registers() -> u64 {
    // SAFETY: a read without effects.
    unsafe { read_register!("ich_eisr_el2") }
}

#[inline]
pub fn empty_list_registers() -> u64 {
    // SAFETY: a read without effects.
    unsafe { read_register!("ich_elrsr_el2") }
}

/// Reads and writes the active priorities registers that there are.
macro_rules! active {
    ($count:ident, $state:expr, $access:ident) => {{
        let [a0, a1, a2, a3] = &mut $state.ap0r;
        let [b0, b1, b2, b3] = &mut $state.ap1r;
        $access!("ich_ap0r0_el2", a0);
        $access!("ich_ap1r0_el2", b0);
        if $count >= 2 {
            $access!("ich_ap0r1_el2", a1);
            $access!("ich_ap1r1_el2", b1);
        }
        if $count >= 4 {
            $access!("ich_ap0r2_el2", a2);
            $access!("ich_ap1r2_el2", b2);
            $access!("ich_ap0r3_el2", a3);
            $access!("ich_ap1r3_el2", b3);
        }
    }};
}

macro_rules! store {
    ($name:literal, $slot:ident) => {
        write_register!($name, u64::from(*$slot))
    };
}

pub fn restore(state: &VirtualInterface) {
    let mut state = *state;
    let count = ACTIVE_REGISTERS.load(Ordering::Relaxed);
    // SAFETY: registers that this processor has; they are the zone's interface.
    unsafe {
        write_register!("ich_vmcr_el2", state.vmcr);
        active!(count, state, store);
    }
}
