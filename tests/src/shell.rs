// SPDX-License-Identifier: Apache-2.0
//! Commands at a shell's prompt on a serial port.

use crate::console::Console;
use anyhow::{Result, bail};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Number of the next command.
static NEXT: AtomicU32 = AtomicU32::new(0);

pub const COMMAND_PATIENCE: Duration = Duration::from_secs(60);

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Output {
    pub status: i32,
    pub text: String,
}

impl Console {
    /// Runs `command` at the prompt that the console shows.
    pub fn command(&mut self, command: &str, patience: Duration) -> Result<Output> {
        // The quotes keep the echo of what is typed from looking like a mark; the
        // number, what a console repeats of commands before.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.send(&format!(
            "echo '<''<{number}'; {{ {command}; }} 2>&1; echo \"<$?\"':{number}>>'\n"
        ))?;
        self.wait_for(&format!("<<{number}\r?\n"), COMMAND_PATIENCE)?;
        let found = self.wait_for(&format!(r"(?s)^(.*?)<(\d+):{number}>>"), patience)?;
        let text = found[1].replace("\r\n", "\n");
        Ok(Output {
            status: found[2].parse()?,
            text: text.trim_end().to_owned(),
        })
    }

    /// Runs `command`, which must succeed, and returns what it printed.
    pub fn run(&mut self, command: &str) -> Result<String> {
        self.run_within(command, COMMAND_PATIENCE)
    }

    pub fn run_within(&mut self, command: &str, patience: Duration) -> Result<String> {
        let output = self.command(command, patience)?;
        if output.status != 0 {
            bail!("`{command}` ended with {}:\n{}", output.status, output.text);
        }
        Ok(output.text)
    }

    /// Runs `command`, which must fail, and returns what it printed.
    pub fn run_failing(&mut self, command: &str) -> Result<String> {
        let output = self.command(command, COMMAND_PATIENCE)?;
        if output.status == 0 {
            bail!("`{command}` should have failed:\n{}", output.text);
        }
        Ok(output.text)
    }
}
