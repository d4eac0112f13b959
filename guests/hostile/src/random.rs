// SPDX-License-Identifier: Apache-2.0
//! Repeatable random numbers (xorshift64*), and values where software errs.

pub struct Random(u64);

/// Where lengths, indices and addresses go wrong.
pub const BOUNDARIES: [u64; 24] = [
    0,
    1,
    2,
    7,
    15,
    16,
    31,
    32,
    63,
    64,
    0xff,
    0xfff,
    0x1000,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0xff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_f000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A boundary, something near one, an address in `ram`, or anything.
    pub fn argument(&mut self, ram: (u64, u64)) -> u64 {
        let boundary = BOUNDARIES[self.below(BOUNDARIES.len() as u64) as usize];
        match self.below(4) {
            0 => boundary,
            1 => boundary.wrapping_add(self.below(17)).wrapping_sub(8),
            2 => ram.0.wrapping_add(self.below(ram.1)),
            _ => self.next(),
        }
    }
}
