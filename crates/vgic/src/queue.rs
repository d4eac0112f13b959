// SPDX-License-Identifier: Apache-2.0
//! The interrupts that one vCPU shall get and that are in no list register.

const WORDS: usize = 16;

/// A set of INTIDs.
#[derive(Clone, Copy)]
pub(crate) struct Queue {
    /// A bit per word that is not zero.
    summary: u32,
    words: [u64; WORDS],
}

impl Queue {
    pub const fn new() -> Self {
        Self {
            summary: 0,
            words: [0; WORDS],
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.summary == 0
    }

    /// Whether `intid` was not in it before.
    #[inline]
    pub fn insert(&mut self, intid: u16) -> bool {
        let word = u32::from(intid) >> 6;
        let Some(bits) = self.words.get_mut(word as usize) else {
            return false;
        };
        let bit = 1u64.wrapping_shl(u32::from(intid));
        let new = *bits & bit == 0;
        *bits |= bit;
        self.summary |= 1u32.wrapping_shl(word);
        new
    }

    #[inline]
    pub fn remove(&mut self, intid: u16) {
        let word = u32::from(intid) >> 6;
        let Some(bits) = self.words.get_mut(word as usize) else {
            return;
        };
        *bits &= !1u64.wrapping_shl(u32::from(intid));
        if *bits == 0 {
            self.summary &= !1u32.wrapping_shl(word);
        }
    }

    /// All of them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let mut summary = self.summary;
        let mut word = 0;
        let mut bits = 0u64;
        core::iter::from_fn(move || {
            while bits == 0 {
                if summary == 0 {
                    return None;
                }
                word = summary.trailing_zeros();
                summary &= summary.wrapping_sub(1);
                bits = self.words.get(word as usize).copied().unwrap_or(0);
            }
            let bit = bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
            Some((word << 6 | bit) as u16)
        })
    }
}
