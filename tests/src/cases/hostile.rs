// SPDX-License-Identifier: Apache-2.0
//! A hostile zone beside zone0 and a bystander: `guests/hostile`, case by case.
//!
//! After each case the hostile zone has been served, or was stopped with a true
//! fault record; zone0 computes right, and the bystander's memory is as it left it.

use super::VIRT;
use crate::case::{Bench, Boot, Case};
use crate::console::Console;
use anyhow::{Context, Result, bail, ensure};
use std::time::{Duration, Instant};

const MACHINES: &[&str] = &["aarch64/virt"];
const LIMIT: Duration = Duration::from_secs(1200);
/// For one attack.
const PATIENCE: Duration = Duration::from_secs(90);

pub const CASES: &[Case] = &[
    Case {
        name: "hostile zone",
        machines: MACHINES,
        limit: LIMIT,
        run: hostile,
    },
    Case {
        name: "hostile instruction forms",
        machines: VIRT,
        limit: LIMIT,
        run: forms,
    },
];

/// What an attack ends in.
enum End {
    /// Everything was answered, and nothing given that should not be.
    PowersOff,
    /// The fault's sentence holds this.
    Fault(&'static str),
    /// It may be served or end in a fault other than one that says it got something.
    Either,
    /// It goes on, to no avail, until it is stopped.
    RunsOn,
}

struct Attack {
    /// Command line of the guest: case, and its options.
    options: &'static str,
    cpus: u32,
    end: End,
}

const fn attack(options: &'static str, cpus: u32, end: End) -> Attack {
    Attack { options, cpus, end }
}

const ATTACKS: &[Attack] = &[
    attack("hostile=0", 1, End::PowersOff),
    attack("hostile=1", 1, End::PowersOff),
    attack("hostile=2 seed=1", 1, End::PowersOff),
    attack("hostile=2 seed=2", 1, End::PowersOff),
    attack("hostile=3", 2, End::PowersOff),
    attack("hostile=4", 2, End::PowersOff),
    attack("hostile=5", 1, End::PowersOff),
    attack("hostile=6", 1, End::PowersOff),
    attack("hostile=7", 2, End::PowersOff),
    attack("hostile=8", 1, End::Either),
    attack("hostile=11", 2, End::PowersOff),
    attack("hostile=12 count=500", 1, End::PowersOff),
    attack("hostile=13 count=500", 1, End::PowersOff),
    // Just below and above RAM; zone0's and the kernel's memory; the far end.
    attack(
        "hostile=14 address=0x3ffff000",
        1,
        End::Fault("read 4 bytes at 0x3ffff000"),
    ),
    attack(
        "hostile=14 address=0x44000000",
        1,
        End::Fault("read 4 bytes at 0x44000000"),
    ),
    attack("hostile=14 address=0x43fffffe", 1, End::Either),
    attack(
        "hostile=15 address=0x50000000",
        1,
        End::Fault("wrote 4 bytes at 0x50000000"),
    ),
    attack(
        "hostile=15 address=0xb0000000",
        1,
        End::Fault("wrote 4 bytes at 0xb0000000"),
    ),
    attack(
        "hostile=15 address=0xfffffff000",
        1,
        End::Fault("0xfffffff000"),
    ),
    attack("hostile=14 address=0xfffffffffffffff0", 1, End::Either),
    // Devices of zone0 and the machine.
    attack(
        "hostile=15 address=0x09000000",
        1,
        End::Fault("wrote 4 bytes at 0x9000000"),
    ),
    attack(
        "hostile=15 address=0x0a003e00",
        1,
        End::Fault("wrote 4 bytes at 0xa003e00"),
    ),
    attack(
        "hostile=14 address=0x4010000000",
        1,
        End::Fault("read 4 bytes at 0x4010000000"),
    ),
    attack(
        "hostile=16 address=0x08000000",
        1,
        End::Fault("ran into 0x8000000"),
    ),
    attack(
        "hostile=16 address=0x50000000",
        1,
        End::Fault("ran into 0x50000000"),
    ),
    // Tables of the guest's own that are not in its memory.
    attack(
        "hostile=18 address=0x08000000",
        1,
        End::Fault("ran into 0x8000"),
    ),
    attack(
        "hostile=18 address=0x50000000",
        1,
        End::Fault("ran into 0x50000"),
    ),
    attack(
        "hostile=19 address=0x08000000",
        1,
        End::Fault("ran into 0x8000"),
    ),
    attack("hostile=19 address=0x43fff000", 1, End::RunsOn),
    attack("hostile=20", 1, End::RunsOn),
    attack("hostile=21", 1, End::PowersOff),
    attack("hostile=22", 1, End::PowersOff),
    attack("hostile=23 address=0x50000000", 1, End::RunsOn),
    attack(
        "hostile=24 address=0x50000000",
        2,
        End::Fault("ran into 0x50000000"),
    ),
    attack("hostile=25", 2, End::PowersOff),
    attack("hostile=26", 2, End::PowersOff),
    attack("hostile=27", 2, End::PowersOff),
    attack("hostile=28", 2, End::PowersOff),
    attack("hostile=29 count=3000", 2, End::Either),
];

fn hostile(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot {
        zone0_cpus: 1,
        ..Boot::default()
    })?;
    let console = &mut machine.console;
    let sum = begin(console)?;
    for one in ATTACKS {
        run(console, one, &sum).with_context(|| format!("attack `{}`", one.options))?;
    }
    Ok(())
}

