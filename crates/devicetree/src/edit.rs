// SPDX-License-Identifier: Apache-2.0
//! Copies a tree with changes.

use crate::node::{Step, Walk};
use crate::{Error, Node, Tree, Writer};

/// What becomes of a node or a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Keep,
    /// Left out; a property also if the edit has written another in its place.
    Drop,
}

/// What an edit decides at each step of the copy.
pub trait Edit<'a> {
    /// A node begins.
    fn node(&mut self, _node: &Node<'a>) -> Action {
        Action::Keep
    }

    /// One of its properties; may write others in its place.
    fn property(
        &mut self,
        _node: &Node<'a>,
        _name: &'a str,
        _value: &'a [u8],
        _out: &mut Writer<'_, 'a>,
    ) -> Result<Action, Error> {
        Ok(Action::Keep)
    }

    /// All its properties have been copied: more may be written, then nodes.
    fn after_properties(
        &mut self,
        _node: &Node<'a>,
        _out: &mut Writer<'_, 'a>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// Copies `tree` to `out` as `edit` decides -> bytes written.
pub fn edit<'a>(
    tree: &Tree<'a>,
    edit: &mut impl Edit<'a>,
    mut out: Writer<'_, 'a>,
) -> Result<usize, Error> {
    let mut walk = Walk::new(*tree);
    // The node whose properties are being copied.
    let mut current: Option<Node<'a>> = None;
    // Levels of a dropped node that are still open.
    let mut dropped = 0usize;
    while let Some(step) = walk.step()? {
        if dropped > 0 {
            match step {
                Step::Enter(_) => dropped += 1,
                Step::Leave => dropped -= 1,
                Step::Property(..) => {}
            }
            continue;
        }
        match step {
            Step::Property(name, offset, value) => {
                let node = current.ok_or(Error::Order)?;
                if edit.property(&node, name, value, &mut out)? == Action::Keep {
                    out.copy_property(offset, value)?;
                }
            }
            Step::Enter(node) => {
                if let Some(above) = current.take() {
                    edit.after_properties(&above, &mut out)?;
                }
                if edit.node(&node) == Action::Drop {
                    dropped = 1;
                } else {
                    out.begin_node(node.name())?;
                    current = Some(node);
                }
            }
            Step::Leave => {
                if let Some(node) = current.take() {
                    edit.after_properties(&node, &mut out)?;
                }
                out.end_node()?;
            }
        }
    }
    out.finish()
}
