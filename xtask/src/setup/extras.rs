// SPDX-License-Identifier: Apache-2.0
//! Small things from Debian: busybox, boot loaders, real boards' device trees.

use super::apt::{Apt, host_architecture};
use super::component::component;
use crate::arch::Arch;
use anyhow::{Result, anyhow};
use std::fs;
use std::path::PathBuf;

/// A static busybox for `arch`.
pub fn busybox(arch: Arch) -> Result<PathBuf> {
    let debian = arch.debian();
    let root = component(&format!("busybox-{debian}"), "1", |step, into| {
        Apt::first(&["trixie", "forky", "sid"], debian, into, |apt| {
            apt.unpack(step, &["busybox-static".to_owned()], into)
        })
    })?;
    ["usr/bin/busybox", "bin/busybox"]
        .map(|path| root.join(path))
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| anyhow!("busybox-static holds no busybox"))
}

/// U-Boot images for QEMU machines.
pub fn u_boot() -> Result<PathBuf> {
    let root = component("u-boot", "1", |step, into| {
        Apt::first(
            &["trixie", "forky", "sid"],
            &host_architecture()?,
            into,
            |apt| apt.unpack(step, &["u-boot-qemu".to_owned()], into),
        )
    })?;
    Ok(root.join("usr/lib/u-boot"))
}

/// Directory of the device trees of the boards that Linux runs on.
pub fn device_trees(arch: Arch) -> Result<PathBuf> {
    let debian = arch.debian();
    let root = component(&format!("device-trees-{debian}"), "1", |step, into| {
        Apt::first(&["forky", "sid"], debian, into, |apt| {
            let image = apt.dependency(&format!("linux-image-{debian}"), "linux-image-")?;
            apt.unpack(
                step,
                &[image.replacen("linux-image-", "linux-base-", 1)],
                into,
            )
        })?;
        let release = fs::read_dir(into.join("usr/lib/modules"))?
            .next()
            .ok_or_else(|| anyhow!("Debian's linux-base package holds no device trees"))??;
        fs::rename(release.path().join("dtb"), into.join("dtb"))?;
        Ok(())
    })?;
    Ok(root.join("dtb"))
}
