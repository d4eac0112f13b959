// SPDX-License-Identifier: Apache-2.0

use crate::{Owner, Range};

/// A range and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub range: Range,
    pub owner: Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// Some of it is not there, or belongs to somebody else.
    NotOwned,
    /// The table is full.
    Full,
}

/// Owners of an address space: at most `N` pieces, ascending and disjoint.
/// Addresses in no piece do not exist.
pub struct Regions<const N: usize> {
    pieces: [Option<Piece>; N],
    count: usize,
}

impl<const N: usize> Regions<N> {
    pub const fn new() -> Self {
        Self {
            pieces: [None; N],
            count: 0,
        }
    }

    pub fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        self.pieces
            .iter()
            .take(self.count)
            .filter_map(|piece| *piece)
    }

    /// Makes `range` exist, owned by `owner`. Refused where something exists.
    pub fn add(&mut self, range: Range, owner: Owner) -> Result<(), ClaimError> {
        if self.pieces().any(|piece| piece.range.overlaps(range)) {
            return Err(ClaimError::NotOwned);
        }
        let at = self
            .pieces()
            .take_while(|piece| piece.range.base() < range.base())
            .count();
        self.insert(at, Piece { range, owner })?;
        self.join();
        Ok(())
    }

    /// Whether every address of `range` exists and is `owner`'s.
    pub fn is_owned(&self, range: Range, owner: Owner) -> bool {
        let mut next = range.base();
        for piece in self.pieces() {
            if next >= range.end() {
                break;
            }
            if piece.range.contains(next) {
                if piece.owner != owner {
                    return false;
                }
                next = piece.range.end();
            }
        }
        next >= range.end()
    }

    /// The owner of the page at `address`; `None` where nothing exists.
    pub fn owner(&self, address: u64) -> Option<Piece> {
        self.pieces().find(|piece| piece.range.contains(address))
    }

    /// Hands `range` over. Nothing changes unless all of it is `from`'s.
    pub fn transfer(&mut self, range: Range, from: Owner, to: Owner) -> Result<(), ClaimError> {
        if !self.is_owned(range, from) {
            return Err(ClaimError::NotOwned);
        }
        // At most two cuts are needed; refuse before the first one.
        if self.count.saturating_add(2) > N {
            return Err(ClaimError::Full);
        }
        self.cut(range.base())?;
        self.cut(range.end())?;
        for piece in self.pieces.iter_mut().take(self.count).flatten() {
            if piece.range.overlaps(range) {
                piece.owner = to;
            }
        }
        self.join();
        Ok(())
    }

    /// Hands over what of `range` exists and is `from`'s.
    pub fn transfer_within(
        &mut self,
        range: Range,
        from: Owner,
        to: Owner,
    ) -> Result<(), ClaimError> {
        if !self.has_room(1) {
            return Err(ClaimError::Full);
        }
        self.cut(range.base())?;
        self.cut(range.end())?;
        for piece in self.pieces.iter_mut().take(self.count).flatten() {
            if piece.owner == from && piece.range.overlaps(range) {
                piece.owner = to;
            }
        }
        self.join();
        Ok(())
    }

    /// Hands everything that is `from`'s over; cannot fail.
    pub fn transfer_all(&mut self, from: Owner, to: Owner) {
        for piece in self.pieces.iter_mut().take(self.count).flatten() {
            if piece.owner == from {
                piece.owner = to;
            }
        }
        self.join();
    }

    /// Whether there is room for `claims` more transfers.
    pub fn has_room(&self, claims: usize) -> bool {
        claims
            .checked_mul(2)
            .and_then(|cuts| cuts.checked_add(self.count))
            .is_some_and(|count| count <= N)
    }

    /// Splits the piece that `address` lies inside of, if any.
    fn cut(&mut self, address: u64) -> Result<(), ClaimError> {
        let found = self
            .pieces()
            .enumerate()
            .find(|(_, piece)| piece.range.contains(address) && piece.range.base() != address);
        let Some((at, piece)) = found else {
            return Ok(());
        };
        let low = address.wrapping_sub(piece.range.base());
        let high = piece.range.end().wrapping_sub(address);
        let (Some(low), Some(high)) = (
            Range::new(piece.range.base(), low),
            Range::new(address, high),
        ) else {
            return Err(ClaimError::NotOwned);
        };
        self.insert(
            at.saturating_add(1),
            Piece {
                range: high,
                owner: piece.owner,
            },
        )?;
        if let Some(slot) = self.pieces.get_mut(at) {
            *slot = Some(Piece {
                range: low,
                owner: piece.owner,
            });
        }
        Ok(())
    }

    fn insert(&mut self, at: usize, piece: Piece) -> Result<(), ClaimError> {
        let end = self.count.saturating_add(1);
        let Some(window) = self.pieces.get_mut(at..end) else {
            return Err(ClaimError::Full);
        };
        window.rotate_right(1);
        if let Some(slot) = window.first_mut() {
            *slot = Some(piece);
        }
        self.count = end;
        Ok(())
    }

    /// Joins neighbours of one owner.
    fn join(&mut self) {
        let mut kept = 0usize;
        let mut last: Option<Piece> = None;
        for at in 0..self.count {
            let Some(Some(piece)) = self.pieces.get(at).copied() else {
                continue;
            };
            let joined =
                last.filter(|l| l.owner == piece.owner && l.range.end() == piece.range.base());
            let merged = joined.and_then(|l| {
                Range::new(
                    l.range.base(),
                    l.range.size().saturating_add(piece.range.size()),
                )
            });
            let (slot, value) = match merged {
                Some(range) => (
                    kept.saturating_sub(1),
                    Piece {
                        range,
                        owner: piece.owner,
                    },
                ),
                None => {
                    kept = kept.saturating_add(1);
                    (kept.saturating_sub(1), piece)
                }
            };
            if let Some(target) = self.pieces.get_mut(slot) {
                *target = Some(value);
            }
            last = Some(value);
        }
        for slot in self.pieces.iter_mut().skip(kept) {
            *slot = None;
        }
        self.count = kept;
    }
}

