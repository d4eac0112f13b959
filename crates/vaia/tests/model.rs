// SPDX-License-Identifier: Apache-2.0
//! Protocols, and properties that hold whatever a guest writes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use proptest::prelude::*;
use vaia::{Aplic, BadAccess, Host, Mode};

/// A physical APLIC source, number 70, as far as the effects reach it.
struct Machine {
    asserted: [bool; 4],
    messages: Vec<(usize, u16)>,
    mode: Mode,
    target: Option<(usize, u16)>,
    enabled: bool,
    pending: bool,
    input: bool,
}

impl Machine {
    fn new() -> Self {
        Self {
            asserted: [false; 4],
            messages: Vec::new(),
            mode: Mode::Inactive,
            target: None,
            enabled: false,
            pending: false,
            input: false,
        }
    }
}

impl Host for Machine {
    fn signal(&mut self, vcpu: usize, asserted: bool) {
        assert_ne!(self.asserted[vcpu], asserted, "signals only changes");
        self.asserted[vcpu] = asserted;
    }
    fn message(&mut self, vcpu: usize, identity: u16) {
        assert!(vcpu < 2 && (1..2048).contains(&identity));
        self.messages.push((vcpu, identity));
    }
    fn configure(&mut self, physical: u32, mode: Mode) {
        assert_eq!(physical, 70);
        self.mode = mode;
    }
    fn target(&mut self, physical: u32, vcpu: usize, value: u16) {
        assert_eq!(physical, 70);
        assert!(vcpu < 2 && value < 2048);
        self.target = Some((vcpu, value));
    }
    fn enable(&mut self, physical: u32, on: bool) {
        assert_eq!(physical, 70);
        assert_ne!(self.enabled, on, "tells only changes");
        assert!(!on || self.mode != Mode::Inactive && self.target.is_some());
        self.enabled = on;
    }
    fn set_pending(&mut self, physical: u32) {
        assert_eq!(physical, 70);
        self.pending = true;
    }
    fn clear_pending(&mut self, physical: u32) {
        assert_eq!(physical, 70);
        self.pending = false;
    }
    fn pending(&mut self, physical: u32) -> bool {
        assert_eq!(physical, 70);
        self.pending
    }
    fn input(&mut self, physical: u32) -> bool {
        assert_eq!(physical, 70);
        self.input
    }
}

const IE: u32 = 1 << 8;
const fn source_cfg(source: u64) -> u64 {
    4 * source
}
const fn target(source: u64) -> u64 {
    0x3000 + 4 * source
}
const fn idc(vcpu: u64, register: u64) -> u64 {
    0x4000 + 32 * vcpu + register
}
const SET_IE_NUM: u64 = 0x1edc;
const SET_IP_NUM: u64 = 0x2000;

/// Source 10 is physical 70, source 11 virtual, 12 nobody's; 2 vCPUs.
fn add(aplic: &mut Aplic) {
    assert!(aplic.add_wired(10, 70) && aplic.add_virtual(11));
    assert!(!aplic.add_wired(10, 71) && !aplic.add_virtual(0) && !aplic.add_virtual(97));
}

fn direct() -> (Aplic, Machine) {
    let mut aplic = Aplic::new();
    aplic.configure_direct(96, &[0, 1]);
    add(&mut aplic);
    (aplic, Machine::new())
}

/// The files of vCPU 0 and 1 are at hart indices 5 and 3, guest index 1.
fn messages() -> (Aplic, Machine) {
    let mut aplic = Aplic::new();
    aplic.configure_messages(96, &[5, 3], 1);
    add(&mut aplic);
    (aplic, Machine::new())
}

fn writes(aplic: &mut Aplic, machine: &mut Machine, list: &[(u64, u32)]) {
    for &(offset, value) in list {
        aplic.write(offset, 4, value, machine).unwrap();
    }
}

