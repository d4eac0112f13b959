// SPDX-License-Identifier: Apache-2.0
//! The kernel's own memory: what every processor's tables say, and what
//! happens at the end of a stack. AArch64.

use crate::aarch64_tables::{Leaf, leaves, none_reaches, nothing_writable_is_executable, runs};
use crate::case::{Bench, Boot, Case};
use crate::gdb::Debugger;
use crate::runner::LIMIT;
use anyhow::{Context, Result, ensure};
use std::ops::Range;
use std::time::Duration;

const MACHINES: &[&str] = &["aarch64/virt", "aarch64/virt-gicv2"];

pub const CASES: &[Case] = &[
    Case {
        name: "kernel memory",
        machines: MACHINES,
        limit: LIMIT,
        run: kernel_memory,
    },
    Case {
        name: "guard page",
        machines: &["aarch64/virt"],
        limit: LIMIT,
        run: guard_page,
    },
];

const BOOT: Boot = Boot {
    bare: false,
    zone0_cpus: 2,
    zone0_memory: 768,
    qmp: false,
    gdb: true,
};

/// Bytes of a processor's emergency stack, stack and private data.
const PRIVATE_SIZES: [u64; 3] = [16 << 10, 64 << 10, 32 << 10];
/// The last 512 GiB of 48 bits.
const PRIVATE: u64 = 0xff80_0000_0000;

/// SCTLR_EL2: MMU on; what can be written is never executed.
const M: u64 = 1 << 0;
const WXN: u64 = 1 << 19;

struct Tables {
    common: Vec<Leaf>,
    own: Vec<Leaf>,
}

fn el2(debugger: &mut Debugger, processor: usize) -> Result<Tables> {
    let control = debugger.register(processor, "sctlr_el2")?;
    ensure!(control & M != 0, "the MMU is off");
    ensure!(control & WXN != 0, "SCTLR_EL2.WXN is clear");
    let root = debugger.register(processor, "ttbr0_el2")?;
    let mut read = |table, size| debugger.memory(table, size);
    let all = leaves(&mut read, root, 0, 512)?;
    let (own, common) = all.into_iter().partition(|leaf| leaf.address >= PRIVATE);
    Ok(Tables { common, own })
}

/// The stage-2 table that is in use, if there is one.
fn stage2(debugger: &mut Debugger, processor: usize) -> Result<Option<(u64, Vec<Leaf>)>> {
    let root = debugger.register(processor, "vttbr_el2")?;
    let control = debugger.register(processor, "vtcr_el2")?;
    if root == 0 || debugger.register(processor, "hcr_el2")? & 1 == 0 {
        return Ok(None);
    }
    let level = 2 - (control >> 6 & 3) as u32;
    let bits = 64 - (control & 63) as u32;
    let entries = 1usize << (bits - (12 + 9 * (3 - level)));
    let base = root & 0x0000_ffff_ffff_fffe;
    let mut read = |table, size| debugger.memory(table, size);
    Ok(Some((root, leaves(&mut read, base, level, entries)?)))
}

/// The kernel's range: the image, found as what EL2 may execute, says how long.
fn kernel(debugger: &mut Debugger, tables: &Tables) -> Result<Range<u64>> {
    let executable: Vec<Leaf> = tables
        .common
        .iter()
        .copied()
        .filter(Leaf::executable)
        .collect();
    let text = runs(&executable);
    ensure!(
        text.len() == 1,
        "more than one piece can be executed: {text:x?}"
    );
    let header = debugger.memory(text[0].start, 64)?;
    ensure!(
        &header[0x38..0x3c] == b"ARM\x64",
        "no image header at {:#x}",
        text[0].start
    );
    let size = header[0x10..0x18]
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    Ok(text[0].start..text[0].start + size)
}

fn kernel_memory(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&BOOT)?;
    machine.console.run_within(
        "hvisor zone start /zones/linux.toml",
        Duration::from_secs(120),
    )?;
    // Before the debugger stops the machine.
    let node = machine.console.run("ls -d /proc/device-tree/hvisor@*")?;
    let mailbox = node
        .rsplit('@')
        .next()
        .and_then(|at| u64::from_str_radix(at.trim(), 16).ok())
        .with_context(|| format!("no mailbox address in '{node}'"))?;
    let mut debugger = Debugger::attach(&bench.scratch.join("gdb"))?;
    let tables = (0..debugger.processors())
        .map(|processor| {
            el2(&mut debugger, processor).with_context(|| format!("processor {processor}"))
        })
        .collect::<Result<Vec<_>>>()?;
    ensure!(tables.len() == 4);
    let kernel = kernel(&mut debugger, &tables[0])?;
    for (index, table) in tables.iter().enumerate() {
        judge(index, &tables, &kernel, table).with_context(|| format!("processor {index}, EL2"))?;
    }
    let zone0 = debugger.register(0, "vttbr_el2")?;
    let mut zones = Vec::new();
    for processor in 0..tables.len() {
        let Some((root, zone)) = stage2(&mut debugger, processor)? else {
            continue;
        };
        let mailbox = (root == zone0).then_some(mailbox);
        only_windows(&mut debugger, &zone, &kernel, mailbox)
            .with_context(|| format!("processor {processor}, stage 2: the kernel's memory"))?;
        ensure!(
            !zone.is_empty(),
            "processor {processor}: an empty stage-2 table"
        );
        zones.push(root);
    }
    zones.sort_unstable();
    zones.dedup();
    ensure!(
        zones.len() >= 2,
        "zone0 and another zone should run: {zones:x?}"
    );
    Ok(())
}

