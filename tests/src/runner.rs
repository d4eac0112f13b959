// SPDX-License-Identifier: Apache-2.0
//! Runs the cases that were asked for and reports on each.

use crate::case::{Bench, Case, Lab};
use crate::cases;
use anyhow::{Context, Result};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Lines of a failed test's serial log that are shown.
const SHOWN_LINES: usize = 40;

pub struct Selection<'a> {
    /// Part of `MACHINE: CASE`.
    pub filter: Option<&'a str>,
    /// Machines that can be had.
    pub machines: &'a [String],
    /// Tests at a time.
    pub jobs: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// Runs the selected cases; prints a line for each.
pub fn run(lab: &dyn Lab, selection: &Selection) -> Result<Tally> {
    let mut chosen = Vec::new();
    for case in cases::all() {
        for machine in case.machines {
            let is_there = selection.machines.iter().any(|name| name == machine);
            let is_wanted = selection
                .filter
                .is_none_or(|text| title(machine, case).contains(text));
            if is_there && is_wanted {
                chosen.push((*machine, case));
            }
        }
    }
    fs::create_dir_all(lab.directory())
        .with_context(|| format!("{} can not be made", lab.directory().display()))?;
    let next = AtomicUsize::new(0);
    let passed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..selection.jobs.max(1) {
            scope.spawn(|| {
                while let Some((machine, case)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if run_one(lab, machine, case) {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let passed = passed.into_inner();
    Ok(Tally {
        passed,
        failed: chosen.len() - passed,
        skipped: 0,
    })
}

fn title(machine: &str, case: &Case) -> String {
    format!("{machine}: {}", case.name)
}

fn run_one(lab: &dyn Lab, machine: &'static str, case: &Case) -> bool {
    let began = Instant::now();
    let scratch = lab.directory().join(
        title(machine, case)
            .replace(": ", "-")
            .replace(['/', ' '], "-"),
    );
    let log = scratch.with_extension("log");
    let result = prepare(&scratch, &log).and_then(|()| {
        let mut bench = Bench {
            lab,
            machine,
            scratch: scratch.clone(),
            log: log.clone(),
            deadline: began + case.limit,
        };
        catch_unwind(AssertUnwindSafe(|| (case.run)(&mut bench)))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the test itself panicked")))
    });
    let seconds = began.elapsed().as_secs_f64();
    match result {
        Ok(()) => {
            println!(
                "test system {} ... ok ({seconds:.1} s)",
                title(machine, case)
            );
            // What is left of it is in the log.
            let _ = fs::remove_dir_all(&scratch);
            true
        }
        Err(error) => {
            let serial = fs::read(&log).unwrap_or_default();
            let serial = String::from_utf8_lossy(&serial);
            let lines: Vec<&str> = serial.lines().collect();
            println!(
                "test system {} ... FAILED ({seconds:.1} s)\n{error:#}\n--- end of {}:\n{}\n---",
                title(machine, case),
                log.display(),
                lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
            );
            false
        }
    }
}

fn prepare(scratch: &std::path::Path, log: &std::path::Path) -> Result<()> {
    fs::create_dir_all(scratch)?;
    fs::write(log, "").with_context(|| format!("{} can not be written", log.display()))
}

/// Longest time of a case that does nothing special.
pub const LIMIT: Duration = Duration::from_secs(300);
