// SPDX-License-Identifier: Apache-2.0
//! Debian's stock kernels, their modules and what modules are built with.

use super::apt::{Apt, host_architecture};
use super::component::component;
use crate::arch::Arch;
use crate::command;
use crate::paths;
use anyhow::{Context, Result, anyhow};
use std::fs;
use std::iter;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the suite that the kernel is from.
const SUITE: &str = ".suite";

/// A kernel as Debian ships it.
pub struct Linux {
    /// As `uname -r` prints it.
    pub release: String,
    /// `vmlinuz`, in whatever format Debian ships it.
    pub kernel: PathBuf,
    /// With modules.dep.
    pub modules: PathBuf,
    root: PathBuf,
}

/// Suites with kernels for the architecture, the one we test with first.
const fn suites(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::Aarch64 => &["bookworm-backports", "trixie", "forky"],
        Arch::Riscv64 => &["trixie", "forky"],
    }
}

pub fn setup(arch: Arch) -> Result<Linux> {
    let debian = arch.debian();
    let root = component(
        &format!("linux-{debian}"),
        &suites(arch).join(" "),
        |step, into| {
            Apt::first(suites(arch), debian, into, |apt| {
                let image = apt.dependency(&format!("linux-image-{debian}"), "linux-image-")?;
                // Newer packages hold the kernel and the modules apart.
                let parts = ["linux-binary-", "linux-modules-"]
                    .map(|part| image.replacen("linux-image-", part, 1));
                let parts = apt
                    .known(&parts.each_ref().map(String::as_str))?
                    .into_iter()
                    .map(str::to_owned);
                apt.unpack(
                    step,
                    &iter::once(image.clone()).chain(parts).collect::<Vec<_>>(),
                    into,
                )?;
                fs::write(into.join(SUITE), apt.suite())?;
                Ok(())
            })?;
            if !into.join("lib").exists() {
                symlink("usr/lib", into.join("lib"))?;
            }
            step.doing("depmod");
            let release = only_name(&into.join("lib/modules"))?;
            let depmod =
                paths::find_program("depmod").ok_or_else(|| anyhow!("depmod is not installed"))?;
            command::run(Command::new(depmod).arg("-b").arg(into).arg(release))
        },
    )?;
    let release = only_name(&root.join("lib/modules"))?;
    Ok(Linux {
        kernel: root.join("boot").join(format!("vmlinuz-{release}")),
        modules: root.join("lib/modules").join(&release),
        release,
        root,
    })
}

/// The build directory for modules of [`setup`]'s kernel.
pub fn headers(arch: Arch) -> Result<PathBuf> {
    let Linux {
        release,
        root: kernel,
        ..
    } = setup(arch)?;
    let debian = arch.debian();
    let root = component(
        &format!("linux-headers-{debian}"),
        &release,
        |step, into| {
            let abi = release.strip_suffix(&format!("-{debian}")).ok_or_else(|| {
                anyhow!("the kernel's release {release} does not end in -{debian}")
            })?;
            let suite = fs::read_to_string(kernel.join(SUITE))?;
            let target = [
                format!("linux-headers-{release}"),
                format!("linux-headers-{abi}-common"),
            ];
            Apt::open(&suite, debian)?.unpack(step, &target, into)?;
            Apt::open(&suite, &host_architecture()?)?.unpack(
                step,
                &[format!("linux-kbuild-{abi}")],
                into,
            )?;
            relocate(
                &into
                    .join("usr/src")
                    .join(format!("linux-headers-{release}")),
            )
        },
    )?;
    Ok(root
        .join("usr/src")
        .join(format!("linux-headers-{release}")))
}

/// The headers' makefile includes a file below `/usr`; its copy here is beside it.
fn relocate(headers: &Path) -> Result<()> {
    let makefile = headers.join("Makefile");
    let text = fs::read_to_string(&makefile)
        .with_context(|| format!("{} is missing", makefile.display()))?;
    fs::write(
        &makefile,
        text.replace("include /usr/src/", "include ../")
            .replace("KBUILD_OUTPUT=/usr/src/", "KBUILD_OUTPUT=../"),
    )?;
    Ok(())
}

fn only_name(directory: &Path) -> Result<String> {
    let entry = fs::read_dir(directory)
        .with_context(|| format!("{} is missing", directory.display()))?
        .next()
        .ok_or_else(|| anyhow!("{} is empty", directory.display()))??;
    Ok(entry.file_name().to_string_lossy().into_owned())
}
