// SPDX-License-Identifier: Apache-2.0
//! The emulator's command line for a machine and its images.

use crate::build::Images;
use crate::build::bundle::{self, Zone0Images};
use crate::machines::Machine;
use crate::setup::{extras, qemu};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Leaves out what takes stock kernels long in an emulator and no zone needs.
const QUICK: &str = "quiet cryptomgr.notests \
    initcall_blacklist=jent_mod_init,bpf_tcp_ca_kfunc_init,load_system_certificate_list,bpf_dummy_struct_ops_init";

/// What of a machine one run differs in.
#[derive(Clone, Default)]
pub struct Options {
    /// Stock Linux by itself, without hvisor.
    pub bare: bool,
    /// Processors of zone0; 0: all.
    pub zone0_cpus: u32,
    /// MiB of zone0; 0: all.
    pub zone0_memory: u32,
    /// Writes to zone0's disk are thrown away at the end.
    pub discard_writes: bool,
}

/// The command line up to the serial port, which is the caller's.
pub fn command(
    machine: &Machine,
    images: &Images,
    options: &Options,
    scratch: &Path,
) -> Result<Command> {
    let mut command = qemu::setup()?.command(machine.arch)?;
    command.args(machine.qemu);
    command.args([
        "-smp",
        &machine.cpus.to_string(),
        "-m",
        &machine.memory.to_string(),
    ]);
    command.args([
        "-display",
        "none",
        "-monitor",
        "none",
        "-nodefaults",
        "-no-reboot",
    ]);
    if let Some(path) = machine.device_tree {
        command
            .arg("-dtb")
            .arg(extras::device_trees(machine.arch)?.join(path));
    }
    if let Some(device) = machine.disk {
        let snapshot = if options.discard_writes {
            ",snapshot=on"
        } else {
            ""
        };
        command.args(["-global", "virtio-mmio.force-legacy=false"]);
        command.args([
            "-drive",
            &format!(
                "file={},format=raw,if=none,id=zones{snapshot}",
                images.zones.display()
            ),
        ]);
        command.args(["-device", &format!("{device},drive=zones")]);
    }
    let command_line = command_line(machine);
    if options.bare {
        command
            .arg("-kernel")
            .arg(&images.kernel)
            .arg("-initrd")
            .arg(&images.zone0_initrd);
        command.arg("-append").arg(command_line);
        return Ok(command);
    }
    let Some(hvisor) = &images.hvisor else {
        bail!(
            "there is no hvisor for {} yet; --bare starts Linux without it",
            machine.arch
        );
    };
    let bundle = write_bundle(images, options, &command_line, scratch)?;
    command
        .arg("-kernel")
        .arg(hvisor)
        .arg("-initrd")
        .arg(bundle);
    Ok(command)
}

/// Connects the machine's console to our standard input and output.
pub fn serial_on_stdio(command: &mut Command, machine: &Machine, multiplexed: bool) {
    for _ in 0..machine.serial {
        command.args(["-serial", "null"]);
    }
    command.args(["-serial", if multiplexed { "mon:stdio" } else { "stdio" }]);
}

pub fn command_line(machine: &Machine) -> String {
    format!("console={} {QUICK}", machine.console)
}

fn write_bundle(
    images: &Images,
    options: &Options,
    command_line: &str,
    scratch: &Path,
) -> Result<PathBuf> {
    let bytes = bundle::pack(&Zone0Images {
        cpus: options.zone0_cpus,
        memory: u64::from(options.zone0_memory) << 20,
        kernel: &images.kernel,
        initrd: &images.zone0_initrd,
        command_line,
    })?;
    fs::create_dir_all(scratch)?;
    let path = scratch.join("bundle");
    fs::write(&path, bytes).with_context(|| format!("{} can not be written", path.display()))?;
    Ok(path)
}
