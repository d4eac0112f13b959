// SPDX-License-Identifier: Apache-2.0
//! The header (5.2), the reservation block (5.3) and the tokens of the
//! structure block (5.4).

use crate::cells::{be32, be64, text};
use crate::{Block, Error, MAX_DEPTH, Node, Nodes};

pub(crate) const MAGIC: u32 = 0xd00d_feed;
pub(crate) const VERSION: u32 = 17;
pub(crate) const COMPATIBLE: u32 = 16;
pub(crate) const HEADER: usize = 40;

pub(crate) const BEGIN_NODE: u32 = 1;
pub(crate) const END_NODE: u32 = 2;
pub(crate) const PROPERTY: u32 = 3;
const NOP: u32 = 4;
pub(crate) const END: u32 = 9;

/// A tree whose blocks, tokens and names have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    reservations: &'a [u8],
    boot_cpu: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Token<'a> {
    Begin(&'a str),
    /// Its name and where that is in the strings block, and its value.
    Property(&'a str, u32, &'a [u8]),
    EndNode,
    End,
}

fn align(at: usize) -> Option<usize> {
    Some(at.checked_add(3)? & !3)
}

fn block(bytes: &[u8], offset: u32, length: u32, alignment: usize) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    let length = usize::try_from(length).ok()?;
    if !offset.is_multiple_of(alignment) {
        return None;
    }
    bytes.get(offset..offset.checked_add(length)?)
}

impl<'a> Tree<'a> {
    /// Bytes of the tree that starts with `header`; `None` if none does.
    pub fn size(header: &[u8]) -> Option<usize> {
        (be32(header, 0)? == MAGIC).then_some(())?;
        usize::try_from(be32(header, 4)?).ok()
    }

