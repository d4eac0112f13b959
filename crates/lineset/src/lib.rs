// SPDX-License-Identifier: Apache-2.0
//! A set of interrupt lines, as the registers of PLIC and APLIC show it: 32 a word.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Lines a set can hold; numbers are below this.
pub const MAX_LINES: u32 = 1024;
/// Words of 32 lines.
pub const WORDS: usize = 32;

/// Line numbers; one that does not fit is never in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSet {
    words: [u32; WORDS],
}

impl LineSet {
    pub const fn new() -> Self {
        Self { words: [0; WORDS] }
    }

    const fn place(line: u32) -> (usize, u32) {
        ((line >> 5) as usize, 1 << (line & 31))
    }

    #[inline]
    pub fn contains(&self, line: u32) -> bool {
        let (word, bit) = Self::place(line);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    #[inline]
    pub fn insert(&mut self, line: u32) {
        self.set(line, true);
    }

    #[inline]
    pub fn remove(&mut self, line: u32) {
        self.set(line, false);
    }

    #[inline]
    pub fn set(&mut self, line: u32, member: bool) {
        let (word, bit) = Self::place(line);
        if let Some(word) = self.words.get_mut(word) {
            if member {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }

    /// Lines `32 * index ..`, the lowest in bit 0; 0 beyond the last word.
    #[inline]
    pub fn word(&self, index: usize) -> u32 {
        self.words.get(index).copied().unwrap_or(0)
    }

    #[inline]
    pub fn set_word(&mut self, index: usize, value: u32) {
        if let Some(word) = self.words.get_mut(index) {
            *word = value;
        }
    }

    /// The set's lines in ascending order.
    pub fn iter(&self) -> Lines<'_> {
        Lines {
            set: self,
            index: 0,
            rest: self.word(0),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }
}

impl Default for LineSet {
    fn default() -> Self {
        Self::new()
    }
}

/// See [`LineSet::iter`].
pub struct Lines<'a> {
    set: &'a LineSet,
    index: usize,
    rest: u32,
}

impl Iterator for Lines<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.rest == 0 {
            self.index = self.index.saturating_add(1);
            if self.index >= WORDS {
                return None;
            }
            self.rest = self.set.word(self.index);
        }
        Some(next_bit(&mut self.rest, self.index))
    }
}

/// Takes the lowest line out of the rest of word `index`; `rest` is not 0.
#[inline]
pub fn next_bit(rest: &mut u32, index: usize) -> u32 {
    let bit = rest.trailing_zeros();
    *rest &= rest.wrapping_sub(1);
    ((index as u32) << 5) | (bit & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let mut set = LineSet::new();
        for line in [0, 31, 32, 1023, 1024, u32::MAX] {
            set.insert(line);
        }
        assert!(set.iter().eq([0, 31, 32, 1023]));
        assert!(set.contains(1023) && !set.contains(1024) && !set.contains(u32::MAX));
        assert_eq!(set.word(0), 0x8000_0001);
        set.remove(31);
        assert!(set.iter().eq([0, 32, 1023]));
        set.set_word(40, 1);
        assert_eq!(set.word(40), 0);
    }

    #[test]
    fn an_empty_set_has_no_lines() {
        assert!(LineSet::new().is_empty());
        assert_eq!(LineSet::new().iter().next(), None);
    }
}