#[test]
fn a_wired_level_source_directly() {
    let (mut aplic, mut machine) = direct();
    writes(
        &mut aplic,
        &mut machine,
        &[
            (0, IE),
            (source_cfg(10), 6),
            (target(10), 1 << 18 | 3),
            (SET_IE_NUM, 10),
            (idc(1, 0), 1),
        ],
    );
    assert!(machine.enabled && machine.mode == Mode::High);
    assert_eq!(machine.target, Some((1, 3)));
    machine.input = true;
    assert!(aplic.raise(10, &mut machine));
    assert!(
        machine.asserted[1] && !machine.enabled,
        "masked until the guest is done"
    );
    assert_eq!(aplic.read(idc(1, 0x1c), 4, &mut machine), Ok(10 << 16 | 3));
    assert!(machine.asserted[1], "still high");
    machine.input = false;
    assert_eq!(aplic.read(idc(1, 0x1c), 4, &mut machine), Ok(0));
    assert!(!machine.asserted[1] && machine.enabled);
    assert!(!aplic.raise(11, &mut machine) && !aplic.raise(12, &mut machine));
}

#[test]
fn a_virtual_source_directly() {
    let (mut aplic, mut machine) = direct();
    writes(
        &mut aplic,
        &mut machine,
        &[
            (0, IE),
            (source_cfg(11), 4),
            (target(11), 0),
            (SET_IE_NUM, 11),
            (idc(0, 0), 1),
        ],
    );
    assert_eq!(
        aplic.read(target(11), 4, &mut machine),
        Ok(1),
        "priority 0 becomes 1"
    );
    aplic.set_level(11, true, &mut machine);
    aplic.set_level(11, false, &mut machine);
    assert!(machine.asserted[0], "an edge is kept");
    assert_eq!(aplic.read(idc(0, 0x18), 4, &mut machine), Ok(11 << 16 | 1));
    assert_eq!(aplic.read(idc(0, 0x1c), 4, &mut machine), Ok(11 << 16 | 1));
    assert!(!machine.asserted[0]);
    writes(&mut aplic, &mut machine, &[(source_cfg(11), 6)]);
    aplic.set_level(11, true, &mut machine);
    assert!(machine.asserted[0]);
    writes(&mut aplic, &mut machine, &[(idc(0, 8), 1)]);
    assert!(!machine.asserted[0], "threshold");
    writes(&mut aplic, &mut machine, &[(idc(0, 8), 2)]);
    aplic.set_level(11, false, &mut machine);
    assert!(!machine.asserted[0]);
    writes(&mut aplic, &mut machine, &[(idc(0, 4), 1)]);
    assert!(machine.asserted[0], "forced");
    assert_eq!(aplic.read(idc(0, 0x1c), 4, &mut machine), Ok(0));
    assert!(!machine.asserted[0]);
}

#[test]
fn a_wired_source_by_messages() {
    let (mut aplic, mut machine) = messages();
    assert_eq!(aplic.read(0, 4, &mut machine), Ok(0x8000_0004));
    writes(
        &mut aplic,
        &mut machine,
        &[
            (0, IE),
            (source_cfg(10), 6),
            (target(10), 3 << 18 | 1 << 12 | 77),
        ],
    );
    assert_eq!(machine.target, Some((1, 77)));
    writes(
        &mut aplic,
        &mut machine,
        &[(SET_IE_NUM, 10), (SET_IP_NUM, 10)],
    );
    assert!(machine.enabled && machine.pending && machine.messages.is_empty());
    // Another zone's file: hart index 0, then guest index 2.
    for wrong in [1 << 12 | 77, 3 << 18 | 2 << 12 | 77] {
        writes(&mut aplic, &mut machine, &[(target(10), wrong)]);
        assert!(!machine.enabled);
        assert_eq!(machine.target, Some((1, 77)));
    }
    assert!(!aplic.raise(10, &mut machine));
}

#[test]
fn a_virtual_source_by_messages() {
    let (mut aplic, mut machine) = messages();
    writes(
        &mut aplic,
        &mut machine,
        &[
            (0, IE),
            (source_cfg(11), 6),
            (target(11), 5 << 18 | 1 << 12 | 40),
            (SET_IE_NUM, 11),
        ],
    );
    aplic.set_level(11, true, &mut machine);
    assert_eq!(machine.messages, [(0, 40)]);
    // What a driver does at the end of a level interrupt: again while it is high.
    writes(&mut aplic, &mut machine, &[(SET_IP_NUM, 11)]);
    assert_eq!(machine.messages, [(0, 40), (0, 40)]);
    aplic.set_level(11, false, &mut machine);
    writes(&mut aplic, &mut machine, &[(SET_IP_NUM, 11)]);
    assert_eq!(machine.messages.len(), 2);
    writes(
        &mut aplic,
        &mut machine,
        &[(0x3000, 3 << 18 | 9), (0x3000, 4 << 18 | 9)],
    );
    assert_eq!(machine.messages[2..], [(1, 9)]);
}

