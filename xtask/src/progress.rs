// SPDX-License-Identifier: Apache-2.0
//! Progress of long steps: a bar on a terminal, one plain line per step elsewhere.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

pub struct Step {
    bar: ProgressBar,
    name: String,
    began: Instant,
}

/// Runs `work` as a step called `name`.
pub fn step<T>(name: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
    let step = Step::begin(name);
    let result = work(&step);
    step.end(result.is_ok());
    result
}

/// Says something without disturbing a bar that is shown.
pub fn note(text: &str) {
    eprintln!("{text}");
}

impl Step {
    fn begin(name: &str) -> Self {
        let bar = if stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(spinner());
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            bar,
            name: name.to_owned(),
            began: Instant::now(),
        }
    }

    /// From now on the step is `total` bytes long.
    pub fn bytes(&self, total: u64) {
        self.bar.set_length(total);
        self.bar.set_style(bytes());
    }

    pub fn at(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// What the step does just now.
    pub fn doing(&self, what: &str) {
        self.bar.set_style(spinner());
        self.bar.set_message(format!("{}: {what}", self.name));
    }

    fn end(self, succeeded: bool) {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        let mark = if succeeded { "ok" } else { "FAILED" };
        eprintln!("{mark:>8}  {} ({seconds:.1} s)", self.name);
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes() -> ProgressStyle {
    ProgressStyle::with_template(
        "{spinner} {elapsed:>4} {msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("=> ")
}