    /// Checks the whole tree.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let word = |index: usize| be32(bytes, index * 4).ok_or(Error::Outside(Block::Tree));
        let magic = word(0)?;
        if magic != MAGIC {
            return Err(Error::Magic(magic));
        }
        let (version, compatible) = (word(5)?, word(6)?);
        if version < VERSION || compatible > VERSION {
            return Err(Error::Version(if version < VERSION {
                version
            } else {
                compatible
            }));
        }
        let bytes = block(bytes, 0, word(1)?, 1).ok_or(Error::Outside(Block::Tree))?;
        let reservations = usize::try_from(word(4)?)
            .ok()
            .filter(|at| at.is_multiple_of(8))
            .and_then(|at| bytes.get(at..))
            .ok_or(Error::Outside(Block::Reservations))?;
        let tree = Self {
            structure: block(bytes, word(2)?, word(9)?, 4)
                .ok_or(Error::Outside(Block::Structure))?,
            strings: block(bytes, word(3)?, word(8)?, 1).ok_or(Error::Outside(Block::Strings))?,
            reservations,
            boot_cpu: word(7)?,
        };
        tree.check_reservations()?;
        tree.check_structure()?;
        Ok(tree)
    }

    fn check_reservations(&self) -> Result<(), Error> {
        let mut at = 0;
        loop {
            let entry = be64(self.reservations, at).zip(be64(self.reservations, at + 8));
            match entry.ok_or(Error::Reservations)? {
                (0, 0) => return Ok(()),
                _ => at += 16,
            }
        }
    }

    /// One root node, balanced, not too deep, properties before child nodes.
    fn check_structure(&self) -> Result<(), Error> {
        let mut at = 0;
        let mut depth = 0;
        let mut root_ended = false;
        let mut properties_allowed = false;
        loop {
            let (token, next) = self.token(at)?;
            let misplaced = |token| Err(Error::Token { at, token });
            match token {
                Token::Begin(_) if root_ended => return misplaced(BEGIN_NODE),
                Token::Begin(_) if depth == MAX_DEPTH => return Err(Error::Depth { at }),
                Token::Begin(_) => {
                    depth += 1;
                    properties_allowed = true;
                }
                Token::Property(..) if !properties_allowed => return misplaced(PROPERTY),
                Token::Property(..) => {}
                Token::EndNode if depth == 0 => return misplaced(END_NODE),
                Token::EndNode => {
                    depth -= 1;
                    root_ended = depth == 0;
                    properties_allowed = false;
                }
                Token::End if !root_ended => return misplaced(END),
                Token::End => return Ok(()),
            }
            at = next;
        }
    }

    /// The token at `at`, and where the next one is.
    pub(crate) fn token(&self, mut at: usize) -> Result<(Token<'a>, usize), Error> {
        loop {
            let cut = Error::Truncated { at };
            let token = be32(self.structure, at).ok_or(cut)?;
            let after = at.checked_add(4).ok_or(cut)?;
            match token {
                NOP => at = after,
                BEGIN_NODE => {
                    let name = self
                        .structure
                        .get(after..)
                        .and_then(text)
                        .ok_or(Error::Name { at })?;
                    let next = after
                        .checked_add(name.len() + 1)
                        .and_then(align)
                        .ok_or(cut)?;
                    return Ok((Token::Begin(name), next));
                }
                PROPERTY => {
                    let length = be32(self.structure, after).ok_or(cut)?;
                    let offset = be32(self.structure, after + 4).ok_or(cut)?;
                    let name = self.string(offset).ok_or(Error::Name { at })?;
                    let start = after + 8;
                    let length = usize::try_from(length).map_err(|_| cut)?;
                    let end = start.checked_add(length).ok_or(cut)?;
                    let value = self.structure.get(start..end).ok_or(cut)?;
                    return Ok((Token::Property(name, offset, value), align(end).ok_or(cut)?));
                }
                END_NODE => return Ok((Token::EndNode, after)),
                END => return Ok((Token::End, after)),
                _ => return Err(Error::Token { at, token }),
            }
        }
    }

    fn string(&self, offset: u32) -> Option<&'a str> {
        text(self.strings.get(usize::try_from(offset).ok()?..)?)
    }

    pub(crate) fn strings(&self) -> &'a [u8] {
        self.strings
    }

    /// The hardware number of the processor that the firmware booted on.
    pub fn boot_cpu(&self) -> u32 {
        self.boot_cpu
    }

    /// Address and size of each entry of the memory reservation block.
    pub fn reservations(&self) -> Reservations<'a> {
        Reservations(self.reservations)
    }

    pub fn root(&self) -> Node<'a> {
        Node::root(*self)
    }

    /// All nodes, each before its children.
    pub fn nodes(&self) -> Nodes<'a> {
        Nodes::new(*self)
    }

    /// The node at an absolute path; a unit address may be left out where the
    /// name alone is found first.
    pub fn find(&self, path: &str) -> Option<Node<'a>> {
        let path = path.strip_prefix('/')?;
        let mut node = self.root();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            node = node.child(name)?;
        }
        Some(node)
    }

    /// The node with that `phandle`.
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'a>> {
        self.nodes().find(|node| node.phandle() == Some(phandle))
    }

    /// The node that `/aliases` calls `name`.
    pub fn alias(&self, name: &str) -> Option<Node<'a>> {
        self.find(self.find("/aliases")?.text(name)?)
    }

    /// `stdout-path` of `/chosen`: the node and the options after its colon.
    pub fn stdout(&self) -> Option<(Node<'a>, &'a str)> {
        let chosen = self.find("/chosen")?;
        let value = chosen
            .text("stdout-path")
            .or_else(|| chosen.text("linux,stdout-path"))?;
        let (path, options) = value.split_once(':').unwrap_or((value, ""));
        let node = if path.starts_with('/') {
            self.find(path)
        } else {
            self.alias(path)
        };
        Some((node?, options))
    }
}

/// See [`Tree::reservations`].
#[derive(Clone, Debug)]
pub struct Reservations<'a>(&'a [u8]);

impl Iterator for Reservations<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let entry = (be64(self.0, 0)?, be64(self.0, 8)?);
        if entry == (0, 0) {
            return None;
        }
        self.0 = self.0.get(16..)?;
        Some(entry)
    }
}