#[test]
fn bad_accesses_are_told() {
    let (mut aplic, mut machine) = direct();
    for (offset, width) in [(0, 8), (0, 1), (2, 4), (0x8000, 4), (u64::MAX - 3, 4)] {
        assert_eq!(aplic.read(offset, width, &mut machine), Err(BadAccess));
        assert_eq!(aplic.write(offset, width, 0, &mut machine), Err(BadAccess));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Read(u64, u8),
    Write(u64, u8, u32),
    Raise(u32),
    Level(u32, bool),
    Input(bool),
    Reset,
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0u64),
        (8u64..15).prop_map(source_cfg),
        (0u64..15).prop_map(target),
        (0u64..4, 0u64..8).prop_map(|(vcpu, register)| idc(vcpu, 4 * register)),
        Just(idc(0, 0x1c)),
        (0u64..16, 0u64..33).prop_map(|(group, word)| 0x1c00 + 0x80 * group + 4 * word),
        prop_oneof![
            Just(0x1cdcu64),
            Just(0x1ddc),
            Just(0x1edc),
            Just(0x1fdc),
            Just(0x2000)
        ],
        (0u64..0x8004).prop_map(|n| n & !3),
        any::<u64>(),
    ]
}

fn value() -> impl Strategy<Value = u32> {
    prop_oneof![
        0u32..16,
        any::<u32>(),
        (0u32..6, 0u32..3, 0u32..4)
            .prop_map(|(hart, guest, value)| hart << 18 | guest << 12 | value),
        Just(IE),
        Just(u32::MAX),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let width = || prop_oneof![9 => Just(4u8), 1 => any::<u8>()];
    prop_oneof![
        4 => (offset(), width()).prop_map(|(o, w)| Step::Read(o, w)),
        12 => (offset(), width(), value()).prop_map(|(o, w, v)| Step::Write(o, w, v)),
        2 => (8u32..15).prop_map(Step::Raise),
        2 => (8u32..15, any::<bool>()).prop_map(|(s, l)| Step::Level(s, l)),
        1 => any::<bool>().prop_map(Step::Input),
        1 => Just(Step::Reset),
    ]
}

fn run(mut aplic: Aplic, mut machine: Machine, steps: Vec<Step>) -> Result<(), TestCaseError> {
    for step in steps {
        match step {
            Step::Read(offset, width) => {
                let _ = aplic.read(offset, width, &mut machine);
            }
            Step::Write(offset, width, value) => {
                let _ = aplic.write(offset, width, value, &mut machine);
            }
            Step::Raise(source) if machine.enabled || source != 10 => {
                let _ = aplic.raise(source, &mut machine);
            }
            Step::Raise(_) => {}
            Step::Level(source, level) => aplic.set_level(source, level, &mut machine),
            Step::Input(input) => machine.input = input,
            Step::Reset => {
                aplic.reset(&mut machine);
                prop_assert!(!machine.enabled && machine.mode == Mode::Inactive);
                prop_assert_eq!(machine.asserted, [false; 4]);
            }
        }
        for vcpu in 0..2 {
            prop_assert_eq!(aplic.asserted(vcpu), machine.asserted[vcpu]);
        }
        // Wait for the model to see an input that fell: no line is stuck masked.
        if !machine.input && machine.target.is_some() {
            for vcpu in 0..2 {
                let _ = aplic.read(idc(vcpu, 0x18), 4, &mut machine);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn direct_stays_sane(steps in proptest::collection::vec(step(), 0..200)) {
        let (aplic, machine) = direct();
        run(aplic, machine, steps)?;
    }

    #[test]
    fn messages_stay_sane(steps in proptest::collection::vec(step(), 0..200)) {
        let (aplic, machine) = messages();
        run(aplic, machine, steps)?;
    }
}