/// Accesses to the distributor by instructions that report no syndrome.
fn forms(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot {
        zone0_cpus: 1,
        ..Boot::default()
    })?;
    let console = &mut machine.console;
    let sum = begin(console)?;
    for form in 0..26 {
        let options = format!("hostile=17 form={form} address=0x08000100");
        let ended = end_of(console, &options, 1)?;
        ensure!(!ended.contains("0xbad"), "form {form}: {ended}");
        ensure!(
            !ended.contains("\"running\""),
            "form {form} does not end: {ended}"
        );
        check(console, &sum).with_context(|| format!("form {form}"))?;
    }
    Ok(())
}

/// Zone0's work, and a bystander that runs; the sum of zone0's work.
fn begin(console: &mut Console) -> Result<String> {
    write_zone_file(console, "bystander", "hostile=30", 1)?;
    console.run("hvisor zone start /tmp/bystander.toml")?;
    work(console)
}

/// Something that zone0 computes from its disk and memory.
fn work(console: &mut Console) -> Result<String> {
    console.run("echo 3 > /proc/sys/vm/drop_caches; md5sum /zones/linux.cpio")
}

fn write_zone_file(console: &mut Console, name: &str, options: &str, cpus: u32) -> Result<()> {
    console.run(&format!(
        "printf 'name = \"{name}\"\\ncpus = {cpus}\\nmemory = \"64 MiB\"\\n\
         kernel = \"/zones/hostile.bin\"\\ncmdline = \"{options}\"\\n\
         on_reset = \"destroy\"\\nserial = false\\n' > /tmp/{name}.toml"
    ))?;
    Ok(())
}

/// Runs an attack to its end, or to the end of patience; how `show` tells of it.
fn end_of(console: &mut Console, options: &str, cpus: u32) -> Result<String> {
    write_zone_file(console, "hostile", options, cpus)?;
    console.run("hvisor zone start /tmp/hostile.toml")?;
    let patience = if options.ends_with('!') {
        Duration::from_secs(3)
    } else {
        PATIENCE
    };
    let until = Instant::now() + patience;
    loop {
        let shown = console
            .command("hvisor zone show hostile --json", PATIENCE)?
            .text;
        if shown.contains("\"gone\"") || Instant::now() > until {
            return Ok(shown);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn run(console: &mut Console, attack: &Attack, sum: &str) -> Result<()> {
    // The guest ignores the mark at the end.
    let mark = if matches!(attack.end, End::RunsOn) {
        " !"
    } else {
        ""
    };
    let ended = end_of(console, &format!("{}{mark}", attack.options), attack.cpus)?;
    let gone = ended.contains("\"gone\"");
    let faultless = ended.contains("\"fault\": null");
    match attack.end {
        End::PowersOff => ensure!(
            gone && faultless,
            "it should have come to its end:\n{ended}"
        ),
        End::Fault(text) => ensure!(gone && ended.contains(text), "no fault `{text}`:\n{ended}"),
        End::Either => ensure!(
            gone && !ended.contains("0xbad"),
            "neither served nor stopped:\n{ended}"
        ),
        End::RunsOn => {
            ensure!(!gone, "it should run on:\n{ended}");
            console.run("hvisor zone stop hostile")?;
        }
    }
    check(console, sum)
}

/// The kernel lives, zone0 computes right, and nothing happened to the bystander.
fn check(console: &mut Console, sum: &str) -> Result<()> {
    let now = work(console)?;
    if now != sum {
        bail!("zone0 computes {now} instead of {sum}");
    }
    let bystander = console.run("hvisor zone show bystander --json")?;
    ensure!(
        bystander.contains("\"running\""),
        "the bystander does not run:\n{bystander}"
    );
    Ok(())
}
