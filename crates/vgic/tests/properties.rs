// SPDX-License-Identifier: Apache-2.0
//! What holds whatever a guest does.

mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use vgic::{ListRegister, State, Version};
use world::script::{LINES, run, stop};
use world::{TIMER, World};

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V2), Just(Version::V3)]
}

fn register() -> impl Strategy<Value = ListRegister> {
    let state = prop_oneof![
        Just(State::Inactive),
        Just(State::Pending),
        Just(State::Active),
        Just(State::PendingActive)
    ];
    (
        0u16..1020,
        any::<bool>(),
        0u8..32,
        any::<bool>(),
        state,
        0u8..8,
        any::<bool>(),
    )
        .prop_map(
            |(intid, hardware, priority, group1, state, source, eoi)| ListRegister {
                intid,
                hardware,
                priority: priority << 3,
                group1,
                state,
                source: if hardware { 0 } else { source },
                eoi_maintenance: eoi && !hardware,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_script_keeps_the_invariants(script in vec(any::<u8>(), 0..2048)) {
        run(&script);
    }

    #[test]
    fn encodings_are_exact(register in register()) {
        prop_assert_eq!(ListRegister::from_v2(register.to_v2()), register);
        let expected = ListRegister { source: 0, ..register };
        prop_assert_eq!(ListRegister::from_v3(register.to_v3()), expected);
    }

    /// Whatever is raised while enabled is taken by its vCPU after it was raised.
    #[test]
    fn nothing_is_lost(
        version in version(),
        slots in 1u8..5,
        priorities in vec(any::<u8>(), LINES.len()),
        steps in vec((0u8..8, 0usize..LINES.len(), 0u8..6), 1..200),
    ) {
        let vcpus = 4;
        let mut world = World::new(version, vcpus, slots, &LINES);
        let intids: Vec<u16> = LINES.iter().map(|line| line.0).chain([TIMER]).collect();
        world.enable(&intids);
        for (&intid, priority) in intids.iter().zip(priorities) {
            world.set_priority(0, intid, priority);
        }
        let mut raised = BTreeSet::new();
        let mut held: Vec<(u8, u16)> = Vec::new();
        for (which, index, action) in steps {
            let (intid, hardware, edge) = LINES[index];
            let vcpu = which % vcpus;
            match action {
                0 | 1 if hardware => {
                    world.fire(0, intid);
                    raised.insert((0, intid));
                }
                0 | 1 if edge => {
                    world.pulse(intid);
                    raised.insert((0, intid));
                }
                0 | 1 => {
                    world.set_level(intid, true);
                    raised.insert((0, intid));
                }
                2 => {
                    world.fire(vcpu, TIMER);
                    raised.insert((vcpu, TIMER));
                }
                3 => if let Some(value) = world.acknowledge(vcpu) {
                    let at = world::key(vcpu, value.intid);
                    raised.remove(&at);
                    held.push((vcpu, value.intid));
                    if world.owned.get(&value.intid) == Some(&false) {
                        world.set_level(value.intid, false);
                    }
                },
                4 => if let Some((vcpu, intid)) = held.pop() {
                    world.end(vcpu, intid);
                },
                _ => {
                    // The guest moves a line to another vCPU.
                    let (offset, width, value) = match version {
                        Version::V2 => (0x800 + u32::from(intid), 1, 1 << vcpu),
                        Version::V3 => (0x6000 + 8 * u32::from(intid), 8, world::affinity(vcpu.into())),
                    };
                    world.write(vcpu, offset, width, value);
                }
            }
        }
        for (vcpu, intid) in held {
            world.end(vcpu, intid);
        }
        // A level line stays until it is lowered: so does its handler.
        while let Some((vcpu, value)) =
            (0..vcpus).find_map(|vcpu| Some((vcpu, world.acknowledge(vcpu)?)))
        {
            raised.remove(&world::key(vcpu, value.intid));
            if world.owned.get(&value.intid) == Some(&false) {
                world.set_level(value.intid, false);
            }
            world.end(vcpu, value.intid);
        }
        prop_assert!(raised.is_empty(), "lost: {:?}", raised);
        prop_assert!(world.machine.lines.values().all(|line| !line.active));
        stop(&mut world);
    }

    /// A pending level line is in a list register exactly while it is high.
    #[test]
    fn levels_are_followed(version in version(), levels in vec((0usize..3, any::<bool>()), 1..60)) {
        let lines = [(33, false, false), (95, false, false), (159, false, false)];
        let mut world = World::new(version, 1, 4, &lines);
        world.enable(&[33, 95, 159]);
        for (index, level) in levels {
            let intid = lines[index].0;
            world.set_level(intid, level);
            prop_assert_eq!(world.listed(0, intid).is_some(), level);
            prop_assert_eq!(world.read_bit(0, 0x200, intid), level);
        }
    }

    /// The list registers hold the most urgent ones, whatever order they came in.
    #[test]
    fn the_most_urgent_are_listed(
        version in version(),
        slots in 1u8..5,
        order in Just((0..LINES.len()).collect::<Vec<_>>()).prop_shuffle(),
        priorities in vec(0u8..32, LINES.len()),
    ) {
        let mut world = World::new(version, 2, slots, &LINES);
        let intids: Vec<u16> = LINES.iter().map(|line| line.0).collect();
        world.enable(&intids);
        for (&intid, priority) in intids.iter().zip(&priorities) {
            world.set_priority(0, intid, priority << 3);
        }
        for index in order {
            let (intid, hardware, edge) = LINES[index];
            match (hardware, edge) {
                (true, _) => world.fire(0, intid),
                (_, true) => world.pulse(intid),
                _ => world.set_level(intid, true),
            }
        }
        let mut expected: Vec<(u8, u16)> =
            priorities.iter().map(|p| p << 3).zip(intids).collect();
        expected.sort_unstable();
        expected.truncate(slots.into());
        for (_, intid) in expected {
            prop_assert!(world.listed(0, intid).is_some(), "{} is not listed", intid);
        }
    }
}
