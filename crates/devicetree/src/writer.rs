// SPDX-License-Identifier: Apache-2.0
//! Writes a tree front to back into a buffer.

use crate::Error;
use crate::tree::{BEGIN_NODE, COMPATIBLE, END, END_NODE, HEADER, MAGIC, PROPERTY, Tree, VERSION};
use arrayvec::ArrayVec;

/// Property names that the source tree does not have.
const MAX_NEW_NAMES: usize = 32;

/// Names are taken from the source tree's strings block, which is copied
/// whole; new ones are put behind it.
pub struct Writer<'o, 'a> {
    out: &'o mut [u8],
    at: usize,
    structure: usize,
    boot_cpu: u32,
    strings: &'a [u8],
    names: ArrayVec<&'a str, MAX_NEW_NAMES>,
    depth: usize,
    properties_allowed: bool,
    /// Where the value of a property begins that is being written.
    open: Option<usize>,
}

impl<'o, 'a> Writer<'o, 'a> {
    /// Starts a tree with that reservation block.
    pub fn new(
        out: &'o mut [u8],
        source: &Tree<'a>,
        reservations: impl Iterator<Item = (u64, u64)>,
    ) -> Result<Self, Error> {
        let mut writer = Self {
            out,
            at: HEADER,
            structure: 0,
            boot_cpu: source.boot_cpu(),
            strings: source.strings(),
            names: ArrayVec::new(),
            depth: 0,
            properties_allowed: false,
            open: None,
        };
        for (address, size) in reservations.filter(|&entry| entry != (0, 0)) {
            writer.bytes(&address.to_be_bytes())?;
            writer.bytes(&size.to_be_bytes())?;
        }
        writer.bytes(&[0; 16])?;
        writer.structure = writer.at;
        Ok(writer)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let end = self.at.checked_add(bytes.len()).ok_or(Error::OutputFull)?;
        self.out
            .get_mut(self.at..end)
            .ok_or(Error::OutputFull)?
            .copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    fn word(&mut self, word: u32) -> Result<(), Error> {
        self.bytes(&word.to_be_bytes())
    }

    fn pad(&mut self) -> Result<(), Error> {
        while !self.at.is_multiple_of(4) {
            self.bytes(&[0])?;
        }
        Ok(())
    }

    pub fn begin_node(&mut self, name: &str) -> Result<(), Error> {
        if self.open.is_some() {
            return Err(Error::Order);
        }
        self.depth += 1;
        self.properties_allowed = true;
        self.word(BEGIN_NODE)?;
        self.bytes(name.as_bytes())?;
        self.bytes(&[0])?;
        self.pad()
    }

    pub fn end_node(&mut self) -> Result<(), Error> {
        if self.open.is_some() {
            return Err(Error::Order);
        }
        self.depth = self.depth.checked_sub(1).ok_or(Error::Order)?;
        self.properties_allowed = false;
        self.word(END_NODE)
    }

    /// Starts a property whose value is put piece by piece.
    pub fn begin_property(&mut self, name: &'a str) -> Result<(), Error> {
        let name = self.name(name)?;
        self.begin_named(name)
    }

    fn begin_named(&mut self, name: u32) -> Result<(), Error> {
        if !self.properties_allowed || self.open.is_some() {
            return Err(Error::Order);
        }
        self.word(PROPERTY)?;
        self.word(0)?;
        self.word(name)?;
        self.open = Some(self.at);
        Ok(())
    }

    /// A property whose name is at that offset in the source's strings block.
    pub(crate) fn copy_property(&mut self, name: u32, value: &[u8]) -> Result<(), Error> {
        self.begin_named(name)?;
        self.put(value)?;
        self.end_property()
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.open.ok_or(Error::Order)?;
        self.bytes(bytes)
    }

    pub fn put_cell(&mut self, cell: u32) -> Result<(), Error> {
        self.put(&cell.to_be_bytes())
    }

    /// A number in `cells` cells; refused if it does not fit.
    pub fn put_number(&mut self, value: u64, cells: u32) -> Result<(), Error> {
        let bytes = value.to_be_bytes();
        let (high, low) = bytes.split_at(4);
        match cells {
            0 => Ok(()),
            1 if value >> 32 == 0 => self.put(low),
            1 => Err(Error::Order),
            _ => {
                for _ in 2..cells {
                    self.put_cell(0)?;
                }
                self.put(high)?;
                self.put(low)
            }
        }
    }

    pub fn end_property(&mut self) -> Result<(), Error> {
        let start = self.open.take().ok_or(Error::Order)?;
        let length = u32::try_from(self.at - start).map_err(|_| Error::OutputFull)?;
        self.patch(start - 8, length)?;
        self.pad()
    }

    pub fn property(&mut self, name: &'a str, value: &[u8]) -> Result<(), Error> {
        self.begin_property(name)?;
        self.put(value)?;
        self.end_property()
    }

    pub fn property_cells(&mut self, name: &'a str, cells: &[u32]) -> Result<(), Error> {
        self.begin_property(name)?;
        for &cell in cells {
            self.put_cell(cell)?;
        }
        self.end_property()
    }

    pub fn property_text(&mut self, name: &'a str, text: &str) -> Result<(), Error> {
        self.begin_property(name)?;
        self.put(text.as_bytes())?;
        self.put(&[0])?;
        self.end_property()
    }

    /// The offset of `name` in the strings block to be.
    fn name(&mut self, name: &'a str) -> Result<u32, Error> {
        let mut at = 0usize;
        // A name may be the end of another one; the block's end may lack its NUL.
        for known in self.strings.split_inclusive(|&byte| byte == 0) {
            let head = known
                .strip_suffix(&[0])
                .and_then(|known| known.strip_suffix(name.as_bytes()));
            if let Some(head) = head {
                return u32::try_from(at + head.len()).map_err(|_| Error::OutputFull);
            }
            at += known.len();
        }
        let mut at = self.strings.len() + 1;
        for known in &self.names {
            if *known == name {
                return u32::try_from(at).map_err(|_| Error::OutputFull);
            }
            at += known.len() + 1;
        }
        self.names.try_push(name).map_err(|_| Error::TooManyNames)?;
        u32::try_from(at).map_err(|_| Error::OutputFull)
    }

    fn patch(&mut self, at: usize, word: u32) -> Result<(), Error> {
        let end = at.checked_add(4).ok_or(Error::OutputFull)?;
        self.out
            .get_mut(at..end)
            .ok_or(Error::OutputFull)?
            .copy_from_slice(&word.to_be_bytes());
        Ok(())
    }

    /// Ends the tree -> its bytes.
    pub fn finish(mut self) -> Result<usize, Error> {
        if self.depth != 0 || self.open.is_some() {
            return Err(Error::Order);
        }
        self.word(END)?;
        let strings = self.at;
        let source = self.strings;
        self.bytes(source)?;
        self.bytes(&[0])?;
        for name in core::mem::take(&mut self.names) {
            self.bytes(name.as_bytes())?;
            self.bytes(&[0])?;
        }
        let size = |value: usize| u32::try_from(value).map_err(|_| Error::OutputFull);
        let header = [
            MAGIC,
            size(self.at)?,
            size(self.structure)?,
            size(strings)?,
            size(HEADER)?,
            VERSION,
            COMPATIBLE,
            self.boot_cpu,
            size(self.at - strings)?,
            size(strings - self.structure)?,
        ];
        for (index, word) in header.into_iter().enumerate() {
            self.patch(index * 4, word)?;
        }
        Ok(self.at)
    }
}
