// SPDX-License-Identifier: Apache-2.0
//! The names that each architecture goes by in Rust, Debian, QEMU and Linux.

use clap::ValueEnum;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arch {
    Aarch64,
    Riscv64,
}

/// What `--arch` takes where several architectures make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Archs {
    Aarch64,
    Riscv64,
    All,
}

impl Archs {
    pub fn list(self) -> Vec<Arch> {
        match self {
            Self::Aarch64 => vec![Arch::Aarch64],
            Self::Riscv64 => vec![Arch::Riscv64],
            Self::All => vec![Arch::Aarch64, Arch::Riscv64],
        }
    }
}

impl Arch {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
        }
    }

    /// Target triple of the kernel and of our own bare-metal guests.
    pub const fn bare_target(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-unknown-none-softfloat",
            Self::Riscv64 => "riscv64imac-unknown-none-elf",
        }
    }

    /// Target triple of programs for zone0.
    pub const fn linux_target(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::Riscv64 => "riscv64gc-unknown-linux-gnu",
        }
    }

    /// Prefix of the cross compiler's programs.
    pub const fn gnu(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-linux-gnu",
            Self::Riscv64 => "riscv64-linux-gnu",
        }
    }

    pub const fn debian(self) -> &'static str {
        match self {
            Self::Aarch64 => "arm64",
            Self::Riscv64 => "riscv64",
        }
    }

    /// `ARCH=` of the Linux build system.
    pub const fn linux(self) -> &'static str {
        match self {
            Self::Aarch64 => "arm64",
            Self::Riscv64 => "riscv",
        }
    }

    pub const fn qemu(self) -> &'static str {
        match self {
            Self::Aarch64 => "qemu-system-aarch64",
            Self::Riscv64 => "qemu-system-riscv64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
