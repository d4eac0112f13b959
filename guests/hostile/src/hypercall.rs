// SPDX-License-Identifier: Apache-2.0
//! Hypercalls and firmware calls that this zone may not make.

use crate::arch;
use crate::platform::Platform;
use crate::random::{BOUNDARIES, Random};
use abi::Function;

/// Whether a zone like this may call it.
fn allowed(function: u64) -> bool {
    function == u64::from(Function::Version.number())
}

fn try_call(function: u64, arguments: [u64; 5], bad: &mut u64) {
    let (status, value) = arch::hypercall(function, arguments);
    if status >= 0 && !allowed(function) {
        *bad += 1;
        say!("BAD hypercall {function} {arguments:x?} -> {status}, {value:#x}");
    }
}

/// Every function, and numbers around, with every boundary in every place.
pub fn boundaries() -> u64 {
    let mut bad = 0;
    for function in (0..64).chain([0xfff, 0xffff, 0xffff_ffff, u64::MAX]) {
        for place in 0..5 {
            for value in BOUNDARIES {
                let mut arguments = [0; 5];
                if let Some(slot) = arguments.get_mut(place) {
                    *slot = value;
                }
                try_call(function, arguments, &mut bad);
            }
        }
    }
    bad
}

pub fn random(platform: &Platform, count: u64, random: &mut Random) -> u64 {
    let mut bad = 0;
    for _ in 0..count {
        let arguments = core::array::from_fn(|_| random.argument(platform.ram()));
        try_call(random.below(40), arguments, &mut bad);
    }
    bad
}
