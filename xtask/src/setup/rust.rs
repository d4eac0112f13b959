// SPDX-License-Identifier: Apache-2.0
//! The sources of Rust's libraries, from which `core` and `std` are built for
//! targets whose libraries are not installed.

use super::apt::{Apt, host_architecture};
use super::component::component;
use crate::command;

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const SUITES: &[&str] = &["trixie-backports", "trixie", "forky", "sid"];

/// How cargo is told of sources outside the compiler's own directory.
const SOURCES_VARIABLE: &str = "__CARGO_TESTS_ONLY_SRC_ROOT";

/// `library` of the sources: the toolchain's own component, or Debian's copy.
pub fn setup() -> Result<PathBuf> {
    let component_library = sysroot()?.join("lib/rustlib/src/rust/library");
    if component_library.join("Cargo.lock").is_file() {
        return Ok(component_library);
    }
    let version = rustc_version()?;
    let directory = component("rust-library", &version, |step, into| {
        Apt::first(SUITES, &host_architecture()?, into, |apt| {
            let debian = apt.version("rust-src", |found| found.starts_with(&format!("{version}+")))?;
            apt.unpack(step, &[format!("rust-src={debian}")], into)
        })
        .with_context(|| {
            format!("the library sources of rustc {version} can not be had; with rustup: rustup component add rust-src")
        })?;
        let library = into.join(format!("usr/src/rustc-{version}/library"));
        fs::rename(library, into.join("library")).context("rust-src holds no library directory")
    })?;
    Ok(directory.join("library"))
}

/// A `cargo` that can build `core` and `std` for any target.
pub fn cargo() -> Result<Command> {
    let library = setup()?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.env("RUSTC_BOOTSTRAP", "1");
    if !library.starts_with(sysroot()?) {
        command.env(SOURCES_VARIABLE, library);
    }
    Ok(command)
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(
        command::output(Command::new("rustc").args(["--print", "sysroot"]))?.trim(),
    ))
}

fn rustc_version() -> Result<String> {
    command::output(Command::new("rustc").arg("-vV"))?
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("rustc does not tell its version"))
}
