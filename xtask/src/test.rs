// SPDX-License-Identifier: Apache-2.0
//! `test`: lints, tests on this machine, tests in emulated machines.

mod system;
mod unit;

use crate::arch::Arch;
use crate::lint;
use anyhow::Result;
use clap::Args;
use system_tests::Tally;

#[derive(Args)]
pub struct Arguments {
    /// Only system tests whose `ARCH/MACHINE: NAME` contains this
    #[arg(long)]
    filter: Option<String>,
    /// Only what runs on this machine itself
    #[arg(long, conflicts_with_all = ["system_only", "filter"])]
    unit_only: bool,
    /// Only what runs in emulated machines
    #[arg(long)]
    system_only: bool,
    /// Machines of which architecture; aarch64 if not told
    #[arg(long, value_enum)]
    arch: Option<Arch>,
    /// System tests at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// Runs everything that was asked for; true if all passed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let arch = arguments.arch.unwrap_or(Arch::Aarch64);
    let mut total = Tally::default();
    let mut add = |part: Tally| {
        total.passed += part.passed;
        total.failed += part.failed;
        total.skipped += part.skipped;
    };
    if !arguments.system_only && arguments.filter.is_none() {
        add(lint::gate()?);
        add(unit::run()?);
    }
    if !arguments.unit_only {
        add(system::run(
            &[arch],
            arguments.filter.as_deref(),
            arguments.jobs,
        )?);
    }
    println!(
        "\n{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    );
    Ok(total.failed == 0)
}