impl<const N: usize> Default for Regions<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: u64 = abi::PAGE_SIZE;

    fn range(base: u64, size: u64) -> Range {
        Range::new(base * PAGE, size * PAGE).unwrap()
    }

    #[test]
    fn transfer_is_all_or_nothing() {
        let mut regions = Regions::<16>::new();
        regions.add(range(0, 8), Owner::Free).unwrap();
        regions
            .transfer(range(2, 2), Owner::Free, Owner::Zone(1))
            .unwrap();
        assert_eq!(
            regions.transfer(range(1, 2), Owner::Free, Owner::Zone(2)),
            Err(ClaimError::NotOwned)
        );
        assert!(regions.is_owned(range(0, 2), Owner::Free));
        assert!(regions.is_owned(range(2, 2), Owner::Zone(1)));
        assert_eq!(regions.pieces().count(), 3);
        regions.transfer_all(Owner::Zone(1), Owner::Free);
        assert_eq!(regions.pieces().count(), 1);
    }

    #[test]
    fn what_does_not_exist_cannot_be_claimed() {
        let mut regions = Regions::<16>::new();
        regions.add(range(4, 4), Owner::Free).unwrap();
        for (base, size) in [(0, 1), (3, 2), (7, 2), (8, 1), (0, 100)] {
            assert!(
                regions
                    .transfer(range(base, size), Owner::Free, Owner::Zone(1))
                    .is_err()
            );
        }
    }

    #[test]
    fn reservations_may_overlap() {
        let mut regions = Regions::<16>::new();
        regions.add(range(4, 8), Owner::Free).unwrap();
        regions
            .transfer_within(range(0, 6), Owner::Free, Owner::Kernel)
            .unwrap();
        regions
            .transfer_within(range(5, 3), Owner::Free, Owner::Kernel)
            .unwrap();
        assert!(regions.is_owned(range(4, 4), Owner::Kernel));
        assert!(regions.is_owned(range(8, 4), Owner::Free));
        assert!(regions.owner(0).is_none());
    }

    #[test]
    fn a_full_table_refuses_before_it_changes() {
        let mut regions = Regions::<4>::new();
        regions.add(range(0, 64), Owner::Free).unwrap();
        regions
            .transfer(range(10, 1), Owner::Free, Owner::Zone(1))
            .unwrap();
        assert_eq!(
            regions.transfer(range(20, 1), Owner::Free, Owner::Zone(1)),
            Err(ClaimError::Full)
        );
        assert!(regions.is_owned(range(20, 1), Owner::Free));
    }

    fn owner() -> impl Strategy<Value = Owner> {
        prop_oneof![
            Just(Owner::Free),
            Just(Owner::Kernel),
            (0u8..3).prop_map(Owner::Zone)
        ]
    }

    proptest! {
        /// Against a model that has an owner per page.
        #[test]
        fn agrees_with_a_page_array(
            steps in prop::collection::vec((0u64..64, 1u64..32, owner(), owner(), any::<bool>()), 0..60)
        ) {
            let mut model = [None::<Owner>; 96];
            let mut regions = Regions::<256>::new();
            for (base, size, from, to, add) in steps {
                let span = base as usize..(base + size) as usize;
                let result = if add {
                    let fits = model[span.clone()].iter().all(Option::is_none);
                    prop_assert_eq!(regions.add(range(base, size), to).is_ok(), fits);
                    fits
                } else {
                    let fits = model[span.clone()].iter().all(|&o| o == Some(from));
                    prop_assert_eq!(regions.transfer(range(base, size), from, to).is_ok(), fits);
                    fits
                };
                if result {
                    model[span].fill(Some(to));
                }
                for (page, &expected) in model.iter().enumerate() {
                    prop_assert_eq!(regions.owner(page as u64 * PAGE).map(|p| p.owner), expected);
                }
                let pieces: std::vec::Vec<_> = regions.pieces().collect();
                for pair in pieces.windows(2) {
                    prop_assert!(pair[0].range.end() <= pair[1].range.base());
                    prop_assert!(pair[0].range.end() < pair[1].range.base() || pair[0].owner != pair[1].owner);
                }
            }
        }
    }

    extern crate std;
}
