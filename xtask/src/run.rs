// SPDX-License-Identifier: Apache-2.0
//! `run` and `demo`: an emulated machine on the user's terminal.

use crate::build;
use crate::command;
use crate::emulator::{self, Options};
use crate::machines::Machine;
use crate::paths;
use crate::progress::note;
use anyhow::Result;

/// zone0's share in the demo; the rest is for zones.
const ZONE0_CPUS: u32 = 2;
const ZONE0_MEMORY: u32 = 768;

pub fn run(machine: &Machine, options: &Options, gdb: bool, extra: &[String]) -> Result<()> {
    let images = build::run(machine.arch)?;
    let scratch = paths::target().join("run");
    let mut qemu = emulator::command(machine, &images, options, &scratch)?;
    emulator::serial_on_stdio(&mut qemu, machine, true);
    if gdb {
        qemu.args(["-s", "-S"]);
        let symbols = paths::images(machine.arch).join("hvisor.elf");
        note(&format!(
            "waiting for: gdb-multiarch -ex 'target remote :1234' {}",
            symbols.display()
        ));
    }
    qemu.args(extra);
    note("Ctrl-a x ends the emulator, Ctrl-a c switches to its monitor.");
    command::show(&mut qemu)
}

pub fn demo(machine: &Machine) -> Result<()> {
    note("hvisor starts; zone0's prompt comes in a few seconds. Type there:");
    note("  hvisor zone start /zones/linux.toml   starts a second, isolated Linux");
    note("  hvisor console linux                  talks to it");
    note("  hvisor zone list");
    let options = Options {
        zone0_cpus: ZONE0_CPUS,
        zone0_memory: ZONE0_MEMORY,
        ..Options::default()
    };
    run(machine, &options, false, &[])
}
