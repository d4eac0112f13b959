// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask`: sets up, builds, packs, runs, tests and measures hvisor.

mod arch;
mod build;
mod command;
mod emulator;
mod lint;
mod machines;
mod paths;
mod progress;
mod run;
mod setup;
mod test;

use anyhow::Result;
use arch::{Arch, Archs};
use clap::{Args, Parser, Subcommand};
use emulator::Options;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fetch all that building and testing need; what is there already is kept
    Setup {
        #[arg(long, value_enum, default_value = "all")]
        arch: Archs,
    },
    /// Build every image
    Build {
        #[arg(long, value_enum, default_value = "aarch64")]
        arch: Archs,
    },
    /// Start hvisor with zone0 in an emulated machine, on this terminal
    Run(RunArguments),
    /// Set up, build, start hvisor with zone0, and tell what to type there
    Demo {
        #[arg(long, value_enum, default_value = "aarch64")]
        arch: Arch,
    },
    /// Set up, build and run every test
    Test(test::Arguments),
    /// Check format, clippy's advice, licences and lengths of files
    Lint {
        #[arg(long, value_enum, default_value = "all")]
        arch: Archs,
    },
    /// Remove all that was fetched
    CleanCache,
}

#[derive(Args)]
struct RunArguments {
    #[arg(long, value_enum, default_value = "aarch64")]
    arch: Arch,
    /// A wrong name lists those there are
    #[arg(long)]
    machine: Option<String>,
    /// Stock Linux by itself, without hvisor
    #[arg(long)]
    bare: bool,
    /// Wait for a debugger
    #[arg(long)]
    gdb: bool,
    /// Processors of zone0; 0: all
    #[arg(long, default_value_t = 0)]
    zone0_cpus: u32,
    /// MiB of zone0; 0: all
    #[arg(long, default_value_t = 0)]
    zone0_memory: u32,
    /// Throw away what zone0 writes to its disk
    #[arg(long)]
    discard_writes: bool,
    /// Further arguments for QEMU
    #[arg(last = true)]
    extra: Vec<String>,
}

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!(
                "error: {}",
                error
                    .chain()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n  because: ")
            );
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    match Arguments::parse().verb {
        Verb::Setup { arch } => setup::run(&arch.list())?,
        Verb::Build { arch } => {
            for arch in arch.list() {
                build::run(arch)?;
            }
        }
        Verb::Run(arguments) => {
            let options = Options {
                bare: arguments.bare,
                zone0_cpus: arguments.zone0_cpus,
                zone0_memory: arguments.zone0_memory,
                discard_writes: arguments.discard_writes,
            };
            let machine = machines::find(arguments.arch, arguments.machine.as_deref())?;
            run::run(machine, &options, arguments.gdb, &arguments.extra)?;
        }
        Verb::Demo { arch } => run::demo(machines::find(arch, None)?)?,
        Verb::Test(arguments) => return Ok(code(test::run(&arguments)?)),
        Verb::Lint { arch } => return Ok(code(lint::run(&arch.list())?.failed == 0)),
        Verb::CleanCache => setup::clean()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn code(passed: bool) -> ExitCode {
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
