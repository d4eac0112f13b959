// SPDX-License-Identifier: Apache-2.0
//! A zone's guest-physical address space while it is laid out.

use abi::PAGE_SIZE;
use std::ops::Range;

/// One use of guest addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub base: u64,
    pub size: u64,
    pub what: String,
}

#[derive(Clone, Debug, Default)]
pub struct Space {
    uses: Vec<Use>,
}

impl Space {
    /// Takes exactly this range, or says who has it.
    pub fn claim(&mut self, base: u64, size: u64, what: &str) -> Result<(), Use> {
        let end = base.saturating_add(size);
        if let Some(other) = self
            .uses
            .iter()
            .find(|other| other.base < end && base < other.base.saturating_add(other.size))
        {
            return Err(other.clone());
        }
        self.uses.push(Use {
            base,
            size,
            what: what.to_owned(),
        });
        Ok(())
    }

    /// Takes `preferred`, or the first hole after it within `range`.
    pub fn place(
        &mut self,
        preferred: u64,
        size: u64,
        align: u64,
        range: &Range<u64>,
        what: &str,
    ) -> Option<u64> {
        let size = size.checked_next_multiple_of(PAGE_SIZE)?;
        let align = align.max(PAGE_SIZE);
        for start in [preferred, range.start] {
            let mut at = start.checked_next_multiple_of(align)?;
            while at.checked_add(size)? <= range.end || at == preferred {
                match self.claim(at, size, what) {
                    Ok(()) => return Some(at),
                    Err(other) => {
                        at = other
                            .base
                            .saturating_add(other.size)
                            .checked_next_multiple_of(align)?
                    }
                }
            }
        }
        None
    }

    pub fn uses(&self) -> &[Use] {
        &self.uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_around_others() {
        let mut space = Space::default();
        assert_eq!(space.claim(0x1000, 0x1000, "a"), Ok(()));
        assert_eq!(
            space.claim(0x1800, 0x10, "b").map_err(|other| other.what),
            Err("a".to_owned())
        );
        assert_eq!(
            space.place(0x1000, 0x200, 0x1000, &(0..0x4000), "c"),
            Some(0x2000)
        );
        assert_eq!(
            space.place(0x1000, 0x1000, 0x1000, &(0..0x4000), "d"),
            Some(0x3000)
        );
        assert_eq!(
            space.place(0x1000, 0x1000, 0x1000, &(0..0x4000), "e"),
            Some(0)
        );
        assert_eq!(space.place(0x1000, 0x1000, 0x1000, &(0..0x4000), "f"), None);
    }
}
