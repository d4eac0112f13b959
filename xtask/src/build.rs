// SPDX-License-Identifier: Apache-2.0
//! Builds every image for an architecture.

pub mod bundle;
pub mod cargo;
mod cpio;
mod disk;
mod driver;
mod flat;
mod initrd;
mod modules;

use crate::arch::Arch;
use crate::paths;
use crate::progress::{note, step};
use crate::setup::{host, linux};
use anyhow::Result;
use initrd::Initrd;
use std::fs;
use std::path::PathBuf;

/// What a run in an emulator needs.
pub struct Images {
    /// The raw image of the hypervisor; `None` where it does not exist yet.
    pub hvisor: Option<PathBuf>,
    /// zone0's kernel, uncompressed.
    pub kernel: PathBuf,
    pub zone0_initrd: PathBuf,
    /// zone0's disk with all that zones are made of.
    pub zones: PathBuf,
}

/// Whether the kernel knows the architecture.
pub fn has_port(arch: Arch) -> bool {
    paths::repository()
        .join("kernel/src/arch")
        .join(arch.name())
        .exists()
}

pub fn run(arch: Arch) -> Result<Images> {
    host::setup(&[arch])?;
    fs::create_dir_all(paths::images(arch))?;
    let repository = paths::repository();
    let has = |path: &str| repository.join(path).exists();
    let hvisor = if has_port(arch) {
        Some(step(&format!("kernel {arch}"), |_| cargo::kernel(arch))?)
    } else {
        None
    };
    let mut files = Vec::new();
    match step(&format!("driver {arch}"), |_| driver::build(arch)) {
        Ok(module) => files.push((module, "lib/hvisor.ko")),
        // The kernel may be of a later compiler than there is here.
        Err(error) if arch != Arch::Aarch64 => {
            note(&format!(
                "zone0 of {arch} gets no driver and can manage no zones: {error:#}"
            ));
        }
        Err(error) => return Err(error),
    }
    if has("tool/Cargo.toml") {
        files.push((
            step(&format!("tool {arch}"), |_| {
                cargo::linux_program(arch, "tool", "hvisor")
            })?,
            "bin/hvisor",
        ));
    }
    let hostile = if has(&format!("guests/hostile/src/arch/{arch}")) {
        Some(step(&format!("guests {arch}"), |_| {
            cargo::bare_metal(arch, "hostile", "hostile")
        })?)
    } else {
        None
    };
    step(&format!("images {arch}"), |_| {
        let zone0_initrd = Initrd {
            name: "zone0",
            modules: initrd::ZONE0_MODULES,
            files: &files,
        }
        .build(arch)?;
        let linux_initrd = Initrd {
            name: "linux",
            modules: initrd::LINUX_MODULES,
            files: &[],
        }
        .build(arch)?;
        let guests = hostile.as_deref().into_iter();
        let files: Vec<_> = [linux_initrd.as_path()].into_iter().chain(guests).collect();
        let zones = disk::build(arch, &files)?;
        let kernel = paths::images(arch).join("vmlinuz");
        initrd::write(&kernel, &fs::read(linux::setup(arch)?.kernel)?)?;
        Ok(Images {
            hvisor,
            kernel,
            zone0_initrd,
            zones,
        })
    })
}
