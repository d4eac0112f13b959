// SPDX-License-Identifier: Apache-2.0
//! How results and problems are shown.

use crate::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use miette::{GraphicalReportHandler, GraphicalTheme};
use plan::Problems;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

/// Text for people or JSON for programs.
#[derive(Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    pub fn value(&self, value: &Value) {
        self.text(&format!("{value:#}\n"));
    }

    /// A closed pipe is the reader's wish, not an error.
    pub fn text(&self, text: &str) {
        let mut out = std::io::stdout();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    pub fn table(&self, header: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.iter().map(|title| title.to_uppercase()));
        table.add_rows(rows);
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.trim_end().trim_start_matches(' ').to_owned())
            .collect();
        self.text(&(lines.join("\n") + "\n"));
    }

    /// A sentence about what was done; nothing with --json.
    pub fn done(&self, sentence: &str) {
        if !self.json {
            self.text(&format!("{sentence}\n"));
        }
    }

    pub fn problems(&self, problems: &Problems, source: Option<&(String, String)>) {
        if self.json {
            return;
        }
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let theme = if colours {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        let (name, text) = source.map_or(("", ""), |(name, text)| (name, text));
        for report in problems.reports(name, text) {
            let mut shown = String::new();
            if handler.render_report(&mut shown, &report).is_ok() {
                eprint!("{shown}");
            }
        }
    }

    pub fn failure(&self, failure: &Failure) {
        if self.json {
            self.value(&json!({ "error": failure.code as u8, "problems": problems_json(&failure.problems) }));
        }
        self.problems(&failure.problems, failure.source.as_ref());
    }
}

pub fn problems_json(problems: &Problems) -> Value {
    problems
        .0
        .iter()
        .map(|one| {
            json!({
                "code": one.code, "asked": one.asked, "obstacle": one.obstacle, "advice": one.advice,
                "severity": if one.warning { "warning" } else { "error" },
                "span": one.span.as_ref().map(|span| [span.start, span.end]),
            })
        })
        .collect()
}

pub fn hex(value: u64) -> String {
    format!("{value:#x}")
}
