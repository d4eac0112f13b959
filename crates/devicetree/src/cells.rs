// SPDX-License-Identifier: Apache-2.0
//! Property values: big-endian cells and lists of strings.

/// The big-endian word at byte `at`.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

/// The big-endian double word at byte `at`.
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_be_bytes(word.try_into().ok()?))
}

/// Text up to the first NUL; `None` without a NUL or if it is not UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    core::str::from_utf8(bytes.get(..end)?).ok()
}

/// Takes numbers of some cells each off the front of a property's value.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a>(pub &'a [u8]);

impl<'a> Cells<'a> {
    /// The next `count` cells as one number: 0 for no cells, `None` if there
    /// are fewer or the number has more than 64 bits.
    pub fn number(&mut self, count: u32) -> Option<u64> {
        let mut value = 0u64;
        for _ in 0..count {
            if value >> 32 != 0 {
                return None;
            }
            value = value << 32 | u64::from(self.cell()?);
        }
        Some(value)
    }

    /// The next cell.
    pub fn cell(&mut self) -> Option<u32> {
        let value = be32(self.0, 0)?;
        self.0 = self.0.get(4..)?;
        Some(value)
    }

    /// The bytes of the next `count` cells.
    pub fn bytes(&mut self, count: u32) -> Option<&'a [u8]> {
        let length = usize::try_from(count).ok()?.checked_mul(4)?;
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Iterator for Cells<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.cell()
    }
}

/// The strings of a string-list property.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a>(pub &'a [u8]);

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let found = text(self.0)?;
        self.0 = self.0.get(found.len().checked_add(1)?..)?;
        Some(found)
    }
}
