// SPDX-License-Identifier: Apache-2.0
//! Single accesses to any address. What a zone may not do ends the zone, not
//! this program's soundness: it has no other state than its own.

pub use crate::arch::{read, write};

/// Every offset of a window of registers, aligned, in every width; then random
/// ones, misaligned too.
pub fn sweep(base: u64, size: u64, random: &mut crate::random::Random) {
    for width in [1u8, 2, 4, 8] {
        for offset in (0..size).step_by(width.into()) {
            let value = read(base + offset, width);
            write(base + offset, width, value);
        }
    }
    sweep_random(base, size, 20_000, random);
}

pub fn sweep_random(base: u64, size: u64, count: u64, random: &mut crate::random::Random) {
    for _ in 0..count {
        let width = 1 << random.below(4);
        let offset = random.below(size - 7);
        if random.below(2) == 0 {
            read(base + offset, width);
        } else {
            write(base + offset, width, random.argument((0, 1 << 40)));
        }
    }
}
