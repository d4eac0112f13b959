// SPDX-License-Identifier: Apache-2.0
//! Protocols, and properties that hold whatever a guest writes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use proptest::prelude::*;
use std::collections::BTreeSet;
use vplic::{BadAccess, Host, Plic};

/// A physical PLIC, as far as the effects reach it.
#[derive(Default)]
struct Machine {
    asserted: [bool; 4],
    enabled: BTreeSet<(usize, u32)>,
    priority: std::collections::BTreeMap<u32, u8>,
    claimed: BTreeSet<u32>,
    /// A completion of what was not claimed.
    false_completions: u32,
}

impl Host for Machine {
    fn signal(&mut self, vcpu: usize, asserted: bool) {
        assert_ne!(self.asserted[vcpu], asserted, "signals only changes");
        self.asserted[vcpu] = asserted;
    }
    fn enable(&mut self, vcpu: usize, physical: u32, on: bool) {
        if on {
            self.enabled.insert((vcpu, physical));
        } else {
            self.enabled.remove(&(vcpu, physical));
        }
    }
    fn priority(&mut self, physical: u32, priority: u8) {
        self.priority.insert(physical, priority);
    }
    fn complete(&mut self, _: usize, physical: u32) {
        if !self.claimed.remove(&physical) {
            self.false_completions += 1;
        }
    }
}

const fn enable(vcpu: u64, word: u64) -> u64 {
    0x2000 + 0x80 * (2 * vcpu + 1) + 4 * word
}
const fn threshold(vcpu: u64) -> u64 {
    0x20_0000 + 0x1000 * (2 * vcpu + 1)
}
const fn claim(vcpu: u64) -> u64 {
    threshold(vcpu) + 4
}

/// Source 10 is physical 70, source 11 virtual, 12 nobody's; 2 vCPUs.
fn model() -> (Plic, Machine) {
    let mut plic = Plic::new();
    plic.configure(95, &[1, 3]);
    assert!(plic.add_wired(10, 70) && plic.add_virtual(11));
    assert!(!plic.add_wired(10, 71) && !plic.add_virtual(0) && !plic.add_virtual(96));
    (plic, Machine::default())
}

#[test]
fn a_wired_level_source() {
    let (mut plic, mut machine) = model();
    plic.write(4 * 10, 4, 3, &mut machine).unwrap();
    assert_eq!(machine.priority[&70], 3);
    plic.write(enable(1, 0), 4, 1 << 10 | 1 << 12, &mut machine)
        .unwrap();
    assert_eq!(plic.read(enable(1, 0), 4, &mut machine), Ok(1 << 10));
    assert_eq!(machine.enabled, BTreeSet::from([(1, 70)]));
    machine.claimed.insert(70);
    assert!(plic.raise(10, &mut machine));
    assert_eq!(machine.asserted, [false, true, false, false]);
    assert_eq!(plic.read(0x1000, 4, &mut machine), Ok(1 << 10));
    assert_eq!(plic.read(claim(0), 4, &mut machine), Ok(0));
    assert_eq!(plic.read(claim(1), 4, &mut machine), Ok(10));
    assert!(!machine.asserted[1] && machine.claimed.contains(&70));
    plic.write(claim(0), 4, 10, &mut machine).unwrap();
    assert!(machine.claimed.contains(&70), "not enabled at that context");
    plic.write(claim(1), 4, 10, &mut machine).unwrap();
    assert!(machine.claimed.is_empty());
    plic.write(claim(1), 4, 10, &mut machine).unwrap();
    assert_eq!(machine.false_completions, 0);
    assert!(!plic.raise(11, &mut machine) && !plic.raise(12, &mut machine));
}

#[test]
fn a_virtual_level_source() {
    let (mut plic, mut machine) = model();
    plic.write(4 * 11, 4, 1, &mut machine).unwrap();
    plic.write(enable(0, 0), 4, 1 << 11, &mut machine).unwrap();
    plic.set_level(11, true, &mut machine);
    assert!(machine.asserted[0]);
    plic.set_level(11, false, &mut machine);
    assert!(!machine.asserted[0]);
    plic.set_level(11, true, &mut machine);
    assert_eq!(plic.read(claim(0), 4, &mut machine), Ok(11));
    assert!(!machine.asserted[0]);
    plic.write(claim(0), 4, 11, &mut machine).unwrap();
    assert!(machine.asserted[0], "still high: pending again");
    assert_eq!(plic.read(claim(0), 4, &mut machine), Ok(11));
    plic.set_level(11, false, &mut machine);
    plic.write(claim(0), 4, 11, &mut machine).unwrap();
    assert!(!machine.asserted[0]);
}

#[test]
fn edges_are_kept_while_in_service() {
    let (mut plic, mut machine) = model();
    plic.write(4 * 11, 4, 1, &mut machine).unwrap();
    plic.write(enable(0, 0), 4, 1 << 11, &mut machine).unwrap();
    plic.pulse(11, &mut machine);
    assert_eq!(plic.read(claim(0), 4, &mut machine), Ok(11));
    plic.pulse(11, &mut machine);
    assert!(!machine.asserted[0]);
    plic.write(claim(0), 4, 11, &mut machine).unwrap();
    assert_eq!(plic.read(claim(0), 4, &mut machine), Ok(11));
    plic.write(claim(0), 4, 11, &mut machine).unwrap();
    assert!(!machine.asserted[0]);
}

