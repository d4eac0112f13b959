// SPDX-License-Identifier: Apache-2.0
//! Other programs, run so that a failure says which one failed and with what words.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Lines of a failed program's output that are shown.
const SHOWN_LINES: usize = 40;

/// Runs silently; on failure the error carries the end of the output.
pub fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs silently and returns the standard output, as text.
pub fn output(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&bytes(command)?).into_owned())
}

/// Runs silently and returns the standard output.
pub fn bytes(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", name(command)))?;
    if !output.status.success() {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stdout.lines().chain(stderr.lines()).collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        bail!(
            "{} failed ({}):\n{}",
            line(command),
            output.status,
            shown.join("\n")
        );
    }
    Ok(output.stdout)
}

/// Runs on the user's terminal.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{} does not start", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let mut line = name(command);
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
