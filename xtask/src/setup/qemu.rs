// SPDX-License-Identifier: Apache-2.0
//! QEMU, of one known version and with its own C library, so that it runs on
//! any host and every run uses the same emulator.

use super::apt::{Apt, host_architecture};
use super::component::component;
use crate::arch::Arch;
use crate::command;
use crate::paths;
use crate::progress::note;
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use std::process::Command;

/// From backports.
const EMULATORS: &[&str] = &[
    "qemu-system-arm",
    "qemu-system-riscv",
    "qemu-system-common",
    "qemu-system-data",
    "seabios",
];

/// Libraries and firmware, from the release; names that a later version of it lacks are skipped.
const LIBRARIES: &[&str] = &[
    "libc6",
    "libgcc-s1",
    "libaio1t64",
    "libatomic1",
    "libblkid1",
    "libbpf1",
    "libcap2",
    "libcapstone5",
    "libdaxctl1",
    "libelf1t64",
    "libfdt1",
    "libffi8",
    "libfuse3-4",
    "libglib2.0-0t64",
    "libgmp10",
    "libgnutls30t64",
    "libhogweed6t64",
    "libibverbs1",
    "libidn2-0",
    "libjpeg62-turbo",
    "libkmod2",
    "libmount1",
    "libndctl6",
    "libnettle8t64",
    "libnl-3-200",
    "libnl-route-3-200",
    "libnuma1",
    "libp11-kit0",
    "libpcre2-8-0",
    "libpixman-1-0",
    "libpmem1",
    "libpng16-16t64",
    "librdmacm1t64",
    "libsasl2-2",
    "libseccomp2",
    "libselinux1",
    "libslirp0",
    "libssl3t64",
    "libtasn1-6",
    "libudev1",
    "libunistring5",
    "liburing2",
    "libuuid1",
    "libvdeplug2t64",
    "libzstd1",
    "zlib1g",
    "opensbi",
    "ipxe-qemu",
];

pub struct Qemu {
    /// The private prefix; `None`: what is installed on the machine.
    prefix: Option<PathBuf>,
}

pub fn setup() -> Result<Qemu> {
    match private() {
        Ok(prefix) => Ok(Qemu {
            prefix: Some(prefix),
        }),
        Err(error) if paths::find_program(Arch::Aarch64.qemu()).is_some() => {
            note(&format!(
                "using the QEMU that is installed here, for: {error:#}"
            ));
            Ok(Qemu { prefix: None })
        }
        Err(error) => Err(error),
    }
}

fn private() -> Result<PathBuf> {
    let recipe = [EMULATORS.join(" "), LIBRARIES.join(" ")].join(" ");
    component("qemu", &recipe, |step, into| {
        let host = host_architecture()?;
        let libraries = Apt::open("trixie", &host)?;
        let known: Vec<String> = libraries
            .known(LIBRARIES)?
            .into_iter()
            .map(str::to_owned)
            .collect();
        libraries.unpack(step, &known, into)?;
        let emulators: Vec<String> = EMULATORS.iter().map(|&name| name.to_owned()).collect();
        Apt::open("trixie-backports", &host)?.unpack(step, &emulators, into)?;
        let qemu = Qemu {
            prefix: Some(into.to_path_buf()),
        };
        for arch in [Arch::Aarch64, Arch::Riscv64] {
            command::run(qemu.command(arch)?.arg("--version"))
                .context("the QEMU from Debian does not run here")?;
        }
        Ok(())
    })
}

impl Qemu {
    /// The emulator for `arch`, ready for further arguments.
    pub fn command(&self, arch: Arch) -> Result<Command> {
        let Some(prefix) = &self.prefix else {
            return Ok(Command::new(arch.qemu()));
        };
        let loader = loader(prefix)
            .ok_or_else(|| anyhow!("{} holds no program loader", prefix.display()))?;
        let libraries = prefix
            .join("usr/lib")
            .join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let mut command = Command::new(loader);
        command.arg("--library-path").arg(&libraries);
        command
            .args(["--argv0", arch.qemu()])
            .arg(prefix.join("usr/bin").join(arch.qemu()));
        for data in ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"] {
            command.arg("-L").arg(prefix.join(data));
        }
        command.env("QEMU_MODULE_DIR", libraries.join("qemu"));
        Ok(command)
    }
}

/// The dynamic loader that came with the prefix's C library.
fn loader(prefix: &Path) -> Option<PathBuf> {
    [
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/lib/ld-linux-aarch64.so.1",
    ]
    .map(|path| prefix.join(path))
    .into_iter()
    .find(|path| path.exists())
}
