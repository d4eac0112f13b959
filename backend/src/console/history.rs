// SPDX-License-Identifier: Apache-2.0
//! The last output of a console, for whoever attaches later.

use std::collections::VecDeque;

/// Bytes that are kept.
pub const SIZE: usize = 64 * 1024;

#[derive(Debug, Default)]
pub struct History(VecDeque<u8>);

impl History {
    pub fn append(&mut self, bytes: &[u8]) {
        let bytes = bytes
            .get(bytes.len().saturating_sub(SIZE)..)
            .unwrap_or(bytes);
        let excess = (self.0.len() + bytes.len()).saturating_sub(SIZE);
        self.0.drain(..excess);
        self.0.extend(bytes);
    }

    /// Oldest first.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_bytes() {
        let mut history = History::default();
        history.append(&[1; 10]);
        history.append(&vec![2; SIZE - 1]);
        assert_eq!(history.bytes().count(), SIZE);
        assert_eq!(history.bytes().next(), Some(1));
        history.append(&vec![3; SIZE + 5]);
        assert!(history.bytes().all(|byte| byte == 3));
        assert_eq!(history.bytes().count(), SIZE);
    }
}
