// SPDX-License-Identifier: Apache-2.0
//! From reset to zone0's prompt.

use super::VIRT;
use crate::case::{Bench, Boot, Case};
use crate::runner::LIMIT;
use anyhow::{Result, ensure};
use std::time::Duration;

/// Machines that zone0 is started on.
const ZONE0: &[&str] = &["aarch64/virt", "aarch64/virt-gicv2"];

pub const CASES: &[Case] = &[
    Case {
        name: "bare Linux",
        machines: VIRT,
        limit: LIMIT,
        run: bare_linux,
    },
    Case {
        name: "zone0",
        machines: ZONE0,
        limit: LIMIT,
        run: zone0,
    },
];

/// zone0 has its share, and no more.
fn zone0(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot::default())?;
    let console = &mut machine.console;
    ensure!(console.run("hostname")? == "zone0");
    ensure!(
        console.run("nproc")? == "2",
        "zone0 should see its two processors"
    );
    let memory: u64 = console
        .run("awk '/MemTotal/ { print $2 }' /proc/meminfo")?
        .parse()?;
    ensure!(
        memory <= 768 << 10,
        "zone0 sees {memory} KiB of its 768 MiB"
    );
    console.run("ls -d /proc/device-tree/hvisor@*").map(drop)
}

/// The images by themselves: what fails here is not hvisor's fault.
fn bare_linux(bench: &mut Bench) -> Result<()> {
    let mut machine = bench.zone0(&Boot {
        bare: true,
        ..Boot::default()
    })?;
    let console = &mut machine.console;
    ensure!(console.run("hostname")? == "zone0");
    ensure!(
        console
            .command(
                "exit_with() { return $1; }; exit_with 3",
                Duration::from_secs(30)
            )?
            .status
            == 3
    );
    console.run("test -f /zones/linux.toml && test -f /zones/vmlinuz")?;
    console.run("ip link show br0 || ip link show hvbr0")?;
    console.send("poweroff\n")?;
    console.wait_for_end(Duration::from_secs(60))
}
