// SPDX-License-Identifier: Apache-2.0
//! What happens to a zone while it lives: its own reboot and power-off, pauses,
//! the death of its back end, a neighbour, many lives.

use super::VIRT;
use super::zones::{attach, detach};
use crate::case::{Bench, Boot, Case};
use crate::machine::Running;
use crate::runner::LIMIT;
use anyhow::{Context, Result, ensure};
use std::time::Duration;

pub const CASES: &[Case] = &[
    Case {
        name: "reboot and power-off",
        machines: VIRT,
        limit: LIMIT,
        run: reboot_and_power_off,
    },
    Case {
        name: "pause and resume",
        machines: VIRT,
        limit: LIMIT,
        run: pause_and_resume,
    },
    Case {
        name: "back end killed",
        machines: VIRT,
        limit: LIMIT,
        run: back_end_killed,
    },
    Case {
        name: "two zones beside zone0",
        machines: VIRT,
        limit: LIMIT,
        run: two_zones,
    },
    Case {
        name: "ten lives",
        machines: VIRT,
        limit: LIMIT,
        run: ten_lives,
    },
];

const PATIENCE: Duration = Duration::from_secs(120);

/// Owners of processors and memory, and what is in use of the kernel's pool.
fn owners(machine: &mut Running) -> Result<String> {
    let status = machine.console.run("hvisor status | sed 's/; up.*//'")?;
    ensure!(status.contains("pool"), "no status: {status}");
    Ok(status)
}

fn start(machine: &mut Running, zone: &str) -> Result<()> {
    let command = format!("hvisor zone start /zones/{zone}.toml");
    machine.console.run_within(&command, PATIENCE).map(drop)
}

/// zone0 in so small a part of the machine that there is room for two zones.
fn small_zone0() -> Boot {
    Boot {
        zone0_cpus: 1,
        zone0_memory: 768,
        ..Boot::default()
    }
}

fn reboot_and_power_off(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    let before = owners(&mut machine)?;
    start(&mut machine, "linux")?;
    attach(&mut machine, "linux")?;
    machine.console.run("touch /tmp/only-in-memory")?;
    machine.console.send("reboot -f\n")?;
    machine.console.wait_for("built-in shell", PATIENCE)?;
    machine.console.send("\n")?;
    machine.console.login("linux").context("after the reboot")?;
    machine.console.run("test ! -e /tmp/only-in-memory")?;
    machine.console.send("poweroff -f\n")?;
    std::thread::sleep(Duration::from_secs(3));
    detach(&mut machine, "linux")?;
    let zones = machine.console.run("hvisor zone list")?;
    ensure!(!zones.contains("linux"), "still there: {zones}");
    let after = owners(&mut machine)?;
    ensure!(after == before, "not all came back:\n{before}\n{after}");
    Ok(())
}

fn pause_and_resume(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    start(&mut machine, "linux")?;
    attach(&mut machine, "linux")?;
    // A load that pauses must not disturb: writes, and a count in memory.
    machine.console.run(
        "(i=0; while true; do i=$((i+1)); echo $i >/tmp/next; mv /tmp/next /tmp/count; done) & \
         (while true; do dd if=/dev/zero of=/mnt/load bs=1M count=4 conv=fsync 2>/dev/null; done) & true",
    )?;
    detach(&mut machine, "linux")?;
    for _ in 0..5 {
        machine.console.run("hvisor zone pause linux")?;
        let zones = machine.console.run("hvisor zone list")?;
        ensure!(zones.contains("paused"), "not paused: {zones}");
        machine.console.run("sleep 1")?;
        machine.console.run("hvisor zone resume linux")?;
        machine.console.run("sleep 1")?;
    }
    attach(&mut machine, "linux")?;
    machine
        .console
        .run_within(
            "a=$(cat /tmp/count); sleep 3; test $(cat /tmp/count) -gt $a",
            PATIENCE,
        )
        .context("the count stands still")?;
    let complaints = machine
        .console
        .run("dmesg | grep -ciE 'error|stall|timed out' || true")?;
    ensure!(complaints == "0", "the zone complains {complaints} times");
    detach(&mut machine, "linux")
}

fn back_end_killed(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    start(&mut machine, "linux")?;
    attach(&mut machine, "linux")?;
    machine.console.run(
        "(dd if=/dev/urandom of=/tmp/data bs=1M count=48 2>/dev/null; \
         sha256sum </tmp/data >/tmp/sum; \
         for i in 1 2 3; do cp /tmp/data /mnt/data$i; sync; done; touch /tmp/done) & true",
    )?;
    detach(&mut machine, "linux")?;
    for _ in 0..4 {
        machine.console.run("sleep 2")?;
        machine
            .console
            .run("old=$(cat /run/hvisor/linux/backend.pid); kill -9 $old")?;
        machine
            .console
            .run_within(
                "while [ $(cat /run/hvisor/linux/backend.pid) = $old ]; do sleep 1; done",
                PATIENCE,
            )
            .context("no new back end")?;
    }
    attach(&mut machine, "linux")?;
    machine
        .console
        .run_within("while [ ! -e /tmp/done ]; do sleep 1; done", PATIENCE)?;
    machine.console.run_within(
        "echo 3 >/proc/sys/vm/drop_caches; \
         for i in 1 2 3; do sha256sum </mnt/data$i | cmp - /tmp/sum || exit_with=1; done; [ -z \"$exit_with\" ]",
        PATIENCE,
    )
    .context("the disk is not what was written")?;
    machine
        .console
        .run_within("ping -c 3 192.168.77.1", PATIENCE)
        .context("no network after the kills")?;
    detach(&mut machine, "linux")
}

fn two_zones(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&small_zone0())?;
    let before = owners(&mut machine)?;
    start(&mut machine, "linux")?;
    start(&mut machine, "smp")?;
    attach(&mut machine, "smp")?;
    ensure!(machine.console.run("nproc")? == "2");
    detach(&mut machine, "smp")?;
    attach(&mut machine, "linux")?;
    machine
        .console
        .run_within("ping -c 2 192.168.77.1", PATIENCE)?;
    detach(&mut machine, "linux")?;
    // One that goes does not disturb the other.
    machine
        .console
        .run_within("hvisor zone stop smp", PATIENCE)?;
    attach(&mut machine, "linux")?;
    machine
        .console
        .run_within("ping -c 2 192.168.77.1", PATIENCE)?;
    detach(&mut machine, "linux")?;
    machine
        .console
        .run_within("hvisor zone stop linux", PATIENCE)?;
    let after = owners(&mut machine)?;
    ensure!(after == before, "not all came back:\n{before}\n{after}");
    Ok(())
}

/// Stopped early and late in their boot; all comes back each time.
fn ten_lives(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    let before = owners(&mut machine)?;
    for life in 0..10 {
        start(&mut machine, "linux").with_context(|| format!("life {life}"))?;
        machine.console.run(&format!("sleep {}", life % 4))?;
        machine
            .console
            .run_within("hvisor zone stop linux", PATIENCE)?;
        let after = owners(&mut machine)?;
        ensure!(
            after == before,
            "life {life}: not all came back:\n{before}\n{after}"
        );
    }
    Ok(())
}
