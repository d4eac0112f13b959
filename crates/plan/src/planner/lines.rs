// SPDX-License-Identifier: Apache-2.0
//! Wired interrupts.

use super::*;

impl Planner<'_> {
    /// Physical lines, each once.
    pub(super) fn wired(&mut self, found: &[Found]) -> Vec<Line> {
        let mut wired: Vec<Line> = Vec::new();
        for (line, path) in found
            .iter()
            .flat_map(|device| device.lines.iter().map(move |line| (*line, &device.path)))
        {
            if !wired.iter().any(|other| other.number == line.number) {
                self.decide(
                    path,
                    None,
                    None,
                    None,
                    Some(line.number),
                    if line.edge {
                        "its own interrupt, edge"
                    } else {
                        "its own interrupt, level"
                    },
                );
                wired.push(line);
            }
        }
        for line in &self.zone.layout.lines {
            let number = line.value;
            let holder = self
                .machine
                .taken_lines
                .iter()
                .find(|(taken, by)| *taken == number && *by != 0 && *by != owner::FREE);
            let first = self.machine.architecture.conventions().first_line;
            let problem = |why: String| {
                Problem::new(
                    "line-taken",
                    line.span.clone(),
                    format!("interrupt {number}"),
                    why,
                )
            };
            if number < first || number >= self.machine.lines {
                self.problems.push(problem(format!(
                    "devices have {first} to {} here",
                    self.machine.lines.saturating_sub(1)
                )));
            } else if let Some((_, by)) = holder {
                self.problems
                    .push(problem(format!("belongs to {}", owner_name(*by))));
            } else if wired.iter().any(|other| other.number == number) {
                self.problems
                    .push(problem("is given twice".into()).as_warning());
            } else {
                self.decide(
                    "interrupt",
                    None,
                    None,
                    None,
                    Some(number),
                    "fixed in the zone file",
                );
                wired.push(Line {
                    number,
                    edge: false,
                });
            }
        }
        if wired.len() > MAX_LINES {
            self.problems.push(Problem::new(
                "too-many",
                None,
                format!("{} interrupt lines", wired.len()),
                format!("a zone has at most {MAX_LINES}"),
            ));
        }
        wired
    }

    /// Enough interrupt numbers for all that is used, in the controllers' steps of 32.
    pub(super) fn line_count(&self, wired: &[Line], devices: &[GuestDevice]) -> u32 {
        let most = wired
            .iter()
            .map(|line| line.number)
            .chain(devices.iter().map(|device| device.line))
            .max()
            .unwrap_or(0);
        (most + 1)
            .next_multiple_of(32)
            .max(64)
            .min(self.machine.architecture.conventions().max_lines)
    }
}
