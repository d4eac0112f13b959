// SPDX-License-Identifier: Apache-2.0
//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed; the message says why and what would work
  2  the command line is wrong
  3  there is no such zone
  4  this is not zone0, or its driver is not loaded
  5  check: the description is wrong";

const EXAMPLES: &str = "\
Examples:
  hvisor zone start linux1.toml      plan, create, load and start a zone
  hvisor console linux1              type into it (Ctrl-] leaves)
  hvisor zone stop linux1            everything it had is free again
  hvisor check zone.toml --dtb board.dtb
                                     on a workstation, for a board";

#[derive(Parser)]
#[command(name = "hvisor", version, about = "Splits one machine into zones", after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    /// Print JSON instead of text, wherever something is reported
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start, stop and look at zones
    #[command(
        after_help = "Examples:\n  hvisor zone start linux1.toml\n  hvisor zone list --json\n  hvisor zone stop linux1\n  hvisor zone start linux1      the same file again"
    )]
    Zone {
        #[command(subcommand)]
        command: ZoneCommand,
    },
    /// Attach this terminal to a zone's console; Ctrl-] leaves
    #[command(
        after_help = "Examples:\n  hvisor console linux1\n  echo uptime | hvisor console linux1"
    )]
    Console {
        name: String,
        /// Another console than the first, by its name in the zone file
        #[arg(long)]
        console: Option<String>,
    },
    /// Print the kernel's log
    #[command(after_help = "Example:\n  hvisor log --follow")]
    Log {
        /// Go on with what is written from now on
        #[arg(short, long)]
        follow: bool,
    },
    /// Print the last exits of each processor, oldest first
    #[command(after_help = "Example:\n  hvisor trace --cpu 2")]
    Trace {
        /// Only this processor, as `hvisor status` counts them
        #[arg(long)]
        cpu: Option<usize>,
    },
    /// Show the machine: processors, memory and who has them
    #[command(after_help = "Example:\n  hvisor status --json")]
    Status,
    /// For users of upstream hvisor: devices of zones described in JSON
    Virtio {
        #[command(subcommand)]
        command: VirtioCommand,
    },
    #[command(hide = true)]
    Supervise { name: String },
    #[command(hide = true)]
    ServeDevices { name: String },
    /// Find everything that is wrong with zone files
    #[command(
        after_help = "Examples:\n  hvisor check linux1.toml\n  hvisor check *.toml --dtb imx8mp-evk.dtb --zone0-cpus 2"
    )]
    Check(CheckArgs),
    /// Show every address, interrupt and processor a zone would get, and why
    #[command(
        after_help = "Examples:\n  hvisor plan linux1.toml\n  hvisor plan linux1.toml --dtb imx8mp-evk.dtb --json"
    )]
    Plan(PlanArgs),
    /// Show or write the device tree that a zone would be handed
    #[command(
        after_help = "Examples:\n  hvisor dtb linux1.toml\n  hvisor dtb linux1.toml --dtb board.dtb -o linux1.dtb"
    )]
    Dtb(DtbArgs),
    /// Make the bundle that boots in the place of an initrd
    #[command(
        after_help = "Examples:\n  hvisor pack -o bundle --kernel vmlinuz --initrd initrd.img --cmdline console=ttyAMA0 --cpus 2 --memory '1 GiB'\n  hvisor pack -o bundle --zone a.toml --zone b.toml --dtb board.dtb"
    )]
    Pack(PackArgs),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  hvisor completions bash > /etc/bash_completion.d/hvisor")]
    Completions { shell: clap_complete::Shell },
}

