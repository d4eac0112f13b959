// SPDX-License-Identifier: Apache-2.0
//! Why a command did not do what it was asked.

use plan::{Problem, Problems};

/// See the exit codes in `cli`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Refused = 1,
    NoSuchZone = 3,
    NotZone0 = 4,
    WrongDescription = 5,
}

#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub problems: Problems,
    /// Name and text of the file that the problems point into.
    pub source: Option<(String, String)>,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, problem: Problem) -> Self {
        Self {
            code,
            problems: Problems(vec![problem]),
            source: None,
        }
    }

    /// One sentence about what was asked, one about what stands in its way.
    pub fn refused(asked: impl Into<String>, obstacle: impl Into<String>) -> Self {
        Self::new(
            Code::Refused,
            Problem::new("refused", None, asked, obstacle),
        )
    }

    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        if let Some(problem) = self.problems.0.last_mut() {
            problem.advice = Some(advice.into());
        }
        self
    }

    pub fn description(problems: Problems, name: &str, text: &str) -> Self {
        Self {
            code: Code::WrongDescription,
            problems,
            source: Some((name.into(), text.into())),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(Code::Refused, problem)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self {
            code: Code::Refused,
            problems,
            source: None,
        }
    }
}

/// For `map_err` on files: what was being done.
pub fn io(asked: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failure {
    let asked = asked.into();
    move |error| Failure::refused(asked, error.to_string())
}
