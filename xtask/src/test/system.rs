// SPDX-License-Identifier: Apache-2.0
//! Gives the system tests their emulated machines.

use crate::arch::Arch;
use crate::build::{self, Images};
use crate::emulator::{self, Options};
use crate::machines::{MACHINES, Machine};
use crate::paths;
use anyhow::{Result, anyhow};
use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::{Boot, Lab, Selection, Tally};

pub fn run(archs: &[Arch], filter: Option<&str>, jobs: usize) -> Result<Tally> {
    let images = archs
        .iter()
        .map(|&arch| Ok((arch, build::run(arch)?)))
        .collect::<Result<Vec<_>>>()?;
    let machines = MACHINES
        .iter()
        .filter(|machine| archs.contains(&machine.arch))
        .map(full_name)
        .collect::<Vec<_>>();
    system_tests::run(
        &Emulators { images },
        &Selection {
            filter,
            machines: &machines,
            jobs,
        },
    )
}

fn full_name(machine: &Machine) -> String {
    format!("{}/{}", machine.arch, machine.name)
}

struct Emulators {
    images: Vec<(Arch, Images)>,
}

impl Lab for Emulators {
    fn emulator(&self, machine: &str, boot: &Boot, scratch: &Path) -> Result<Command> {
        let machine = MACHINES
            .iter()
            .find(|found| full_name(found) == machine)
            .ok_or_else(|| anyhow!("there is no machine {machine}"))?;
        let (_, images) = self
            .images
            .iter()
            .find(|(arch, _)| *arch == machine.arch)
            .ok_or_else(|| anyhow!("nothing was built for {}", machine.arch))?;
        let options = Options {
            bare: boot.bare,
            zone0_cpus: boot.zone0_cpus,
            zone0_memory: boot.zone0_memory,
            discard_writes: true,
        };
        let mut command = emulator::command(machine, images, &options, scratch)?;
        emulator::serial_on_stdio(&mut command, machine, false);
        if boot.qmp {
            command.args([
                "-qmp",
                &format!("unix:{},server=on,wait=off", scratch.join("qmp").display()),
            ]);
        }
        if boot.gdb {
            command.args([
                "-gdb",
                &format!("unix:{},server=on,wait=off", scratch.join("gdb").display()),
            ]);
        }
        Ok(command)
    }

    fn directory(&self) -> PathBuf {
        paths::target().join("system-tests")
    }
}