#[derive(Subcommand)]
pub enum ZoneCommand {
    /// Create a zone without starting it
    Create { file: PathBuf },
    /// Start a zone from its file, or by name one that was there before
    #[command(
        after_help = "Examples:\n  hvisor zone start linux1.toml\n  hvisor zone start linux1         from where it was started last, or /etc/hvisor/linux1.toml\n  hvisor zone start zone1.json     a file of upstream hvisor"
    )]
    Start {
        #[arg(value_name = "FILE-or-NAME")]
        target: String,
    },
    /// Stop a zone and give back all it had
    Stop { name: String },
    /// Stop a zone and start it from its file again
    Restart { name: String },
    /// Halt a zone's processors; nothing else changes
    Pause { name: String },
    /// Let a paused zone go on
    Resume { name: String },
    /// Give back all that a zone has, whatever its state
    Destroy { name: String },
    /// List zones
    List,
    /// Show all about a zone, or how it ended
    Show { name: String },
    /// Show why processors left their zones for the kernel, and how often
    Stats { name: Option<String> },
    /// Take up zones that an earlier zone0 started (without NAME: all of them)
    Adopt {
        name: Option<String>,
        #[arg(hide = true)]
        file: Option<PathBuf>,
    },
    /// Upstream's way to stop: zone shutdown -id 1
    Shutdown {
        #[arg(long)]
        id: u64,
    },
}

#[derive(Subcommand)]
pub enum VirtioCommand {
    /// Remember the devices of a virtio file for when its zones are started
    #[command(
        after_help = "Example:\n  hvisor virtio start virtio.json && hvisor zone start zone1.json"
    )]
    Start { file: PathBuf },
}

/// Which machine to plan for; without --dtb the one this runs on.
#[derive(Args, Clone)]
pub struct MachineArgs {
    /// Device tree of a board to plan for
    #[arg(long, value_name = "FILE")]
    pub dtb: Option<PathBuf>,
    /// With --dtb: processors that zone0 is going to have
    #[arg(long, value_name = "N", default_value_t = 1, requires = "dtb")]
    pub zone0_cpus: usize,
    /// With --dtb: memory that zone0 is going to have
    #[arg(long, value_name = "SIZE", default_value = "512 MiB", value_parser = size, requires = "dtb")]
    pub zone0_memory: u64,
    /// With --dtb: RAM, where the tree leaves it to the boot loader; may be repeated
    #[arg(long, value_name = "BASE:SIZE", value_parser = bank, requires = "dtb")]
    pub ram: Vec<(u64, u64)>,
}

#[derive(Args)]
pub struct CheckArgs {
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub machine: MachineArgs,
}

#[derive(Args)]
pub struct PlanArgs {
    pub file: PathBuf,
    #[command(flatten)]
    pub machine: MachineArgs,
}

#[derive(Args)]
pub struct DtbArgs {
    pub file: PathBuf,
    /// Write the flattened tree there
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub machine: MachineArgs,
}

#[derive(Args)]
pub struct PackArgs {
    /// Where to write the bundle
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// zone0's Linux kernel, as its distribution ships it
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// zone0's initrd
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub initrd: Option<PathBuf>,
    /// zone0's kernel command line
    #[arg(long, default_value = "", requires = "kernel")]
    pub cmdline: String,
    /// zone0's processors; 0: all that the zones below do not take
    #[arg(long, default_value_t = 0, requires = "kernel")]
    pub cpus: u32,
    /// zone0's memory; 0: all that the zones below do not take
    #[arg(long, default_value = "0", value_parser = size, requires = "kernel")]
    pub memory: u64,
    /// A zone to start at boot; may be repeated
    #[arg(long = "zone", value_name = "FILE")]
    pub zones: Vec<PathBuf>,
    /// Device tree of the board, to plan those zones for
    #[arg(long, value_name = "FILE")]
    pub dtb: Option<PathBuf>,
}

pub fn size(text: &str) -> Result<u64, String> {
    plan::units::parse_size(text).ok_or_else(|| "not a size such as \"512 MiB\"".into())
}

fn bank(text: &str) -> Result<(u64, u64), String> {
    let (base, length) = text
        .split_once(':')
        .ok_or("not BASE:SIZE such as 0x80000000:2GiB")?;
    let base = plan::units::parse_number(base).ok_or("the base is not a number")?;
    Ok((base, size(length)?))
}
