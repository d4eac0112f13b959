// SPDX-License-Identifier: Apache-2.0
//! PSCI calls about processors that are not the zone's, and calls at random.

use super::firmware::{AFFINITY_INFO, CPU_ON, FINAL};
use super::{hvc, smc};
use crate::platform::Platform;
use crate::random::Random;

/// Numbers of processors that the zone does not have: how many were served.
pub fn foreign(platform: &Platform, random: &mut Random) -> u64 {
    let own = platform.cpus.get(..platform.cpu_count).unwrap_or(&[]);
    let mut bad = 0;
    let mut attempt = |target: u64| {
        if own.contains(&target) {
            return;
        }
        for call in [hvc, smc] {
            for function in [CPU_ON, AFFINITY_INFO, 0x8400_0003, 0x8400_0004] {
                let short = function & 1 << 30 == 0;
                if short && own.contains(&(target & 0xffff_ffff)) {
                    continue;
                }
                let (status, _) = call([function, target, platform.ram.base, 0, 0, 0]);
                if status as i32 >= 0 {
                    bad += 1;
                    say!("BAD {function:#x} of processor {target:#x} -> {status:#x}");
                }
            }
        }
    };
    for target in 0..0x400 {
        attempt(target);
    }
    for shift in 0..64 {
        attempt(1 << shift);
        attempt(u64::MAX << shift);
    }
    for _ in 0..2000 {
        attempt(random.next());
    }
    bad
}

/// Any function of any owner by both conduits, except those that end.
pub fn random(platform: &Platform, count: u64, random: &mut Random) {
    for _ in 0..count {
        let function = match random.below(4) {
            0 => 0x8400_0000 + random.below(0x40),
            1 => 0xc400_0000 + random.below(0x40),
            2 => 0x8000_0000 | random.below(0x40) << 24 | random.below(0x1_0000),
            _ => random.argument(platform.ram()),
        };
        // The last processor's end and wild entries have their own cases.
        if FINAL.contains(&(function & 0xffff_ffff))
            || FINAL.contains(&(function & 0xffff_ffff | 1 << 30))
            || function & 0xffff_ffff == CPU_ON
            || function & 0xffff_ffff == 0x8400_0003
            || function & 0xbfff_ffff == 0x8400_000e
        {
            continue;
        }
        let arguments: [u64; 5] = core::array::from_fn(|_| random.argument(platform.ram()));
        let [a, b, c, d, e] = arguments;
        let call = if random.below(2) == 0 { hvc } else { smc };
        call([function, a, b, c, d, e]);
    }
}
