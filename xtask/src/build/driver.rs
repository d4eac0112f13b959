// SPDX-License-Identifier: Apache-2.0
//! The Linux module, built against the stock kernel's headers.

use super::initrd::write;
use crate::arch::Arch;
use crate::command;
use crate::paths;
use crate::setup::linux;
use anyhow::Result;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub fn build(arch: Arch) -> Result<PathBuf> {
    let headers = linux::headers(arch)?;
    // Built from a copy, so that no outputs lie among the sources.
    let directory = paths::target().join("driver").join(arch.name());
    fs::create_dir_all(&directory)?;
    for entry in fs::read_dir(paths::repository().join("driver"))? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            write(&directory.join(name), &fs::read(&path)?)?;
        }
    }
    command::run(
        Command::new("make")
            .arg("-C")
            .arg(&headers)
            .arg(format!("M={}", directory.display()))
            .arg(format!("ARCH={}", arch.linux()))
            .arg(format!("CROSS_COMPILE={}-", arch.gnu()))
            .arg(format!("CC={}-gcc", arch.gnu()))
            // The headers hold a vmlinux for BTF; without this a build wants pahole.
            .arg("CONFIG_DEBUG_INFO_BTF_MODULES=")
            // Kernels of a later compiler were configured for what it can do.
            .args([
                "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",
                "CONFIG_TOOLCHAIN_HAS_ZABHA=",
                "CONFIG_TOOLCHAIN_HAS_ZACAS=",
            ])
            .args(["CONFIG_RISCV_ISA_ZABHA=", "CONFIG_RISCV_ISA_ZACAS="])
            .arg("modules"),
    )?;
    Ok(directory.join("hvisor.ko"))
}
