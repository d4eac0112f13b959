// SPDX-License-Identifier: Apache-2.0
//! A second Linux beside zone0.

use super::VIRT;
use crate::case::{Bench, Boot, Case};
use crate::machine::Running;
use crate::runner::LIMIT;
use anyhow::{Context, Result, ensure};
use std::time::Duration;

pub const CASES: &[Case] = &[
    Case {
        name: "second Linux",
        machines: VIRT,
        limit: LIMIT,
        run: second_linux,
    },
    Case {
        name: "refused description",
        machines: VIRT,
        limit: LIMIT,
        run: refused_description,
    },
];

/// A prompt of `zone`'s Linux, on the console that zone0's prompt gives way to.
pub fn attach(machine: &mut Running, zone: &str) -> Result<()> {
    let console = &mut machine.console;
    console.send(&format!("hvisor console {zone}\n"))?;
    console.wait_for(&format!("attached to {zone}"), Duration::from_secs(30))?;
    console.send("\n")?;
    console.login("linux")
}

/// Ctrl-] leaves the zone's console.
pub fn detach(machine: &mut Running, zone: &str) -> Result<()> {
    machine.console.send("\x1d")?;
    machine
        .console
        .wait_for(&format!("left {zone}"), Duration::from_secs(30))?;
    machine.console.run("true").map(drop)
}

/// Started, typed into, its disk written, its network used, stopped, started again.
fn second_linux(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    let patience = Duration::from_secs(120);
    machine
        .console
        .run_within("hvisor zone start /zones/linux.toml", patience)?;
    attach(&mut machine, "linux").context("first start")?;
    ensure!(machine.console.run("hostname")? == "linux");
    let sum = machine.console.run_within(
        "dd if=/dev/urandom of=/mnt/data bs=1M count=8 2>/dev/null && sync && sha256sum </mnt/data",
        patience,
    )?;
    machine
        .console
        .run_within("ping -c 3 192.168.77.1", patience)?;
    detach(&mut machine, "linux")?;
    machine
        .console
        .run_within("hvisor zone stop linux", patience)?;
    machine
        .console
        .run_within("hvisor zone start linux", patience)?;
    attach(&mut machine, "linux").context("second start")?;
    let found = machine
        .console
        .run_within("sha256sum </mnt/data", patience)?;
    ensure!(
        found == sum,
        "the disk changed between two starts: {sum} became {found}"
    );
    detach(&mut machine, "linux")
}

/// A zone that asks for more than there is changes nothing.
fn refused_description(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    let console = &mut machine.console;
    let before = console.run("hvisor zone list")?;
    console.run("sed 's/256 MiB/64 GiB/' /zones/linux.toml >/tmp/large.toml")?;
    let words = console.run_failing("hvisor zone start /tmp/large.toml")?;
    ensure!(
        words.contains("memory"),
        "the refusal does not name the memory: {words}"
    );
    ensure!(console.run("hvisor zone list")? == before);
    Ok(())
}