/// Pages of the kernel's that zone0 shares here: its mailbox, and the I/O area of
/// one zone with one vCPU.
const WINDOW_PAGES: usize = 1 + 2 + 1;

/// Of the kernel's memory a zone reaches nothing; zone0 (that has a mailbox)
/// exactly the windows that it shares with the kernel, never executable, each
/// begun by its magic number.
fn only_windows(
    debugger: &mut Debugger,
    zone: &[Leaf],
    kernel: &Range<u64>,
    mailbox: Option<u64>,
) -> Result<()> {
    let (windows, rest): (Vec<Leaf>, Vec<Leaf>) = zone.iter().partition(|leaf| {
        mailbox.is_some()
            && leaf.size == 4096
            && kernel.contains(&leaf.physical)
            && !leaf.executable()
    });
    none_reaches(&rest, std::slice::from_ref(kernel))?;
    let Some(mailbox) = mailbox else {
        return Ok(());
    };
    ensure!(
        windows.len() == WINDOW_PAGES,
        "{} pages are shared: {windows:x?}",
        windows.len()
    );
    ensure!(
        windows.iter().any(|leaf| leaf.physical == mailbox),
        "the mailbox {mailbox:#x} is not among {windows:x?}"
    );
    for window in runs(&windows) {
        let start = debugger.memory(window.start, 4)?;
        ensure!(start == b"HVIO", "no window begins at {:#x}", window.start);
    }
    Ok(())
}

fn judge(index: usize, all: &[Tables], kernel: &Range<u64>, table: &Tables) -> Result<()> {
    nothing_writable_is_executable(&table.common)?;
    nothing_writable_is_executable(&table.own)?;
    ensure!(
        table.own.iter().all(|leaf| !leaf.executable()),
        "private memory can be executed"
    );
    // Each piece with an unmapped page on both sides: runs do not touch.
    let pieces = runs(&table.own);
    let sizes: Vec<u64> = pieces.iter().map(|piece| piece.end - piece.start).collect();
    ensure!(sizes == PRIVATE_SIZES, "private pieces of {sizes:x?} bytes");
    ensure!(
        pieces[0].start > PRIVATE,
        "no guard page below the emergency stack"
    );
    let frames: Vec<Range<u64>> = table.own.iter().map(Leaf::frames).collect();
    for range in &frames {
        ensure!(
            kernel.start <= range.start && range.end <= kernel.end,
            "private frames {range:x?} outside of the kernel's memory {kernel:x?}"
        );
    }
    for (other, tables) in all.iter().enumerate() {
        none_reaches(&tables.common, &frames)
            .with_context(|| format!("mapped for processor {other}"))?;
        if other != index {
            none_reaches(&tables.own, &frames)
                .with_context(|| format!("processor {other}'s own"))?;
        }
    }
    Ok(())
}

/// A processor whose stack is full ends in a report, not in other memory.
fn guard_page(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&BOOT)?;
    let mut debugger = Debugger::attach(&bench.scratch.join("gdb"))?;
    let last = debugger.processors() - 1;
    ensure!(
        debugger.register(last, "cpsr")? >> 2 & 3 == 2,
        "processor {last} is not parked"
    );
    let tables = el2(&mut debugger, last)?;
    let pieces = runs(&tables.own);
    ensure!(pieces.len() == PRIVATE_SIZES.len());
    debugger.set_register(last, "sp", pieces[1].start)?;
    drop(debugger);
    // Quiet: the report and zone0 share the serial port.
    machine
        .console
        .send("hvisor zone start /zones/linux.toml >/dev/null 2>&1\n")?;
    let patience = Duration::from_secs(60);
    let found = machine.console.wait_for(
        &format!("PANIC on processor {last}: exception 4: ESR 0x9[0-9a-f]*, .*FAR 0x([0-9a-f]+),"),
        patience,
    )?;
    let address = u64::from_str_radix(&found[1], 16)?;
    ensure!(
        pieces[0].end <= address && address < pieces[1].start,
        "{address:#x} is not in the guard page below {:#x}",
        pieces[1].start
    );
    // The report ends with the machine off.
    machine.console.wait_for_end(patience)
}
