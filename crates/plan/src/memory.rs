// SPDX-License-Identifier: Apache-2.0
//! Chooses free RAM for a zone: in as few and as large blocks as there are.

use crate::machine::Piece;
use crate::units::{GIB, MIB, align_down};
use abi::PAGE_SIZE;

/// A piece of a zone's RAM, in the order of guest addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub physical: u64,
    pub size: u64,
}

/// Chooses `size` bytes to be mapped from guest address `guest` on, a multiple
/// of 2 MiB. Takes from the top, which leaves zone0's and DMA's low memory
/// alone. `None` if there is not enough in at most `pieces` pieces.
pub fn choose(free: &[Piece], guest: u64, size: u64, pieces: usize) -> Option<Vec<Chosen>> {
    // One piece, with the largest blocks that its size allows.
    for block in [GIB, 2 * MIB] {
        if size >= block || block == 2 * MIB {
            let skew = guest % block;
            if let Some(physical) = free
                .iter()
                .rev()
                .find_map(|piece| top_fit(piece, size, block, skew))
            {
                return Some(vec![Chosen { physical, size }]);
            }
        }
    }
    in_parts(free, size, pieces)
}

/// The highest start in `piece` with `start % block == skew`.
fn top_fit(piece: &Piece, size: u64, block: u64, skew: u64) -> Option<u64> {
    let highest = piece.end().checked_sub(size)?.checked_sub(skew)?;
    let start = align_down(highest, block) + skew;
    (start >= piece.base).then_some(start)
}

/// The largest free pieces first, in whole 2 MiB blocks but for the last bytes.
fn in_parts(free: &[Piece], size: u64, pieces: usize) -> Option<Vec<Chosen>> {
    const BLOCK: u64 = 2 * MIB;
    let mut parts: Vec<(u64, u64)> = free
        .iter()
        .filter_map(|piece| {
            let base = piece.base.checked_next_multiple_of(BLOCK)?;
            let whole = align_down(piece.end().checked_sub(base)?, BLOCK);
            (whole > 0).then_some((base, whole))
        })
        .collect();
    parts.sort_by_key(|(_, whole)| std::cmp::Reverse(*whole));
    let mut chosen = Vec::new();
    let mut left = size;
    for (base, whole) in parts.into_iter().take(pieces) {
        let now = whole.min(left);
        let start = align_down(base + whole - now, BLOCK);
        chosen.push(Chosen {
            physical: start,
            size: now,
        });
        left -= now;
        if left == 0 {
            return Some(chosen);
        }
    }
    None
}

/// What a refused user could have: all, and in one piece, in whole 2 MiB blocks.
pub fn available(free: &[Piece]) -> (u64, u64) {
    let whole = |piece: &Piece| {
        let base = piece.base.next_multiple_of(2 * MIB);
        align_down(piece.end().saturating_sub(base), 2 * MIB)
    };
    (
        free.iter().map(whole).sum(),
        free.iter().map(whole).max().unwrap_or_default(),
    )
}

/// Removes a chosen range from what is free.
pub fn remove(free: &mut Vec<Piece>, base: u64, size: u64) {
    let end = base.saturating_add(size);
    let mut next = Vec::new();
    for piece in free.iter() {
        if !piece.overlaps(base, size) {
            next.push(*piece);
            continue;
        }
        for (from, until) in [(piece.base, base), (end, piece.end())] {
            if from < until && from >= piece.base && until <= piece.end() {
                next.push(Piece {
                    base: from,
                    size: until - from,
                    owner: piece.owner,
                });
            }
        }
    }
    *free = next;
}

/// Whether all of the range is in `free`, across adjacent pieces.
pub fn contains(free: &[Piece], base: u64, size: u64) -> bool {
    let end = base.saturating_add(size);
    let mut at = base;
    while at < end {
        match free
            .iter()
            .find(|piece| piece.base <= at && at < piece.end())
        {
            Some(piece) => at = piece.end(),
            None => return false,
        }
    }
    size.is_multiple_of(PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece(base: u64, size: u64) -> Piece {
        Piece {
            base,
            size,
            owner: abi::inventory::owner::FREE,
        }
    }

    #[test]
    fn prefers_gibibyte_blocks() {
        let free = [piece(0x4000_0000, 3 * GIB + 5 * MIB)];
        assert_eq!(
            choose(&free, 0x4000_0000, GIB, 4),
            Some(vec![Chosen {
                physical: 0xc000_0000,
                size: GIB
            }])
        );
        let small = choose(&free, 0x4000_0000, 64 * MIB, 4).unwrap();
        assert_eq!(
            small[0].physical,
            0x4000_0000 + 3 * GIB + 4 * MIB - 64 * MIB
        );
    }

    proptest! {
        #[test]
        fn chosen_is_free_disjoint_and_enough(
            gaps in prop::collection::vec((1u64..2000, 1u64..20_000), 1..12),
            size in 1u64..20_000,
            guest in 0u64..1024,
        ) {
            let mut at = 0;
            let free: Vec<Piece> = gaps.iter().map(|(gap, pages)| {
                let base = at + gap * PAGE_SIZE;
                at = base + pages * PAGE_SIZE;
                piece(base, pages * PAGE_SIZE)
            }).collect();
            let size = size * PAGE_SIZE;
            if let Some(chosen) = choose(&free, guest * 2 * MIB, size, 16) {
                prop_assert_eq!(chosen.iter().map(|c| c.size).sum::<u64>(), size);
                let mut left = free.clone();
                for part in &chosen {
                    prop_assert!(part.physical % (2 * MIB) == 0);
                    prop_assert!(contains(&left, part.physical, part.size));
                    remove(&mut left, part.physical, part.size);
                }
                let (last, whole) = chosen.split_last().unwrap();
                prop_assert!(whole.iter().all(|c| c.size % (2 * MIB) == 0));
                prop_assert!(last.size > 0);
            } else {
                prop_assert!(available(&free).1 < size);
            }
        }
    }
}
