// SPDX-License-Identifier: Apache-2.0
//! Reads a TOML table key by key and keeps every complaint.

use crate::problem::{At, Problem, Problems, Span};
use crate::units::{parse_number, parse_size};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Value<'t> = &'t Spanned<DeValue<'t>>;

/// A table of which the keys asked for are known; `finish` complains of others.
pub struct Table<'t, 'p> {
    table: &'t DeTable<'t>,
    /// "disk" in messages; empty for the file itself.
    what: String,
    pub span: Span,
    known: BTreeSet<&'static str>,
    pub problems: &'p mut Problems,
}

impl<'t, 'p> Table<'t, 'p> {
    pub fn new(
        table: &'t DeTable<'t>,
        what: impl Into<String>,
        span: Span,
        problems: &'p mut Problems,
    ) -> Self {
        Self {
            table,
            what: what.into(),
            span,
            known: BTreeSet::new(),
            problems,
        }
    }

    /// "`path` of a disk"
    fn title(&self, key: &str) -> String {
        if self.what.is_empty() {
            format!("`{key}`")
        } else {
            format!("`{key}` of {}", self.what)
        }
    }

    pub fn wrong(
        &mut self,
        key: &str,
        span: Range<usize>,
        obstacle: impl Into<String>,
        advice: &str,
    ) {
        let asked = self.title(key);
        let problem = Problem::new("value", Some(span), asked, obstacle);
        self.problems.push(if advice.is_empty() {
            problem
        } else {
            problem.advise(advice)
        });
    }

    pub fn value(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.insert(key);
        self.table.get(key)
    }

    /// The key's own place if it has no value to point at.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    pub fn string(&mut self, key: &'static str, example: &str) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                self.wrong(key, value.span(), "contains a NUL", "remove it");
                None
            }
            DeValue::String(text) => Some(At::new(text.to_string(), Some(value.span()))),
            other => {
                self.wrong(
                    key,
                    value.span(),
                    format!("is {}, not text", kind(other)),
                    example,
                );
                None
            }
        }
    }

    pub fn boolean(&mut self, key: &'static str) -> Option<At<bool>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(is) => Some(At::new(*is, Some(value.span()))),
            other => {
                self.wrong(
                    key,
                    value.span(),
                    format!("is {}, not true or false", kind(other)),
                    "write true or false",
                );
                None
            }
        }
    }

    /// An integer, or text like "0x4000_0000".
    pub fn number(&mut self, key: &'static str) -> Option<At<u64>> {
        let value = self.value(key)?;
        let number = as_number(value.get_ref());
        if number.is_none() {
            self.wrong(
                key,
                value.span(),
                "is not a whole number from 0 to 2^64 - 1",
                "write 42 or 0x4000_0000",
            );
        }
        Some(At::new(number?, Some(value.span())))
    }

    /// Bytes, as an integer or like "512 MiB".
    pub fn size(&mut self, key: &'static str) -> Option<At<u64>> {
        let value = self.value(key)?;
        let bytes = match value.get_ref() {
            DeValue::String(text) => parse_size(text),
            other => as_number(other),
        };
        if bytes.is_none() {
            self.wrong(
                key,
                value.span(),
                "is not a size",
                "write \"512 MiB\" or \"2 GiB\"",
            );
        }
        Some(At::new(bytes?, Some(value.span())))
    }

    pub fn array(&mut self, key: &'static str, example: &str) -> &'t [Spanned<DeValue<'t>>] {
        let Some(value) = self.value(key) else {
            return &[];
        };
        match value.get_ref() {
            DeValue::Array(array) => array.iter().as_slice(),
            other => {
                self.wrong(
                    key,
                    value.span(),
                    format!("is {}, not a list", kind(other)),
                    example,
                );
                &[]
            }
        }
    }

    /// Every `[[key]]`, handed to `read` one by one.
    pub fn tables(
        &mut self,
        key: &'static str,
        what: &str,
        mut read: impl FnMut(&mut Table<'t, '_>),
    ) {
        for value in self.array(key, &format!("write [[{key}]] and its keys below")) {
            match value.get_ref() {
                DeValue::Table(table) => {
                    let mut inner = Table::new(table, what, Some(value.span()), self.problems);
                    read(&mut inner);
                    inner.finish();
                }
                other => self.wrong(
                    key,
                    value.span(),
                    format!("holds {}, not tables", kind(other)),
                    &format!("write [[{key}]]"),
                ),
            }
        }
    }

    /// `[key]`, if there is one.
    pub fn table(&mut self, key: &'static str, what: &str, read: impl FnOnce(&mut Table<'t, '_>)) {
        let Some(value) = self.value(key) else { return };
        match value.get_ref() {
            DeValue::Table(table) => {
                let mut inner = Table::new(table, what, Some(value.span()), self.problems);
                read(&mut inner);
                inner.finish();
            }
            other => self.wrong(
                key,
                value.span(),
                format!("is {}, not a table", kind(other)),
                &format!("write [{key}] and its keys below"),
            ),
        }
    }

    /// Complains of keys nobody asked for.
    pub fn finish(self) {
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if self.known.contains(name) {
                continue;
            }
            let within = if self.what.is_empty() {
                "a zone".to_owned()
            } else {
                self.what.clone()
            };
            let best = self
                .known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(name, known), *known))
                .min()
                .filter(|(distance, known)| *distance <= 1 + known.len() / 3);
            let advice = match best {
                Some((_, known)) => format!("did you mean `{known}`?"),
                None => format!(
                    "known here: {}",
                    self.known.iter().copied().collect::<Vec<_>>().join(", ")
                ),
            };
            self.problems.push(
                Problem::new(
                    "unknown-key",
                    Some(key.span()),
                    format!("`{name}`"),
                    format!("{within} has no such key"),
                )
                .advise(advice),
            );
        }
    }
}

pub fn as_number(value: &DeValue<'_>) -> Option<u64> {
    match value {
        DeValue::Integer(integer) => {
            u64::from_str_radix(integer.as_str().trim_start_matches('+'), integer.radix()).ok()
        }
        DeValue::String(text) => parse_number(text),
        _ => None,
    }
}

pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
