// SPDX-License-Identifier: Apache-2.0
//! Our own programs, built for the machine or for zone0's Linux.

use super::flat::flatten;
use super::initrd::write;
use crate::arch::Arch;
use crate::command;
use crate::paths;
use crate::setup::rust;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// The kernel as a raw image.
pub fn kernel(arch: Arch) -> Result<PathBuf> {
    bare_metal(arch, "kernel", "hvisor")
}

/// A program for bare metal as a raw image; the ELF file stays beside it.
pub fn bare_metal(arch: Arch, package: &str, program: &str) -> Result<PathBuf> {
    command::run(
        rust::cargo()?
            .args([
                "build",
                "--profile",
                "kernel",
                "-Z",
                "build-std=core",
                "--package",
                package,
            ])
            .args(["--target", arch.bare_target()])
            .current_dir(paths::repository()),
    )?;
    let elf = paths::target()
        .join(arch.bare_target())
        .join("kernel")
        .join(program);
    let bytes = fs::read(&elf).with_context(|| format!("{} is missing", elf.display()))?;
    let image = paths::images(arch).join(format!("{program}.bin"));
    write(&image, &flatten(&bytes)?)?;
    write(&paths::images(arch).join(format!("{program}.elf")), &bytes)?;
    Ok(image)
}

/// A static program for Linux in zone0.
pub fn linux_program(arch: Arch, package: &str, program: &str) -> Result<PathBuf> {
    let target = arch.linux_target();
    let variable = target.to_uppercase().replace('-', "_");
    command::run(
        rust::cargo()?
            .args([
                "build",
                "--release",
                "-Z",
                "build-std=std,panic_abort",
                "--package",
                package,
            ])
            .args(["--target", target])
            .env(
                format!("CARGO_TARGET_{variable}_LINKER"),
                format!("{}-gcc", arch.gnu()),
            )
            .env(
                format!("CARGO_TARGET_{variable}_RUSTFLAGS"),
                "-C target-feature=+crt-static -C strip=symbols",
            )
            .current_dir(paths::repository()),
    )?;
    let built = paths::target().join(target).join("release").join(program);
    let image = paths::images(arch).join(program);
    write(
        &image,
        &fs::read(&built).with_context(|| format!("{} is missing", built.display()))?,
    )?;
    Ok(image)
}
