// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask`: sets up, builds, packs, runs, tests and measures hvisor.

mod arch;
mod command;
mod paths;
mod progress;
mod setup;

use anyhow::Result;
use arch::Archs;
use clap::{Parser, Subcommand};
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
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error.chain().map(ToString::to_string).collect::<Vec<_>>().join("\n  because: "));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    match Arguments::parse().verb {
        Verb::Setup { arch } => setup::run(&arch.list())?,
    }
    Ok(ExitCode::SUCCESS)
}