#[test]
fn a_source_taken_away() {
    let (mut plic, mut machine) = model();
    plic.write(4 * 10, 4, 3, &mut machine).unwrap();
    plic.write(enable(1, 0), 4, 1 << 10, &mut machine).unwrap();
    machine.claimed.insert(70);
    assert!(plic.raise(10, &mut machine) && machine.asserted[1]);
    plic.remove(10, &mut machine);
    assert!(machine.claimed.is_empty() && machine.enabled.is_empty() && !machine.asserted[1]);
    assert!(!plic.raise(10, &mut machine));
    assert!(plic.add_wired(10, 70));
}

#[test]
fn priorities_and_thresholds() {
    let (mut plic, mut machine) = model();
    assert!(plic.add_virtual(13));
    for (source, priority) in [(10, 2), (11, 2), (13, 5)] {
        plic.write(4 * source, 4, priority, &mut machine).unwrap();
    }
    plic.write(enable(0, 0), 4, u32::MAX, &mut machine).unwrap();
    plic.write(threshold(0), 4, 2, &mut machine).unwrap();
    plic.set_level(11, true, &mut machine);
    assert!(!machine.asserted[0], "at the threshold");
    plic.set_level(13, true, &mut machine);
    assert!(machine.asserted[0]);
    machine.claimed.insert(70);
    assert!(plic.raise(10, &mut machine));
    for source in [13, 10, 11, 0] {
        assert_eq!(plic.read(claim(0), 4, &mut machine), Ok(source));
    }
}

#[test]
fn bad_accesses_are_told() {
    let (mut plic, mut machine) = model();
    for (offset, width) in [(0, 8), (0, 1), (2, 4), (0x400_0000, 4), (u64::MAX - 3, 4)] {
        assert_eq!(plic.read(offset, width, &mut machine), Err(BadAccess));
        assert_eq!(plic.write(offset, width, 0, &mut machine), Err(BadAccess));
    }
    for offset in [
        0x2000,
        0x20_0004,
        enable(2, 0),
        claim(2),
        0x1f00,
        0x3ff_fffc,
    ] {
        plic.write(offset, 4, u32::MAX, &mut machine).unwrap();
        assert_eq!(plic.read(offset, 4, &mut machine), Ok(0));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Read(u64, u8),
    Write(u64, u8, u32),
    Raise(u32),
    Level(u32, bool),
    Pulse(u32),
    Reset,
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0u64..1024).prop_map(|n| 4 * n),
        (0u64..3, 0u64..4).prop_map(|(vcpu, word)| enable(vcpu, word)),
        (0u64..3).prop_map(threshold),
        (0u64..3).prop_map(claim),
        (0u64..3).prop_map(claim),
        any::<u64>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (offset(), prop_oneof![9 => Just(4u8), 1 => any::<u8>()]).prop_map(|(o, w)| Step::Read(o, w)),
        8 => (offset(), prop_oneof![9 => Just(4u8), 1 => any::<u8>()], prop_oneof![0u32..16, any::<u32>()])
            .prop_map(|(o, w, v)| Step::Write(o, w, v)),
        3 => (8u32..15).prop_map(Step::Raise),
        3 => (8u32..15, any::<bool>()).prop_map(|(s, l)| Step::Level(s, l)),
        2 => (8u32..15).prop_map(Step::Pulse),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn the_physical_plic_stays_sane(steps in proptest::collection::vec(step(), 0..200)) {
        let (mut plic, mut machine) = model();
        for step in steps {
            match step {
                Step::Read(offset, width) => { let _ = plic.read(offset, width, &mut machine); }
                Step::Write(offset, width, value) => { let _ = plic.write(offset, width, value, &mut machine); }
                Step::Raise(source) => {
                    // A claimed source is not claimed again by the hardware.
                    if source != 10 || machine.claimed.insert(70) {
                        prop_assert_eq!(plic.raise(source, &mut machine), source == 10);
                    }
                }
                Step::Level(source, level) => plic.set_level(source, level, &mut machine),
                Step::Pulse(source) => plic.pulse(source, &mut machine),
                Step::Reset => {
                    plic.reset(&mut machine);
                    prop_assert!(machine.claimed.is_empty() && machine.enabled.is_empty());
                    prop_assert_eq!(machine.asserted, [false; 4]);
                }
            }
            // Only the zone's own source is ever touched, only what was claimed is completed.
            prop_assert!(machine.enabled.iter().all(|&(vcpu, physical)| vcpu < 2 && physical == 70));
            prop_assert!(machine.priority.keys().all(|&physical| physical == 70));
            prop_assert_eq!(machine.false_completions, 0);
            for vcpu in 0..2 {
                prop_assert_eq!(plic.asserted(vcpu), machine.asserted[vcpu]);
            }
        }
    }
}
