// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a description: all of it at once, each with its place.

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use std::fmt;
use std::ops::Range;

/// Bytes of the zone file that something came from.
pub type Span = Option<Range<usize>>;

/// A value and where it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

impl<T> At<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// A value that no file says.
    pub fn derived(value: T) -> Self {
        Self { value, span: None }
    }
}

/// One thing that is wrong: what was asked, what stands in its way, what would work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable name of this kind of problem.
    pub code: &'static str,
    /// What was asked.
    pub asked: String,
    pub span: Span,
    /// What stands in its way.
    pub obstacle: String,
    /// What would work.
    pub advice: Option<String>,
    /// It works all the same.
    pub warning: bool,
}

impl Problem {
    pub fn new(
        code: &'static str,
        span: Span,
        asked: impl Into<String>,
        obstacle: impl Into<String>,
    ) -> Self {
        Self {
            code,
            asked: asked.into(),
            span,
            obstacle: obstacle.into(),
            advice: None,
            warning: false,
        }
    }

    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub fn as_warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

/// Everything found in one description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Keeps the value of a success and the problem of a failure.
    pub fn take<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                self.push(problem);
                None
            }
        }
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| !problem.warning)
    }

    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter().filter(|problem| !problem.warning)
    }

    /// Reports for a terminal; `name` and `text` are the description's.
    pub fn reports(&self, name: &str, text: &str) -> Vec<Report> {
        self.0
            .iter()
            .map(|problem| Report {
                problem: problem.clone(),
                source: NamedSource::new(name, text.to_owned()),
            })
            .collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.asked, self.obstacle)
    }
}

impl std::error::Error for Problem {}

/// A problem together with the text that it points into.
#[derive(Debug)]
pub struct Report {
    problem: Problem,
    source: NamedSource<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem.span {
            Some(_) => f.write_str(&self.problem.asked),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for Report {}

impl Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(if self.problem.warning {
            Severity::Warning
        } else {
            Severity::Error
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem
            .advice
            .as_ref()
            .map(|advice| Box::new(advice) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem
            .span
            .as_ref()
            .map(|_| &self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.span.clone()?;
        let label = LabeledSpan::new(Some(self.problem.obstacle.clone()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}
