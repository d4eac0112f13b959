// SPDX-License-Identifier: Apache-2.0

/// Which of up to `WORDS` * 64 frames are in use; a set bit is a used frame.
pub struct FrameBitmap<const WORDS: usize> {
    words: [u64; WORDS],
    frames: usize,
    used: usize,
}

impl<const WORDS: usize> FrameBitmap<WORDS> {
    /// Frames it can have.
    pub const CAPACITY: usize = WORDS.saturating_mul(64);

    /// `frames` free frames; more than [`Self::CAPACITY`] are cut off.
    pub const fn new(frames: usize) -> Self {
        let frames = if frames < Self::CAPACITY {
            frames
        } else {
            Self::CAPACITY
        };
        Self {
            words: [0; WORDS],
            frames,
            used: 0,
        }
    }

    pub const fn frames(&self) -> usize {
        self.frames
    }

    pub const fn used(&self) -> usize {
        self.used
    }

    /// Whether `frame` is used; what does not exist is.
    pub fn is_used(&self, frame: usize) -> bool {
        frame >= self.frames
            || self
                .words
                .get(frame / 64)
                .is_none_or(|word| word & (1 << (frame % 64)) != 0)
    }

    fn set(&mut self, frame: usize, used: bool) {
        if let Some(word) = self.words.get_mut(frame / 64) {
            let bit = 1 << (frame % 64);
            *word = if used { *word | bit } else { *word & !bit };
        }
    }

    /// The first run of `count` free frames that starts at a multiple of
    /// `alignment` (a power of two) and is now used; `None` leaves all as it was.
    pub fn allocate(&mut self, count: usize, alignment: usize) -> Option<usize> {
        if count == 0 || !alignment.is_power_of_two() {
            return None;
        }
        let mask = alignment.wrapping_sub(1);
        let mut first = 0usize;
        loop {
            let end = first.checked_add(count)?;
            if end > self.frames {
                return None;
            }
            match (first..end).rev().find(|&frame| self.is_used(frame)) {
                None => break,
                Some(blocked) => first = blocked.checked_add(alignment)? & !mask,
            }
        }
        for frame in first..first.saturating_add(count) {
            self.set(frame, true);
        }
        self.used = self.used.saturating_add(count);
        Some(first)
    }

    /// Gives `count` frames back; false, and nothing is changed, if one of
    /// them is not in use.
    pub fn free(&mut self, first: usize, count: usize) -> bool {
        let Some(end) = first.checked_add(count).filter(|&end| end <= self.frames) else {
            return false;
        };
        if !(first..end).all(|frame| self.is_used(frame)) {
            return false;
        }
        for frame in first..end {
            self.set(frame, false);
        }
        self.used = self.used.saturating_sub(count);
        true
    }
}
