// SPDX-License-Identifier: Apache-2.0
//! A vCPU's registers: reset, entered, left.

use super::interrupts::{self, Kind};
use super::vectors::{self, Registers};
use super::{controller, csr, interrupt_file, stage2, timer};
use crate::cpu;
use crate::drivers::imsic;
use crate::zone::Zone;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use machine::{Isa, Machine};
use rv64::cause::{exception, interrupt};
use rv64::csr::{counteren, henvcfg, hstateen0, hstatus, sstatus};

/// What another processor wants of a vCPU's interrupt lines, by processor.
static WANTED: [AtomicU32; abi::MAX_CPUS] = [const { AtomicU32::new(0) }; abi::MAX_CPUS];
/// The external interrupt is asserted.
const EXTERNAL: u32 = 1 << 0;
/// A software interrupt was sent.
const SOFTWARE: u32 = 1 << 1;

const SOFTWARE_PENDING: u64 = 1 << interrupt::VIRTUAL_SOFTWARE;
const EXTERNAL_PENDING: u64 = 1 << interrupt::VIRTUAL_EXTERNAL;
const TIMER_PENDING: u64 = 1 << interrupt::VIRTUAL_TIMER;

/// What the guest takes itself: all that its own operating system can have caused.
const DELEGATED_EXCEPTIONS: u64 = 1 << exception::INSTRUCTION_MISALIGNED
    | 1 << exception::INSTRUCTION_ACCESS
    | 1 << exception::ILLEGAL_INSTRUCTION
    | 1 << exception::BREAKPOINT
    | 1 << exception::LOAD_MISALIGNED
    | 1 << exception::LOAD_ACCESS
    | 1 << exception::STORE_MISALIGNED
    | 1 << exception::STORE_ACCESS
    | 1 << exception::ECALL_U
    | 1 << exception::INSTRUCTION_PAGE_FAULT
    | 1 << exception::LOAD_PAGE_FAULT
    | 1 << exception::STORE_PAGE_FAULT
    | 1 << exception::SOFTWARE_CHECK;
const DELEGATED_INTERRUPTS: u64 = SOFTWARE_PENDING | TIMER_PENDING | EXTERNAL_PENDING;

/// Extensions of all harts.
static ISA: AtomicU32 = AtomicU32::new(0);
static STATE_ENABLES: AtomicBool = AtomicBool::new(false);

fn has(extension: Isa) -> bool {
    Isa::from_bits_truncate(ISA.load(Ordering::Relaxed)).contains(extension)
}

/// What the machine's harts have; once.
pub fn probe(machine: &Machine) {
    let common = machine
        .cpus
        .iter()
        .fold(Isa::all(), |common, cpu| common & cpu.isa);
    ISA.store(common.bits(), Ordering::Relaxed);
    STATE_ENABLES.store(common.contains(Isa::SMSTATEEN), Ordering::Relaxed);
    timer::probe();
}

/// This processor as the zone finds it after reset; its mailbox is open again.
pub fn set_up(zone: &Zone, number: usize) {
    let index = cpu::this().index as usize;
    csr::write!("hedeleg", DELEGATED_EXCEPTIONS);
    csr::write!("hideleg", DELEGATED_INTERRUPTS);
    csr::write!("hvip", 0);
    csr::write!("htimedelta", 0);
    csr::write!("hcounteren", counteren::CY | counteren::TM | counteren::IR);
    csr::write!("hgeie", 0);
    set_environment();
    reset_supervisor();
    timer::reset();
    if has(Isa::SSAIA) {
        csr::write!("0x608", 0);
        csr::write!("0x609", 0);
        csr::write!("0x250", 0);
    }
    if interrupts::kind() == Kind::AplicToGuests {
        interrupt_file::clear_guest(imsic::guest_identities());
    }
    csr::write!(
        "hgatp",
        stage2::register(zone.number(), zone.space.lock().root())
    );
    stage2::flush_here();
    // A signal that comes now is seen at the next kick.
    if let Some(wanted) = WANTED.get(index) {
        wanted.store(0, Ordering::Relaxed);
    }
    if zone.controller.lock().asserted(number) {
        set_external(index, true);
    }
}

/// `henvcfg` and `hstateen0`: what the guest may use of the environment.
fn set_environment() {
    let mut environment = henvcfg::CBIE_FLUSH | henvcfg::CBCFE | henvcfg::CBZE | henvcfg::PBMTE;
    if timer::is_direct() {
        environment |= henvcfg::STCE;
    }
    // Svadu alone: page-table updates by hardware, as firmware leaves them.
    if has(Isa::SVADU) && !has(Isa::SVADE) {
        environment |= henvcfg::ADUE;
    }
    csr::write!("henvcfg", environment);
    if STATE_ENABLES.load(Ordering::Relaxed) {
        // Without a file of its own a zone has no AIA.
        let files = if interrupts::kind() == Kind::AplicToGuests {
            hstateen0::IMSIC | hstateen0::CSRIND | hstateen0::AIA
        } else {
            0
        };
        csr::write!("0x60c", hstateen0::SE0 | hstateen0::ENVCFG | files);
        csr::write!("0x10c", 0);
    }
    csr::write!("senvcfg", 0);
    csr::write!("scounteren", 0);
}

/// The guest's own supervisor CSRs.
fn reset_supervisor() {
    csr::write!("vsstatus", 0);
    csr::write!("vsie", 0);
    csr::write!("vstvec", 0);
    csr::write!("vsscratch", 0);
    csr::write!("vsepc", 0);
    csr::write!("vscause", 0);
    csr::write!("vstval", 0);
    csr::write!("vsatp", 0);
}

