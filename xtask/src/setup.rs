// SPDX-License-Identifier: Apache-2.0
//! Fetches all that building and testing need.

pub mod apt;
mod component;
pub mod extras;
pub mod host;
pub mod linux;
pub mod qemu;
pub mod rust;

use crate::arch::Arch;
use crate::paths;
use crate::progress::note;
use anyhow::Result;
use std::fs;

pub fn run(archs: &[Arch]) -> Result<()> {
    host::setup(archs)?;
    rust::setup()?;
    qemu::setup()?;
    extras::u_boot()?;
    for &arch in archs {
        linux::setup(arch)?;
        linux::headers(arch)?;
        extras::busybox(arch)?;
        extras::device_trees(arch)?;
    }
    note(&format!(
        "all that was fetched is in {}",
        paths::cache().display()
    ));
    Ok(())
}

/// Removes what was fetched.
pub fn clean() -> Result<()> {
    if paths::cache().exists() {
        fs::remove_dir_all(paths::cache())?;
    }
    Ok(())
}
