// SPDX-License-Identifier: Apache-2.0
//! From reset to zone0's prompt.

use super::VIRT;
use crate::case::{Bench, Boot, Case};
use crate::runner::LIMIT;
use anyhow::{Result, ensure};
use std::time::Duration;

pub const CASES: &[Case] = &[Case {
    name: "bare Linux",
    machines: VIRT,
    limit: LIMIT,
    run: bare_linux,
}];

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
