// SPDX-License-Identifier: Apache-2.0
use arrayvec::ArrayString;
use core::fmt;

/// A node's name; a longer one is cut.
pub type Name = ArrayString<48>;

pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::new();
    for character in text.chars() {
        if name.try_push(character).is_err() {
            break;
        }
    }
    name
}

/// `base@unit`.
pub(crate) fn name_of(base: &str, unit: u64) -> Name {
    use core::fmt::Write;
    let mut name = Name::new();
    // Twenty-two characters at most.
    let _ = write!(name, "{base}@{unit:x}");
    name
}

/// What is wrong with a node or a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    NoSuchNode,
    NoSuchProperty,
    /// Cut off, of a wrong size, or naming what does not exist.
    BadValue,
    /// Its addresses do not reach the processors' address space.
    NotTranslatable,
    /// More than hvisor has room for.
    TooMany,
    /// An interrupt that hvisor needs is not one of its controller's.
    BadInterrupt,
}

/// Why a device tree does not describe a machine that hvisor can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    Tree(devicetree::Error),
    Node {
        node: Name,
        property: &'static str,
        problem: Problem,
    },
    /// zone0's tree: the edits do not make sense.
    Edits(&'static str),
}

impl From<devicetree::Error> for Error {
    fn from(error: devicetree::Error) -> Self {
        Self::Tree(error)
    }
}

impl Error {
    pub(crate) fn new(node: &str, property: &'static str, problem: Problem) -> Self {
        Self::Node {
            node: name(node),
            property,
            problem,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(error) => write!(out, "{error}"),
            Self::Edits(what) => write!(out, "zone0's device tree: {what}"),
            Self::Node {
                node,
                property,
                problem,
            } => {
                write!(out, "device tree: node '{node}'")?;
                if !property.is_empty() {
                    write!(out, ", property '{property}'")?;
                }
                let what = match problem {
                    Problem::NoSuchNode => "there is none",
                    Problem::NoSuchProperty => "missing",
                    Problem::BadValue => "value makes no sense",
                    Problem::NotTranslatable => "address does not reach the processors",
                    Problem::TooMany => "more than hvisor has room for",
                    Problem::BadInterrupt => "interrupt is not one of its controller's",
                };
                write!(out, ": {what}")
            }
        }
    }
}

impl core::error::Error for Error {}
