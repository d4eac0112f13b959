// SPDX-License-Identifier: Apache-2.0
//! An emulator that runs.

use crate::console::Console;
use anyhow::{Context, Result, anyhow};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stock kernels take a few seconds on an idle workstation.
const BOOT_PATIENCE: Duration = Duration::from_secs(150);

pub struct Running {
    pub console: Console,
    child: Child,
}

impl Running {
    pub fn start(mut command: Command, log: &Path, deadline: Instant) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{:?} does not start", command.get_program()))?;
        let input = child.stdin.take().ok_or_else(|| anyhow!("no input"))?;
        let output = child.stdout.take().ok_or_else(|| anyhow!("no output"))?;
        Ok(Self {
            console: Console::new(input, output, log, deadline)?,
            child,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Console {
    /// Waits for the prompt of `host`'s shell.
    pub fn login(&mut self, host: &str) -> Result<()> {
        self.wait_for(&format!("{host}:[^\n]*# "), BOOT_PATIENCE)
            .with_context(|| format!("{host} did not come to its prompt"))?;
        // Kernel messages would mix with what commands print.
        self.run("dmesg -n 1").map(drop)
    }
}
