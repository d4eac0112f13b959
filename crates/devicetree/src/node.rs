// SPDX-License-Identifier: Apache-2.0
//! Nodes and their properties.

use crate::cells::{Cells, Strings, text};
use crate::tree::{Token, Tree};
use crate::{Error, MAX_DEPTH};

/// A node and the way to it from the root.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    tree: Tree<'a>,
    /// Offset of its begin token in the structure block.
    at: usize,
    /// The offsets of the nodes above it, from the root; `depth` of them.
    above: [u32; MAX_DEPTH],
    depth: usize,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<'a> Node<'a> {
    pub(crate) fn root(tree: Tree<'a>) -> Self {
        Self {
            tree,
            at: 0,
            above: [0; MAX_DEPTH],
            depth: 0,
        }
    }

    pub fn tree(&self) -> Tree<'a> {
        self.tree
    }

    /// Levels above it: 0 for the root.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Its name with the unit address.
    pub fn name(&self) -> &'a str {
        match self.tree.token(self.at) {
            Ok((Token::Begin(name), _)) => name,
            _ => "",
        }
    }

    /// Its name without the unit address.
    pub fn base_name(&self) -> &'a str {
        let name = self.name();
        name.split_once('@').map_or(name, |(base, _)| base)
    }

    pub fn parent(&self) -> Option<Self> {
        let depth = self.depth.checked_sub(1)?;
        let at = usize::try_from(*self.above.get(depth)?).ok()?;
        Some(Self { at, depth, ..*self })
    }

    pub fn children(&self) -> Children<'a> {
        let at = self
            .tree
            .token(self.at)
            .map_or(usize::MAX, |(_, next)| next);
        Children { parent: *self, at }
    }

    /// The child of that name, or the first one with that name without unit address.
    pub fn child(&self, name: &str) -> Option<Self> {
        self.children()
            .find(|child| child.name() == name || child.base_name() == name)
    }

    pub fn properties(&self) -> Properties<'a> {
        let at = self
            .tree
            .token(self.at)
            .map_or(usize::MAX, |(_, next)| next);
        Properties {
            tree: self.tree,
            at,
        }
    }

    pub fn property(&self, name: &str) -> Option<&'a [u8]> {
        self.properties()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    pub fn has(&self, name: &str) -> bool {
        self.property(name).is_some()
    }

    /// The first cell of a property.
    pub fn cell(&self, name: &str) -> Option<u32> {
        self.cells(name).cell()
    }

    /// The cells of a property; none if there is no such property.
    pub fn cells(&self, name: &str) -> Cells<'a> {
        Cells(self.property(name).unwrap_or_default())
    }

    /// A property of one or two cells as one number.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.property(name)?;
        match value.len() {
            4 => Cells(value).number(1),
            8 => Cells(value).number(2),
            _ => None,
        }
    }

    /// The first string of a property.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        text(self.property(name)?)
    }

    pub fn strings(&self, name: &str) -> Strings<'a> {
        Strings(self.property(name).unwrap_or_default())
    }

    pub fn is_compatible(&self, wanted: &str) -> bool {
        self.strings("compatible").any(|found| found == wanted)
    }

    pub fn is_compatible_with(&self, wanted: &[&str]) -> bool {
        self.strings("compatible")
            .any(|found| wanted.contains(&found))
    }

    /// Whether its `status` lets it be used (2.3.4).
    pub fn is_okay(&self) -> bool {
        match self.property("status") {
            None => true,
            Some(value) => matches!(text(value), Some("okay" | "ok")),
        }
    }

    /// Whether it and all nodes above it may be used.
    pub fn is_available(&self) -> bool {
        let mut node = *self;
        loop {
            if !node.is_okay() {
                return false;
            }
            match node.parent() {
                Some(parent) => node = parent,
                None => return true,
            }
        }
    }

    pub fn phandle(&self) -> Option<u32> {
        self.cell("phandle").or_else(|| self.cell("linux,phandle"))
    }

    /// Cells of an address on the bus that this node is (2.3.5).
    pub fn address_cells(&self) -> u32 {
        self.cell("#address-cells").unwrap_or(2)
    }

    /// Cells of a size on the bus that this node is.
    pub fn size_cells(&self) -> u32 {
        self.cell("#size-cells").unwrap_or(1)
    }
}

/// See [`Node::properties`]: name and value.
#[derive(Clone, Debug)]
pub struct Properties<'a> {
    tree: Tree<'a>,
    at: usize,
}

impl<'a> Iterator for Properties<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match self.tree.token(self.at) {
            Ok((Token::Property(name, _, value), next)) => {
                self.at = next;
                Some((name, value))
            }
            _ => None,
        }
    }
}

/// See [`Tree::nodes`].
#[derive(Clone, Debug)]
pub struct Nodes<'a> {
    /// The node whose level is walked; its `above` is the way there.
    walk: Walk<'a>,
}

/// A step of a walk over the whole tree.
#[derive(Clone, Debug)]
pub(crate) enum Step<'a> {
    Enter(Node<'a>),
    Property(&'a str, u32, &'a [u8]),
    Leave,
}

#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    tree: Tree<'a>,
    at: usize,
    above: [u32; MAX_DEPTH],
    depth: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(tree: Tree<'a>) -> Self {
        Self {
            tree,
            at: 0,
            above: [0; MAX_DEPTH],
            depth: 0,
        }
    }

    /// The next step; `None` at the tree's end.
    pub(crate) fn step(&mut self) -> Result<Option<Step<'a>>, Error> {
        let at = self.at;
        let (token, next) = self.tree.token(at)?;
        self.at = next;
        Ok(Some(match token {
            Token::Begin(_) => {
                let node = Node {
                    tree: self.tree,
                    at,
                    above: self.above,
                    depth: self.depth,
                };
                let too_deep = Error::Depth { at };
                *self.above.get_mut(self.depth).ok_or(too_deep)? =
                    u32::try_from(at).map_err(|_| too_deep)?;
                self.depth += 1;
                Step::Enter(node)
            }
            Token::Property(name, offset, value) => Step::Property(name, offset, value),
            Token::EndNode => {
                self.depth = self.depth.checked_sub(1).ok_or(Error::Order)?;
                Step::Leave
            }
            Token::End => return Ok(None),
        }))
    }
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(tree: Tree<'a>) -> Self {
        Self {
            walk: Walk::new(tree),
        }
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        loop {
            match self.walk.step() {
                Ok(Some(Step::Enter(node))) => return Some(node),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// See [`Node::children`].
#[derive(Clone, Debug)]
pub struct Children<'a> {
    parent: Node<'a>,
    /// Offset of the next token on the children's level.
    at: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        loop {
            let at = self.at;
            match self.parent.tree.token(at) {
                Ok((Token::Property(..), next)) => self.at = next,
                Ok((Token::Begin(_), _)) => {
                    let mut child = Node {
                        at,
                        depth: self.parent.depth.checked_add(1)?,
                        ..self.parent
                    };
                    *child.above.get_mut(self.parent.depth)? =
                        u32::try_from(self.parent.at).ok()?;
                    self.at = skip(self.parent.tree, at)?;
                    return Some(child);
                }
                _ => return None,
            }
        }
    }
}

/// The offset behind the node that begins at `at`.
fn skip(tree: Tree<'_>, mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        let (token, next) = tree.token(at).ok()?;
        match token {
            Token::Begin(_) => depth = depth.checked_add(1)?,
            Token::EndNode => depth = depth.checked_sub(1)?,
            Token::Property(..) => {}
            Token::End => return None,
        }
        if depth == 0 {
            return Some(next);
        }
        at = next;
    }
}
