// SPDX-License-Identifier: Apache-2.0
//! `hvisor`: manages zones in zone0; checks, plans and packs on a workstation.

mod cli;
mod commands;
mod description;
mod failure;
mod output;
mod zone0;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command, VirtioCommand};
use commands::{console, describe, pack, show, stats, zone};
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Upstream's spelling of --id.
    let arguments = std::env::args_os().map(|one| if one == "-id" { "--id".into() } else { one });
    let cli = Cli::parse_from(arguments);
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
        Command::Zone { command } => zone::run(command, output),
        Command::Console {
            name,
            console: which,
        } => console::run(name, which.as_deref()),
        Command::Log { follow } => stats::log(*follow, output),
        Command::Trace { cpu } => stats::trace(*cpu, output),
        Command::Status => show::status(output),
        Command::Virtio {
            command: VirtioCommand::Start { file },
        } => zone::virtio_start(file, output),
        Command::Supervise { name } => zone0::supervisor::run(name),
        Command::ServeDevices { name } => zone0::serve::run(name),
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
