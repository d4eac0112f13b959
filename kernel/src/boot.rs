// SPDX-License-Identifier: Apache-2.0
//! The boot order: discover, console, pool, processors, tables, interrupts,
//! the others, zones, park.

use crate::arch::{self, cpu as isa_cpu, interrupts, mmu, smp};
use crate::cpu::Processor;
use crate::sync::Once;
use crate::{console, cpu, log, pool, zone};
use abi::bundle::Bundle;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::{Enable, Machine, Region};

/// What the firmware's device tree says.
static MACHINE: Once<Machine> = Once::new();
static TREE: AtomicU64 = AtomicU64::new(0);
static TREE_SIZE: AtomicU64 = AtomicU64::new(0);

/// How long a processor may take to come up, in microseconds.
const PATIENCE: u64 = 1_000_000;

pub fn machine() -> Option<&'static Machine> {
    MACHINE.get()
}

/// The firmware's device tree, where the firmware put it.
pub fn tree() -> &'static [u8] {
    mmu::tree_bytes(TREE.load(Ordering::Relaxed)).unwrap_or(&[])
}

/// What was handed over in the place of an initrd.
pub fn bundle() -> Option<Bundle<'static>> {
    let region = MACHINE.get()?.bundle?;
    let length = usize::try_from(region.size).ok()?;
    let in_ram = MACHINE
        .get()?
        .memory
        .iter()
        .any(|bank| region.base >= bank.base && region.end() <= bank.end());
    if !in_ram {
        return None;
    }
    // SAFETY: RAM that is mapped and withheld from all zones, so that nobody
    // writes it after the firmware did.
    Bundle::parse(unsafe { core::slice::from_raw_parts(region.base as *const u8, length) })
}

/// RAM that no zone gets: ours, the bundle, the firmware's tree and reservations.
pub fn withheld() -> impl Iterator<Item = (u64, u64)> {
    let kernel = kernel_range();
    let tree = (
        TREE.load(Ordering::Relaxed),
        TREE_SIZE.load(Ordering::Relaxed),
    );
    let machine = MACHINE.get();
    let bundle = machine.and_then(|machine| machine.bundle);
    let reserved = machine.map_or(&[][..], |machine| machine.reserved.as_slice());
    [(kernel.base, kernel.size), tree]
        .into_iter()
        .chain(bundle.map(|region| (region.base, region.size)))
        .chain(
            reserved
                .iter()
                .map(|reserved| (reserved.region.base, reserved.region.size)),
        )
}

/// Bytes of the kernel: image, bss, pool.
pub fn kernel_size() -> u64 {
    kernel_range().size
}

/// The kernel's own memory: image, bss, pool.
pub fn kernel_range() -> Region {
    use arch::entry::image;
    Region {
        base: image::start(),
        size: image::end().wrapping_sub(image::start()),
    }
}

/// On the processor that the firmware entered us on, on the boot's stack and
/// the first tables.
pub extern "C" fn main(tree: u64) -> ! {
    pool::init();
    let Some(machine) = discover(tree) else {
        // Nothing is known of this machine, not even a console.
        isa_cpu::halt()
    };
    if let Some(console) = &machine.console {
        console::init(console);
    }
    log!("version {} on {}", env!("CARGO_PKG_VERSION"), machine.model);
    match prepare(machine) {
        Ok(root) => mmu::switch_to(root, on_final_stack),
        Err(error) => give_up(error),
    }
}

fn give_up(error: &str) -> ! {
    log!("can not start: {error}");
    isa_cpu::machine_off()
}

fn discover(tree: u64) -> Option<&'static Machine> {
    let bytes = mmu::tree_bytes(tree)?;
    TREE.store(tree, Ordering::Relaxed);
    TREE_SIZE.store(bytes.len() as u64, Ordering::Relaxed);
    match machine::discover(bytes) {
        Ok(machine) => {
            let _ = MACHINE.set(machine);
            MACHINE.get()
        }
        Err(error) => {
            // There may be a console all the same.
            if let Some(console) = machine::find_console(bytes) {
                console::init(&console);
            }
            log!("can not start: {error}");
            None
        }
    }
}

