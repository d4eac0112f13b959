// SPDX-License-Identifier: Apache-2.0

use crate::Owner;

/// Owners of wired interrupt lines, by their number at the interrupt controller.
pub struct Lines<const N: usize> {
    owners: [Owner; N],
    first: u32,
    end: u32,
}

impl<const N: usize> Lines<N> {
    pub const fn new() -> Self {
        Self {
            owners: [Owner::Kernel; N],
            first: 0,
            end: 0,
        }
    }

    /// Lines `first..end` exist (as many as fit) and are `owner`'s.
    pub fn set_up(&mut self, first: u32, end: u32, owner: Owner) {
        self.first = first;
        self.end = end.min(u32::try_from(N).unwrap_or(u32::MAX));
        for line in self.first..self.end {
            if let Some(slot) = self.slot(line) {
                *slot = owner;
            }
        }
    }

    /// `None` for a line that does not exist.
    pub fn owner(&self, line: u32) -> Option<Owner> {
        if line < self.first || line >= self.end {
            return None;
        }
        self.owners.get(usize::try_from(line).ok()?).copied()
    }

    /// Hands `line` over; whether it was `from`'s.
    pub fn transfer(&mut self, line: u32, from: Owner, to: Owner) -> bool {
        if self.owner(line) != Some(from) {
            return false;
        }
        if let Some(slot) = self.slot(line) {
            *slot = to;
        }
        true
    }

    /// The lines of `owner`, ascending.
    pub fn of(&self, owner: Owner) -> impl Iterator<Item = u32> + '_ {
        (self.first..self.end).filter(move |&line| self.owner(line) == Some(owner))
    }

    /// First number after the last line.
    pub const fn end(&self) -> u32 {
        self.end
    }

    fn slot(&mut self, line: u32) -> Option<&mut Owner> {
        self.owners.get_mut(usize::try_from(line).ok()?)
    }
}

impl<const N: usize> Default for Lines<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_per_line() {
        let mut lines = Lines::<64>::new();
        lines.set_up(32, 100, Owner::Zone(0));
        assert_eq!(lines.end(), 64);
        assert!(lines.transfer(40, Owner::Zone(0), Owner::Zone(1)));
        assert!(!lines.transfer(40, Owner::Zone(0), Owner::Zone(2)));
        assert!(!lines.transfer(31, Owner::Zone(0), Owner::Zone(2)));
        assert!(!lines.transfer(64, Owner::Zone(0), Owner::Zone(2)));
        assert_eq!(lines.of(Owner::Zone(1)).count(), 1);
    }
}
