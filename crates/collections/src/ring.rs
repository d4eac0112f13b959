// SPDX-License-Identifier: Apache-2.0

/// The last `SIZE` bytes of a stream, addressed by their position in it.
pub struct ByteRing<const SIZE: usize> {
    bytes: [u8; SIZE],
    end: u64,
}

impl<const SIZE: usize> ByteRing<SIZE> {
    pub const fn new() -> Self {
        Self {
            bytes: [0; SIZE],
            end: 0,
        }
    }

    /// Position after the last byte.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Position of the oldest byte kept.
    pub const fn start(&self) -> u64 {
        self.end.saturating_sub(SIZE as u64)
    }

    fn slot(position: u64) -> usize {
        position.checked_rem(SIZE as u64).unwrap_or(0) as usize
    }

    pub fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(slot) = self.bytes.get_mut(Self::slot(self.end)) {
                *slot = byte;
            }
            self.end = self.end.wrapping_add(1);
        }
    }

    /// Copies from `position` on -> position of the first byte copied (later
    /// than asked for if older ones are gone) and how many were.
    pub fn read(&self, position: u64, buffer: &mut [u8]) -> (u64, usize) {
        let first = position.clamp(self.start(), self.end);
        let mut at = first;
        let mut count = 0usize;
        for byte in buffer {
            if at >= self.end {
                break;
            }
            *byte = self.bytes.get(Self::slot(at)).copied().unwrap_or(0);
            at = at.wrapping_add(1);
            count = count.saturating_add(1);
        }
        (first, count)
    }
}

impl<const SIZE: usize> Default for ByteRing<SIZE> {
    fn default() -> Self {
        Self::new()
    }
}
