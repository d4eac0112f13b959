// SPDX-License-Identifier: Apache-2.0
use core::fmt;

/// A block of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    Tree,
    Reservations,
    Structure,
    Strings,
}

/// What is wrong with a tree, or with an edit of it. Offsets are in bytes from
/// the start of the structure block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The header's magic number is another one.
    Magic(u32),
    /// Neither version 17 nor compatible with it.
    Version(u32),
    /// A block does not lie inside the bytes there are, or is not aligned.
    Outside(Block),
    /// The reservation block has no end.
    Reservations,
    /// An unknown token, or one that may not stand here.
    Token { at: usize, token: u32 },
    /// The structure block ends in the middle of something.
    Truncated { at: usize },
    /// A name is not text, or has no end.
    Name { at: usize },
    /// More than [`crate::MAX_DEPTH`] levels.
    Depth { at: usize },
    /// The output buffer is full.
    OutputFull,
    /// More new property names than the editor keeps.
    TooManyNames,
    /// Nodes or properties were begun and ended in the wrong order.
    Order,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic(found) => {
                write!(out, "device tree: magic is {found:#010x}, not 0xd00dfeed")
            }
            Self::Version(found) => write!(out, "device tree: version {found} is not supported"),
            Self::Outside(block) => {
                let name = match block {
                    Block::Tree => "tree is shorter than its header says",
                    Block::Reservations => "memory reservation block lies outside",
                    Block::Structure => "structure block lies outside",
                    Block::Strings => "strings block lies outside",
                };
                write!(out, "device tree: {name}")
            }
            Self::Reservations => write!(out, "device tree: memory reservation block has no end"),
            Self::Token { at, token } => {
                write!(
                    out,
                    "device tree: token {token:#x} may not stand at offset {at:#x}"
                )
            }
            Self::Truncated { at } => write!(out, "device tree: cut off at offset {at:#x}"),
            Self::Name { at } => write!(out, "device tree: bad name at offset {at:#x}"),
            Self::Depth { at } => write!(out, "device tree: nested too deep at offset {at:#x}"),
            Self::OutputFull => write!(out, "device tree: no room for the edited tree"),
            Self::TooManyNames => write!(out, "device tree: too many new property names"),
            Self::Order => write!(
                out,
                "device tree: nodes and properties written in the wrong order"
            ),
        }
    }
}

impl core::error::Error for Error {}
