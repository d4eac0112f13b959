// SPDX-License-Identifier: Apache-2.0
//! Reads AArch64 translation tables (4 KiB granule) and judges them.

use anyhow::{Result, ensure};
use std::ops::Range;

const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// A block or page that a table maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub address: u64,
    pub physical: u64,
    pub size: u64,
    pub bits: u64,
}

impl Leaf {
    /// EL2's stage 1: AP\[2\] is clear.
    pub fn writable(&self) -> bool {
        self.bits & (1 << 7) == 0
    }

    pub fn executable(&self) -> bool {
        self.bits & (1 << 54) == 0
    }

    pub fn frames(&self) -> Range<u64> {
        self.physical..self.physical + self.size
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// All leaves below `root`, in ascending order. `level` is the root's, which
/// has `entries`; `read` gives a table's bytes.
pub fn leaves(
    read: &mut dyn FnMut(u64, usize) -> Result<Vec<u8>>,
    root: u64,
    level: u32,
    entries: usize,
) -> Result<Vec<Leaf>> {
    let mut found = Vec::new();
    walk(read, root & ADDRESS, level, entries, 0, &mut found)?;
    Ok(found)
}

fn walk(
    read: &mut dyn FnMut(u64, usize) -> Result<Vec<u8>>,
    table: u64,
    level: u32,
    entries: usize,
    base: u64,
    found: &mut Vec<Leaf>,
) -> Result<()> {
    let size = 1u64 << (12 + 9 * (3 - level));
    let bytes = read(table, entries * 8)?;
    for (index, entry) in bytes.chunks_exact(8).enumerate() {
        let bits = entry
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        let address = base + index as u64 * size;
        match (bits & 3, level) {
            (0 | 2, _) => {}
            (3, 0..=2) => walk(read, bits & ADDRESS, level + 1, 512, address, found)?,
            (3, 3) | (1, 1 | 2) => found.push(Leaf {
                address,
                physical: bits & ADDRESS & !(size - 1),
                size,
                bits,
            }),
            _ => anyhow::bail!("a reserved entry {bits:#x} at level {level} for {address:#x}"),
        }
    }
    Ok(())
}

/// Runs of adjacent addresses.
pub fn runs(leaves: &[Leaf]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for leaf in leaves {
        match runs.last_mut() {
            Some(last) if last.end == leaf.address => last.end += leaf.size,
            _ => runs.push(leaf.address..leaf.address + leaf.size),
        }
    }
    runs
}

pub fn nothing_writable_is_executable(leaves: &[Leaf]) -> Result<()> {
    for leaf in leaves {
        ensure!(
            !(leaf.writable() && leaf.executable()),
            "{:#x} can be written and executed",
            leaf.address
        );
    }
    Ok(())
}

/// None of `leaves` reaches any of `frames`.
pub fn none_reaches(leaves: &[Leaf], frames: &[Range<u64>]) -> Result<()> {
    for leaf in leaves {
        for range in frames {
            ensure!(
                !overlap(&leaf.frames(), range),
                "{:#x}, {:#x} bytes, is mapped to {:#x} and reaches {range:#x?}",
                leaf.address,
                leaf.size,
                leaf.physical
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const WRITE_EXECUTE: u64 = 0;
    const WRITE: u64 = 1 << 54;
    const EXECUTE: u64 = 1 << 7;

    fn tables(entries: &[(u64, usize, u64)]) -> HashMap<u64, Vec<u8>> {
        let mut tables: HashMap<u64, Vec<u8>> = HashMap::new();
        for &(table, index, bits) in entries {
            let bytes = tables.entry(table).or_insert_with(|| vec![0; 4096]);
            bytes[index * 8..index * 8 + 8].copy_from_slice(&bits.to_le_bytes());
        }
        tables
    }

    fn found(entries: &[(u64, usize, u64)]) -> Vec<Leaf> {
        let tables = tables(entries);
        let mut read = |table, size| Ok(tables[&table][..size].to_vec());
        leaves(&mut read, 0x1000, 0, 512).unwrap()
    }

    #[test]
    fn blocks_and_pages_are_found() {
        let leaves = found(&[
            (0x1000, 1, 0x2003),
            (0x2000, 2, 0x4000_0000 | WRITE | 1),
            (0x2000, 3, 0x3003),
            (0x3000, 0, 0x4003),
            (0x3000, 1, 0x8020_0000 | EXECUTE | 1),
            (0x4000, 511, 0x7000 | WRITE | 3),
        ]);
        let terabyte = 1 << 39;
        let addresses: Vec<_> = leaves
            .iter()
            .map(|l| (l.address - terabyte, l.physical, l.size))
            .collect();
        assert_eq!(
            addresses,
            [
                (2 << 30, 0x4000_0000, 1 << 30),
                ((3 << 30) + 511 * 4096, 0x7000, 4096),
                ((3 << 30) + (2 << 20), 0x8020_0000, 2 << 20),
            ]
        );
        nothing_writable_is_executable(&leaves).unwrap();
        assert_eq!(runs(&leaves).len(), 2);
    }

    #[test]
    fn what_is_wrong_is_seen() {
        let bad = found(&[(0x1000, 0, 0x2003), (0x2000, 0, WRITE_EXECUTE | 1)]);
        assert!(nothing_writable_is_executable(&bad).is_err());
        assert!(none_reaches(&bad, &[0x1000..0x2000]).is_err());
        assert!(none_reaches(&bad, &[1 << 30..1 << 31]).is_ok());
        let mut read = |_, size| Ok(vec![1; size]);
        assert!(leaves(&mut read, 0, 0, 512).is_err());
    }
}
