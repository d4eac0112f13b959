// SPDX-License-Identifier: Apache-2.0
//! The disk that zone0 mounts at `/zones`: zone files, kernels, guests' disks.

use crate::arch::Arch;
use crate::command;
use crate::paths;
use crate::setup::linux;
use anyhow::{Context, Result, anyhow};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of the disk, and of the disk of the example zone on it.
const DISK: u64 = 1 << 30;
const GUEST_DISK: u64 = 256 << 20;

/// Further files of the disk's root directory.
pub fn build(arch: Arch, files: &[&Path]) -> Result<PathBuf> {
    let tree = paths::target().join("zones").join(arch.name());
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir_all(&tree)?;
    for entry in fs::read_dir(paths::repository().join("rootfs/zones"))? {
        let entry = entry?;
        fs::copy(entry.path(), tree.join(entry.file_name()))?;
    }
    copy(&linux::setup(arch)?.kernel, &tree.join("vmlinuz"))?;
    for file in files {
        copy(file, &tree.join(file.file_name().unwrap_or_default()))?;
    }
    make_ext4(&tree.join("linux.disk"), GUEST_DISK, None)?;
    let disk = paths::images(arch).join("zones.ext4");
    make_ext4(&disk, DISK, Some(&tree))?;
    Ok(disk)
}

fn make_ext4(path: &Path, size: u64, from: Option<&Path>) -> Result<()> {
    let mke2fs = paths::find_program("mke2fs").ok_or_else(|| anyhow!("mke2fs is not installed"))?;
    if path.exists() {
        fs::remove_file(path)?;
    }
    File::create(path)?.set_len(size)?;
    let mut command = Command::new(mke2fs);
    command.args([
        "-q",
        "-F",
        "-t",
        "ext4",
        "-m",
        "0",
        "-E",
        "lazy_itable_init=1,nodiscard",
    ]);
    if let Some(from) = from {
        command.arg("-d").arg(from);
    }
    command::run(command.arg(path))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("{} can not be copied", from.display()))
}
