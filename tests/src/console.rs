// SPDX-License-Identifier: Apache-2.0
//! A serial port: text to send, text to wait for, everything kept in a log.

use anyhow::{Context, Result, bail};
use regex::Regex;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines of the end of what came that an error shows.
const SHOWN_LINES: usize = 30;

#[derive(Default)]
struct Received {
    text: String,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Received>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Console {
    input: ChildStdin,
    shared: Arc<Shared>,
    /// Where what was not yet waited for begins.
    position: usize,
    /// When the whole test must be over.
    deadline: Instant,
}

impl Console {
    pub fn new(
        input: ChildStdin,
        mut output: ChildStdout,
        log: &Path,
        deadline: Instant,
    ) -> Result<Self> {
        let mut log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("{} can not be written", log.display()))?;
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                // A log that can not be written is no reason to stop.
                let _ = log.write_all(&buffer[..count]);
                writer
                    .lock()
                    .text
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
                writer.changed.notify_all();
            }
            writer.lock().ended = true;
            writer.changed.notify_all();
        });
        Ok(Self {
            input,
            shared,
            position: 0,
            deadline,
        })
    }

    pub fn send(&mut self, text: &str) -> Result<()> {
        self.input
            .write_all(text.as_bytes())
            .and_then(|()| self.input.flush())
            .context("the emulator takes no input any more")
    }

    /// Waits for `pattern` in what came since the last match; returns what it
    /// captured, the whole match first.
    pub fn wait_for(&mut self, pattern: &str, patience: Duration) -> Result<Vec<String>> {
        let regex = Regex::new(pattern)?;
        let until = self.deadline.min(Instant::now() + patience);
        let mut received = self.shared.lock();
        loop {
            if let Some(captures) = regex.captures(&received.text[self.position..]) {
                let texts = captures
                    .iter()
                    .map(|group| group.map_or("", |m| m.as_str()).to_owned());
                let texts = texts.collect();
                self.position += captures.get(0).map_or(0, |whole| whole.end());
                return Ok(texts);
            }
            let left = until.saturating_duration_since(Instant::now());
            if received.ended || left.is_zero() {
                let why = if received.ended {
                    "the machine ended"
                } else {
                    "time is over"
                };
                bail!(
                    "waited for /{pattern}/, but {why}; what came last:\n{}",
                    tail(&received.text)
                );
            }
            received = self
                .shared
                .changed
                .wait_timeout(received, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until the emulator has ended.
    pub fn wait_for_end(&mut self, patience: Duration) -> Result<()> {
        let until = self.deadline.min(Instant::now() + patience);
        let mut received = self.shared.lock();
        while !received.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "the machine should have ended; what came last:\n{}",
                    tail(&received.text)
                );
            }
            received = self
                .shared
                .changed
                .wait_timeout(received, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
