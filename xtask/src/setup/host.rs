// SPDX-License-Identifier: Apache-2.0
//! Ordinary programs of the machine we build on.

use crate::arch::Arch;
use crate::command;
use crate::paths;
use crate::progress::step;
use anyhow::{Context, Result, bail};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// What must be there, and the Debian package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("make", "make"),
    ("gcc", "gcc"),
    ("depmod", "kmod"),
    ("mke2fs", "e2fsprogs"),
    ("xz", "xz-utils"),
    ("dtc", "device-tree-compiler"),
    ("dpkg-deb", "dpkg"),
];

fn needed_for(arch: Arch) -> [(String, String); 2] {
    let gnu = arch.gnu();
    [
        (format!("{gnu}-gcc"), format!("gcc-{gnu}")),
        (
            format!("/usr/{gnu}/lib/libc.a"),
            format!("libc6-dev-{}-cross", arch.debian()),
        ),
    ]
}

/// Installs what is missing, as root; tells what to install otherwise.
pub fn setup(archs: &[Arch]) -> Result<()> {
    let mut needed: Vec<(String, String)> = NEEDED
        .iter()
        .map(|&(file, package)| (file.into(), package.into()))
        .collect();
    needed.extend(archs.iter().flat_map(|&arch| needed_for(arch)));
    let missing: Vec<String> = needed
        .iter()
        .filter(|(file, _)| !is_there(file))
        .map(|(_, package)| package.clone())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(&missing);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    if paths::find_program("apt-get").is_none() {
        bail!(
            "these programs are missing, under Debian's names of their packages: {}",
            missing.join(" ")
        );
    }
    if !is_root() {
        bail!(
            "some programs are missing; please run: sudo {}",
            command::line(&install)
        );
    }
    step(&format!("installing {}", missing.join(" ")), |_| {
        // The lists may be too old for the archive, or not there at all.
        command::run(Command::new("apt-get").args(["--quiet", "update"]))
            .and_then(|()| command::run(&mut install))
            .with_context(|| format!("apt-get could not install {}", missing.join(" ")))
    })?;
    match needed.iter().find(|(file, _)| !is_there(file)) {
        Some((file, package)) => bail!("{package} was installed, but {file} is not there"),
        None => Ok(()),
    }
}

fn is_there(file: &str) -> bool {
    if file.starts_with('/') {
        Path::new(file).exists()
    } else {
        paths::find_program(file).is_some()
    }
}

fn is_root() -> bool {
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|data| data.uid() == 0)
}
