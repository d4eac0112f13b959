// SPDX-License-Identifier: Apache-2.0
//! What a test case is, and what it is run with.

use crate::machine::Running;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How a machine is started.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    /// Stock Linux by itself, without hvisor.
    pub bare: bool,
    /// Processors of zone0; 0: all.
    pub zone0_cpus: u32,
    /// MiB of zone0; 0: all.
    pub zone0_memory: u32,
    /// A QMP socket is wanted.
    pub qmp: bool,
    /// A debugger's socket is wanted.
    pub gdb: bool,
}

impl Default for Boot {
    /// Leaves half of a small machine to zones.
    fn default() -> Self {
        Self {
            bare: false,
            zone0_cpus: 2,
            zone0_memory: 768,
            qmp: false,
            gdb: false,
        }
    }
}

/// Starts machines; the test's caller knows how.
pub trait Lab: Sync {
    /// An emulator whose standard input and output are the machine's serial port.
    fn emulator(&self, machine: &str, boot: &Boot, scratch: &std::path::Path) -> Result<Command>;
    /// Where logs and scratch files go.
    fn directory(&self) -> PathBuf;
}

pub struct Case {
    pub name: &'static str,
    /// Machines, by the names that [`Lab`] knows, that it is run on.
    pub machines: &'static [&'static str],
    /// The watchdog ends the test after this.
    pub limit: Duration,
    pub run: fn(&mut Bench) -> Result<()>,
}

/// What a case works with.
pub struct Bench<'a> {
    pub lab: &'a dyn Lab,
    pub machine: &'static str,
    /// A directory of the test's own.
    pub scratch: PathBuf,
    pub log: PathBuf,
    pub deadline: Instant,
}

impl Bench<'_> {
    /// Starts the machine; the emulator ends with the returned value.
    pub fn start(&mut self, boot: &Boot) -> Result<Running> {
        let command = self.lab.emulator(self.machine, boot, &self.scratch)?;
        Running::start(command, &self.log, self.deadline)
    }

    /// Starts the machine and waits for zone0's prompt.
    pub fn zone0(&mut self, boot: &Boot) -> Result<Running> {
        let mut machine = self.start(boot)?;
        machine.console.login("zone0")?;
        Ok(machine)
    }
}
