// SPDX-License-Identifier: Apache-2.0
//! Initial RAM disks: busybox, the modules that stock kernels lack, our scripts.

use super::cpio::Archive;
use super::modules;
use crate::arch::Arch;
use crate::paths;
use crate::setup::{extras, linux};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A Linux system that lives in RAM.
pub struct Initrd<'a> {
    /// Also the name of its directory below `rootfs`.
    pub name: &'static str,
    /// Kernel modules that its boot script loads, beside what they depend on.
    pub modules: &'static [&'static str],
    /// Files from elsewhere: where they are and where they go.
    pub files: &'a [(PathBuf, &'static str)],
}

/// ext4 asks for it by the name of its algorithm; later kernels have it built in.
const CRC32C: &str = "?crc32c_generic";

pub const ZONE0_MODULES: &[&str] = &[
    "virtio_mmio",
    "virtio_blk",
    "virtio_net",
    "ext4",
    CRC32C,
    "tun",
    "bridge",
];
pub const LINUX_MODULES: &[&str] = &["virtio_mmio", "virtio_blk", "virtio_net", "ext4", CRC32C];

impl Initrd<'_> {
    pub fn build(&self, arch: Arch) -> Result<PathBuf> {
        let kernel = linux::setup(arch)?;
        let mut archive = Archive::default();
        for directory in [
            "bin",
            "dev",
            "etc",
            "proc",
            "sys",
            "tmp",
            "run",
            "root",
            "mnt",
            "lib",
            "lib/modules",
        ] {
            archive.directory(directory)?;
        }
        archive.device("dev/console", (5, 1))?;
        archive.device("dev/null", (1, 3))?;
        archive.file("bin/busybox", 0o755, &fs::read(extras::busybox(arch)?)?)?;
        archive.link("bin/sh", "busybox")?;
        archive.link("sbin", "bin")?;
        let mut order = String::new();
        for module in modules::closure(&kernel.modules, self.modules)? {
            archive.file(
                &format!("lib/modules/{}.ko", module.name),
                0o644,
                &module.bytes()?,
            )?;
            order.push_str(&module.name);
            order.push('\n');
        }
        archive.file("lib/modules/order", 0o644, order.as_bytes())?;
        for (from, to) in self.files {
            archive.file(
                to,
                0o755,
                &fs::read(from).with_context(|| format!("{} is missing", from.display()))?,
            )?;
        }
        let rootfs = paths::repository().join("rootfs");
        archive.tree(&rootfs.join("common"))?;
        archive.tree(&rootfs.join(self.name))?;
        let path = paths::images(arch).join(format!("{}.cpio", self.name));
        write(&path, &archive.finish()?)?;
        Ok(path)
    }
}

/// Writes `bytes`, unless they are there already.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).with_context(|| format!("{} can not be written", path.display()))
}
