// SPDX-License-Identifier: Apache-2.0
//! The workspace's own tests, by cargo.

use crate::paths;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use system_tests::Tally;

/// Packages for bare metal only.
const EXCLUDED: &[&str] = &["kernel"];

pub fn run() -> Result<Tally> {
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--no-fail-fast", "--quiet"]);
    for package in EXCLUDED {
        command.args(["--exclude", package]);
    }
    let mut child = command
        .current_dir(paths::repository())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo does not start")?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            count(&line, &mut tally);
        }
    }
    if !child.wait()?.success() && tally.failed == 0 {
        println!("test unit ... FAILED: the tests did not build or ended early");
        tally.failed = 1;
    }
    Ok(tally)
}

/// Adds `test result: ok. 5 passed; 0 failed; 0 ignored; ...`.
fn count(line: &str, tally: &mut Tally) {
    let Some(rest) = line.strip_prefix("test result: ") else {
        return;
    };
    let number = |word: &str| -> usize {
        let words: Vec<&str> = rest
            .split([' ', ';', '.'])
            .filter(|word| !word.is_empty())
            .collect();
        let at = words.iter().position(|found| *found == word);
        at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
            .unwrap_or(0)
    };
    tally.passed += number("passed");
    tally.failed += number("failed");
    tally.skipped += number("ignored");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added() {
        let mut tally = Tally::default();
        count(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            &mut tally,
        );
        count(
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 7 filtered out",
            &mut tally,
        );
        count("running 3 tests", &mut tally);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (7, 3, 1));
    }
}
