// SPDX-License-Identifier: Apache-2.0
//! The processor's EL1 and EL0, made new for a zone.

use super::controller;
use super::stage2;
use super::vectors::{self, Registers};
use super::{cpu, interrupts};
use crate::zone::Zone;
use core::arch::{asm, naked_asm};

/// HCR_EL2 (DDI 0487, D23.2.60): stage 2, interrupts and SErrors to EL2,
/// maintenance broadcast; SMCs, identification, implementation-defined and
/// auxiliary registers, set/way maintenance and error records trap; EL1 is
/// AArch64; pointer authentication is the zone's own.
const HCR: u64 = 1 << 0 // VM
    | 1 << 1 // SWIO
    | 1 << 3 // FMO
    | 1 << 4 // IMO
    | 1 << 5 // AMO
    | 1 << 9 // FB
    | 1 << 10 // BSU: inner shareable
    | 1 << 18 // TID3
    | 1 << 19 // TSC
    | 1 << 20 // TIDCP
    | 1 << 21 // TACR
    | 1 << 22 // TSW
    | 1 << 31 // RW
    | 1 << 36 // TERR
    | 1 << 40 // APK
    | 1 << 41; // API
/// Without a zone: no stage 2, nothing but RW.
const HCR_PARKED: u64 = 1 << 31;
/// CPTR_EL2: SVE, SME and trace trap, FP does not; the other bits are RES1.
const CPTR: u64 = 0x33ff | 1 << 20;
/// MDCR_EL2: performance monitors, OS lock and debug ROM registers trap.
const MDCR: u64 = 1 << 5 | 1 << 6 | 1 << 10 | 1 << 11;
/// CNTHCTL_EL2: EL1 has the counter and its physical timer.
const CNTHCTL: u64 = 0b11;
/// MPIDR_EL1.RES1.
const MPIDR_RES1: u64 = 1 << 31;
/// SCTLR_EL1 at reset: RES1 bits, everything off.
const SCTLR_RESET: u64 = 0x30d0_0800;
/// EL1h, everything masked.
pub const ENTRY_STATE: u64 = 0x3c5;

/// Makes this processor's EL1 that of `zone`'s vCPU `number`, as after reset.
pub fn set_up(zone: &Zone, number: usize) {
    let layout = zone.layout();
    let affinity = layout
        .descriptor
        .cpus()
        .get(number)
        .map_or(0, |cpu| cpu.guest);
    let root = zone.space.lock().root();
    clear_el1();
    // SAFETY: registers of EL1, which runs nothing now, and EL2's control of it.
    unsafe {
        write_register!("vmpidr_el2", affinity & cpu::AFFINITY | MPIDR_RES1);
        write_register!("vpidr_el2", read_register!("midr_el1"));
        write_register!("vtcr_el2", stage2::control());
        write_register!("vttbr_el2", stage2::base(layout.number, root));
        write_register!("cptr_el2", CPTR);
        let counters = read_register!("mdcr_el2") & 0x1f;
        write_register!("mdcr_el2", MDCR | counters);
        write_register!("hstr_el2", 0);
        write_register!("cnthctl_el2", CNTHCTL);
        write_register!("cntvoff_el2", 0);
        write_register!("hcr_el2", HCR);
        asm!(
            "isb",
            "tlbi vmalls12e1",
            "ic iallu",
            "dsb nsh",
            "isb",
            options(nostack, preserves_flags)
        );
    }
    controller::set_up_processor();
}

/// Enters it.
pub fn enter(_zone: &Zone, _number: usize, entry: u64, arguments: [u64; 4]) -> ! {
    let mut registers = Registers::ZERO;
    for (slot, argument) in registers.x.iter_mut().zip(arguments) {
        *slot = argument;
    }
    registers.pc = entry;
    registers.pstate = ENTRY_STATE;
    // SAFETY: `set_up` came before; FP registers hold nothing of another zone.
    unsafe {
        clear_fp();
        vectors::enter_guest(&registers)
    }
}

/// The zone leaves this processor for good.
pub fn tear_down(zone: &Zone, number: usize) {
    stop_timers();
    controller::tear_down_processor(zone, number);
    // SAFETY: EL1 runs nothing any more; nothing is translated for it.
    unsafe {
        write_register!("hcr_el2", HCR_PARKED);
        write_register!("vttbr_el2", 0);
    }
    clear_el1();
    cpu::barrier();
}

/// The zone waits: its interrupts stay pending.
pub fn pause() {
    interrupts::only_kicks(true);
}

pub fn resume() {
    interrupts::only_kicks(false);
}

fn stop_timers() {
    // SAFETY: EL1's timers, which nobody uses now.
    unsafe {
        write_register!("cntv_ctl_el0", 0);
        write_register!("cntp_ctl_el0", 0);
    }
    cpu::barrier();
}

macro_rules! zero {
    ($($name:literal)*) => { $(write_register!($name, 0);)* };
}

/// Nothing of who had EL1 before is left in it.
fn clear_el1() {
    stop_timers();
    // SAFETY: registers of EL1 and EL0, which run nothing now.
    unsafe {
        write_register!("sctlr_el1", SCTLR_RESET);
        zero!(
            "cpacr_el1" "ttbr0_el1" "ttbr1_el1" "tcr_el1" "mair_el1" "amair_el1" "vbar_el1"
            "esr_el1" "far_el1" "afsr0_el1" "afsr1_el1" "elr_el1" "spsr_el1" "sp_el0" "sp_el1"
            "par_el1" "contextidr_el1" "tpidr_el0" "tpidr_el1" "tpidrro_el0" "csselr_el1"
            "cntkctl_el1" "cntv_cval_el0" "cntp_cval_el0" "mdscr_el1" "mdccint_el1"
        );
        if read_register!("id_aa64isar1_el1") & 0xff0 != 0 {
            zero!(
                "s3_0_c2_c1_0" "s3_0_c2_c1_1" "s3_0_c2_c1_2" "s3_0_c2_c1_3" "s3_0_c2_c2_0"
                "s3_0_c2_c2_1" "s3_0_c2_c2_2" "s3_0_c2_c2_3" "s3_0_c2_c3_0" "s3_0_c2_c3_1"
            );
        }
    }
    clear_debug();
}

macro_rules! zero_numbered {
    ($count:expr, $value:literal, $control:literal: $($number:literal)*) => {
        $(if (0..=$count).contains(&$number) {
            write_register!(concat!("dbg", $value, $number, "_el1"), 0);
            write_register!(concat!("dbg", $control, $number, "_el1"), 0);
        })*
    };
}

/// Breakpoints and watchpoints, as many as there are.
fn clear_debug() {
    // SAFETY: registers of EL1 that exist by ID_AA64DFR0_EL1's counts.
    unsafe {
        let features = read_register!("id_aa64dfr0_el1");
        let breakpoints = features >> 12 & 0xf;
        let watchpoints = features >> 20 & 0xf;
        zero_numbered!(breakpoints, "bvr", "bcr": 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        zero_numbered!(watchpoints, "wvr", "wcr": 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
}

macro_rules! zero_vectors {
    ($($number:literal)*) => { concat!($("movi v", $number, ".2d, #0\n",)*) };
}

/// # Safety
/// CPTR_EL2 lets EL2 use FP; nobody needs what is in v0 to v31.
#[unsafe(naked)]
unsafe extern "C" fn clear_fp() {
    naked_asm!(
        ".arch_extension fp",
        ".arch_extension simd",
        zero_vectors!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
        "msr fpcr, xzr",
        "msr fpsr, xzr",
        "ret",
    )
}
