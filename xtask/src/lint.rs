// SPDX-License-Identifier: Apache-2.0
//! `lint`: format, clippy, licences, lengths of files.

use crate::arch::Arch;
use crate::build;
use crate::command;
use crate::paths;
use crate::setup::rust;
use anyhow::Result;
use std::fs;
use std::process::Command;
use system_tests::Tally;

/// Lines of a source file.
const LONGEST: usize = 400;

/// Files by their ends that must name their licence in the first lines.
const LICENSED: &[&str] = &[
    ".rs", ".toml", ".c", ".h", ".S", ".ld", ".sh", "Kbuild", "Makefile", ".conf",
];

/// What `test` insists on: licences, and what the kernel's own lints deny.
pub fn gate() -> Result<Tally> {
    let mut tally = Tally::default();
    check(
        &mut tally,
        "clippy kernel aarch64",
        clippy_kernel(Arch::Aarch64, &[]),
    );
    check(&mut tally, "licences", licences(&tracked_files()?));
    Ok(tally)
}

/// Runs every check and prints a line for each.
pub fn run(archs: &[Arch]) -> Result<Tally> {
    let mut tally = Tally::default();
    check(
        &mut tally,
        "format",
        command::run(cargo("cargo").args(["fmt", "--all", "--check"])),
    );
    check(
        &mut tally,
        "clippy",
        command::run(cargo("cargo").args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])),
    );
    for &arch in archs.iter().filter(|&&arch| build::has_port(arch)) {
        check(
            &mut tally,
            &format!("clippy kernel {arch}"),
            clippy_kernel(arch, &["-D", "warnings"]),
        );
    }
    let files = tracked_files()?;
    check(&mut tally, "licences", licences(&files));
    check(&mut tally, "lengths", lengths(&files));
    Ok(tally)
}

fn check(tally: &mut Tally, name: &str, result: Result<()>) {
    match result {
        Ok(()) => {
            println!("test lint {name} ... ok");
            tally.passed += 1;
        }
        Err(error) => {
            println!("test lint {name} ... FAILED\n{error:#}");
            tally.failed += 1;
        }
    }
}

fn cargo(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::repository());
    command
}

fn clippy_kernel(arch: Arch, levels: &[&str]) -> Result<()> {
    command::run(
        rust::cargo()?
            .args([
                "clippy",
                "--profile",
                "kernel",
                "-Z",
                "build-std=core",
                "--package",
                "kernel",
                "--quiet",
            ])
            .args(["--target", arch.bare_target(), "--"])
            .args(levels)
            .current_dir(paths::repository()),
    )
}

/// Text files that git knows: name and content.
fn tracked_files() -> Result<Vec<(String, String)>> {
    let names = command::output(
        Command::new("git")
            .arg("ls-files")
            .current_dir(paths::repository()),
    )?;
    Ok(names
        .lines()
        .filter_map(|name| {
            Some((
                name.to_owned(),
                fs::read_to_string(paths::repository().join(name)).ok()?,
            ))
        })
        .collect())
}

fn licences(files: &[(String, String)]) -> Result<()> {
    let without: Vec<&str> = files
        .iter()
        .filter(|(name, _)| LICENSED.iter().any(|end| name.ends_with(end)))
        .filter(|(_, text)| {
            !text
                .lines()
                .take(3)
                .any(|line| line.contains("SPDX-License-Identifier:"))
        })
        .map(|(name, _)| name.as_str())
        .collect();
    anyhow::ensure!(without.is_empty(), "no SPDX line in: {}", without.join(" "));
    Ok(())
}

fn lengths(files: &[(String, String)]) -> Result<()> {
    let long: Vec<String> = files
        .iter()
        .filter(|(name, _)| name.ends_with(".rs") || name.ends_with(".c"))
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(name, lines)| format!("{name} ({lines})"))
        .collect();
    anyhow::ensure!(long.is_empty(), "over {LONGEST} lines: {}", long.join(" "));
    Ok(())
}