/// Starts the vCPU: a0 = its hart, a1 on = the rest of `arguments`.
pub fn enter(zone: &Zone, number: usize, entry: u64, arguments: [u64; 4]) -> ! {
    let hart = zone
        .layout()
        .descriptor
        .cpus()
        .get(number)
        .map_or(0, |cpu| cpu.guest);
    let registers = reset_registers(hart, entry, arguments);
    clear_floating_point();
    // SAFETY: a fence: the zone's memory was written as data.
    unsafe { asm!("fence.i", options(nostack, preserves_flags)) };
    // SAFETY: `set_up` has run for this zone.
    unsafe { vectors::enter_guest(&registers) }
}

/// General registers at a start: hart, three arguments, nothing else.
pub fn reset_registers(hart: u64, entry: u64, arguments: [u64; 4]) -> Registers {
    let mut registers = Registers::ZERO;
    let [_, a1, a2, a3] = arguments;
    for (register, value) in [(10, hart), (11, a1), (12, a2), (13, a3)] {
        registers.set(register, value);
    }
    registers.pc = entry;
    let vector = if has(Isa::V) { sstatus::VS_INITIAL } else { 0 };
    registers.sstatus = sstatus::SPP | sstatus::FS_INITIAL | vector;
    let file = if interrupts::kind() == Kind::AplicToGuests {
        u64::from(controller::GUEST_FILE)
    } else {
        0
    };
    registers.hstatus =
        hstatus::SPV | hstatus::SPVP | hstatus::VSXL_64 | file << hstatus::VGEIN_SHIFT;
    registers
}

/// Nothing of an earlier zone is in the floating-point and vector registers.
fn clear_floating_point() {
    csr::set!("sstatus", sstatus::FS_INITIAL);
    macro_rules! zero {
        ($($register:literal)*) => {
            // SAFETY: the kernel is built without floating point: nobody else uses these.
            unsafe {
                asm!(
                    ".option push",
                    ".option arch, +f, +d",
                    $(concat!("fmv.d.x f", $register, ", zero"),)*
                    "csrw fcsr, zero",
                    ".option pop",
                    options(nostack, nomem)
                );
            }
        };
    }
    zero!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    csr::clear!("sstatus", sstatus::FS_MASK);
    if has(Isa::V) {
        csr::set!("sstatus", sstatus::VS_INITIAL);
        // SAFETY: as above, for vectors: the kernel uses none.
        unsafe {
            asm!(
                ".option push",
                ".option arch, +v",
                "vsetvli t0, zero, e8, m8, ta, ma",
                "vmv.v.i v0, 0",
                "vmv.v.i v8, 0",
                "vmv.v.i v16, 0",
                "vmv.v.i v24, 0",
                ".option pop",
                out("t0") _,
                options(nostack, nomem)
            );
        }
        csr::clear!("sstatus", sstatus::VS_MASK);
    }
}

/// Nothing of the zone is left on this processor.
pub fn tear_down(_zone: &Zone, _number: usize) {
    timer::reset();
    csr::write!("hvip", 0);
    csr::write!("vsie", 0);
    csr::write!("vsatp", 0);
    if interrupts::kind() == Kind::AplicToGuests {
        interrupt_file::clear_guest(imsic::guest_identities());
    }
    csr::write!("hgatp", 0);
    stage2::flush_here();
    if let Some(wanted) = WANTED.get(cpu::this().index as usize) {
        wanted.store(0, Ordering::Relaxed);
    }
}

/// The zone is paused: time goes on, as with a machine that sleeps.
pub fn pause() {}

pub fn resume() {
    take_wanted();
}

/// Asserts or lowers the external interrupt of processor `index`.
pub fn set_external(index: usize, asserted: bool) {
    let Some(wanted) = WANTED.get(index) else {
        return;
    };
    if asserted {
        wanted.fetch_or(EXTERNAL, Ordering::AcqRel);
    } else {
        wanted.fetch_and(!EXTERNAL, Ordering::AcqRel);
    }
    if index == cpu::this().index as usize {
        take_wanted();
    } else {
        interrupts::kick(index);
    }
}

/// Sends a software interrupt to processor `index`.
pub fn send_software(index: usize) {
    if index == cpu::this().index as usize {
        csr::set!("hvip", SOFTWARE_PENDING);
    } else if let Some(wanted) = WANTED.get(index)
        && wanted.fetch_or(SOFTWARE, Ordering::AcqRel) & SOFTWARE == 0
    {
        interrupts::kick(index);
    }
}

/// On a kick: what others want of this vCPU's lines.
pub fn take_wanted() {
    let Some(wanted) = WANTED.get(cpu::this().index as usize) else {
        return;
    };
    let bits = wanted.fetch_and(!SOFTWARE, Ordering::AcqRel);
    if bits & SOFTWARE != 0 {
        csr::set!("hvip", SOFTWARE_PENDING);
    }
    if bits & EXTERNAL != 0 {
        csr::set!("hvip", EXTERNAL_PENDING);
    } else {
        csr::clear!("hvip", EXTERNAL_PENDING);
    }
}

/// The guest has cleared its software interrupt (legacy call).
pub fn clear_software() {
    csr::clear!("hvip", SOFTWARE_PENDING);
}

/// Whether an interrupt that the guest has enabled is pending.
pub fn is_interrupted() -> bool {
    csr::read!("hip") & csr::read!("hie") & DELEGATED_INTERRUPTS != 0
}

/// HSM's non-retentive suspend ends as a start.
pub fn restart(registers: &mut Registers, hart: u64, entry: u64, argument: u64) {
    reset_supervisor();
    let fresh = reset_registers(hart, entry, [0, argument, 0, 0]);
    registers.x = fresh.x;
    registers.pc = fresh.pc;
    registers.sstatus = fresh.sstatus;
    registers.hstatus = fresh.hstatus;
}