/// The processors' table, firmware calls, RAM, and this processor's root.
fn prepare(machine: &'static Machine) -> Result<u64, &'static str> {
    if !cpu::init(machine.cpus.iter().map(|cpu| cpu.hw_id)) {
        return Err("the device tree does not have the processor that runs this");
    }
    smp::init(machine);
    map_memory(machine).map_err(|_| "RAM can not be mapped")?;
    mmu::add_processor().map_err(|_| "no memory for the first processor")
}

/// All RAM but the kernel's own and what may not be mapped.
fn map_memory(machine: &Machine) -> Result<(), mmu::Error> {
    mmu::unmap_tree(TREE.load(Ordering::Relaxed))?;
    for bank in &machine.memory {
        let mut at = bank.base;
        while at < bank.end() {
            let forbidden = machine
                .reserved
                .iter()
                .filter(|reserved| reserved.no_map)
                .map(|reserved| reserved.region);
            let inside = forbidden.clone().find(|region| region.contains(at));
            if let Some(region) = inside {
                at = region.end();
                continue;
            }
            let end = forbidden
                .map(|region| region.base)
                .filter(|&base| base > at)
                .fold(bank.end(), u64::min);
            mmu::map_ram(at, end.wrapping_sub(at))?;
            at = end;
        }
    }
    Ok(())
}

/// Goes on where [`main`] ended, on this processor's own stack.
extern "C" fn on_final_stack() -> ! {
    let Some(machine) = MACHINE.get() else {
        isa_cpu::halt()
    };
    if let Err(error) = interrupts::init(&machine.controller) {
        log!("can not start: interrupt controller: {error}");
        isa_cpu::halt()
    }
    come_online();
    for (processor, description) in cpu::all().iter().zip(&machine.cpus) {
        if !processor.online.load(Ordering::Relaxed) {
            start(processor, description.enable);
        }
    }
    let online = cpu::all()
        .iter()
        .filter(|processor| processor.online.load(Ordering::Relaxed))
        .count();
    let (used, size) = pool::usage();
    log!(
        "{online} of {} processors, {} MiB of memory; kernel {} KiB, of its pool {} of {} KiB used",
        cpu::all().len(),
        machine.memory.iter().map(|bank| bank.size).sum::<u64>() >> 20,
        kernel_range().size >> 10,
        used >> 10,
        size >> 10,
    );
    match (bundle(), machine.bundle) {
        (Some(bundle), _) => zone::start(&bundle),
        (None, None) => give_up("no bundle was handed over (an initrd is expected to be one)"),
        (None, Some(_)) => {
            give_up("what was handed over as an initrd is no bundle of this version")
        }
    }
    cpu::park()
}

/// Starts one and waits until it is there.
fn start(processor: &Processor, enable: Enable) {
    let index = processor.index;
    let physical = processor.physical.load(Ordering::Relaxed);
    if let Err(error) = smp::start(processor, enable) {
        log!("processor {index} ({physical:#x}) stays off: {error}");
        return;
    }
    let begun = isa_cpu::now();
    while !processor.online.load(Ordering::Acquire) {
        if isa_cpu::now().wrapping_sub(begun) > isa_cpu::ticks(PATIENCE) {
            log!("processor {index} ({physical:#x}) did not come up");
            return;
        }
        core::hint::spin_loop();
    }
}

/// On every other processor, on its own stack.
pub fn secondary() -> ! {
    come_online();
    cpu::park()
}

/// What every processor does for itself.
fn come_online() {
    let this = cpu::this();
    if let Err(error) = interrupts::init_cpu() {
        log!(
            "processor {} stays off: interrupt controller: {error}",
            this.index
        );
        isa_cpu::halt()
    }
    if let Some(memory) = pool::allocate(cpu::trace::SIZE.div_ceil(4096), 1) {
        this.trace.attach(memory);
    }
    this.online.store(true, Ordering::Release);
}
