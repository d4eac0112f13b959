// SPDX-License-Identifier: Apache-2.0
//! `hvisor`: manages zones in zone0; checks, plans and packs on a workstation.

mod cli;
mod commands;
mod description;
mod failure;
mod output;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use commands::{describe, pack};
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match run(&cli.command, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.code as u8)
        }
    }
}

fn run(command: &Command, output: Output) -> failure::Result<()> {
    match command {
        Command::Check(arguments) => describe::check(arguments, output),
        Command::Plan(arguments) => describe::plan(arguments, output),
        Command::Dtb(arguments) => describe::dtb(arguments, output),
        Command::Pack(arguments) => pack::pack(arguments, output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "hvisor", &mut script);
            output.text(&String::from_utf8_lossy(&script));
            Ok(())
        }
    }
}
