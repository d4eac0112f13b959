// SPDX-License-Identifier: Apache-2.0
//! A GICv3, register by register.

mod world;

use vgic::{ListRegister, State, Version};
use world::{HIGHEST, TIMER, World};

const HARD: u16 = 40;
const LEVEL: u16 = 41;
const EDGE: u16 = 42;

fn world(vcpus: u8, slots: u8) -> World {
    let lines = [
        (HARD, true, false),
        (LEVEL, false, false),
        (EDGE, false, true),
    ];
    let mut world = World::new(Version::V3, vcpus, slots, &lines);
    world.enable(&[HARD, LEVEL, EDGE, TIMER, 0, 1, 15]);
    world
}

#[test]
fn identification() {
    let mut world = world(5, 4);
    assert_eq!(world.read(0, 0xffe8, 4) & 0xf0, 0x30);
    let typer = world.read(0, 4, 4);
    assert_eq!(typer & 0x1f, u64::from(HIGHEST) / 32);
    assert_eq!(typer >> 5 & 7, 4);
    assert_eq!(typer >> 19 & 0x1f, 9, "10 bits of INTID");
    assert_eq!(typer >> 17 & 1, 0, "no LPIs");
    assert_eq!(world.read(0, 0, 4), 0b101_0011, "groups, ARE, DS");
    for frame in 0..5u8 {
        let base = u32::from(frame) * 0x2_0000;
        let typer = world.with(0, |vgic, port| {
            vgic.redistributor_read(0, base + 8, 8, port)
        });
        assert_eq!(typer >> 32, world::affinity(frame.into()));
        assert_eq!(typer >> 8 & 0xffff, frame.into());
        assert_eq!(typer >> 4 & 1 != 0, frame == 4);
        assert_eq!(
            world.read_frame(0, frame, 0x0c),
            world::affinity(frame.into()) as u32
        );
        assert_eq!(world.read_frame(0, frame, 0xffe8) & 0xf0, 0x30);
    }
    assert_eq!(world.read_frame(0, 5, 0xffe8), 0, "no sixth redistributor");
}

#[test]
fn sleep_is_acknowledged() {
    let mut world = world(2, 4);
    assert_eq!(world.read_frame(0, 1, 0x14), 6);
    world.write_frame(0, 1, 0x14, 0);
    assert_eq!(world.read_frame(0, 1, 0x14), 0);
    world.write_frame(0, 1, 0x14, 2);
    assert_eq!(world.read_frame(0, 1, 0x14), 6);
}

#[test]
fn a_hardware_line_goes_through() {
    let mut world = world(1, 4);
    assert!(world.machine.lines[&(0, HARD)].enabled);
    world.set_priority(0, HARD, 0xa7);
    world.fire(0, HARD);
    let register = world.listed(0, HARD).unwrap();
    let expected = ListRegister {
        intid: HARD,
        hardware: true,
        priority: 0xa0,
        group1: true,
        state: State::Pending,
        ..ListRegister::default()
    };
    assert_eq!(register, expected);
    assert_eq!(world.drain(), [(0, HARD, 0)]);
    assert!(!world.machine.lines[&(0, HARD)].active);
    // Again, into the same list register, without a look at it.
    world.fire(0, HARD);
    assert_eq!(world.drain(), [(0, HARD, 0)]);
}

#[test]
fn a_disabled_pending_line_waits() {
    let mut world = world(1, 4);
    world.fire(0, HARD);
    world.write_bit(0, 0x180, HARD);
    assert!(!world.machine.lines[&(0, HARD)].enabled);
    assert!(world.listed(0, HARD).is_none());
    assert!(world.read_bit(0, 0x200, HARD), "still pending");
    world.write_bit(0, 0x100, HARD);
    assert!(world.listed(0, HARD).unwrap().hardware);
}

#[test]
fn clearing_a_pending_hardware_line_deactivates_it() {
    let mut world = world(1, 4);
    world.fire(0, HARD);
    world.write_bit(0, 0x280, HARD);
    assert!(world.listed(0, HARD).is_none());
    assert!(!world.machine.lines[&(0, HARD)].active);
    assert!(!world.read_bit(0, 0x200, HARD));
}

#[test]
fn clearing_an_active_hardware_line_deactivates_it() {
    let mut world = world(2, 4);
    world.fire(0, HARD);
    world.acknowledge(0).unwrap();
    assert!(world.read_bit(0, 0x300, HARD));
    world.write_bit(1, 0x380, HARD);
    assert!(!world.machine.lines[&(0, HARD)].active);
    assert!(world.listed(0, HARD).is_none());
}

#[test]
fn an_active_state_shows_to_other_vcpus() {
    let mut world = world(2, 4);
    world.fire(0, HARD);
    world.acknowledge(0).unwrap();
    world.read_bit(1, 0x300, HARD);
    assert!(world.read_bit(1, 0x300, HARD));
    world.end(0, HARD);
    world.read_bit(1, 0x300, HARD);
    assert!(!world.read_bit(1, 0x300, HARD));
}

#[test]
fn a_level_that_stays_fires_again() {
    let mut world = world(1, 4);
    world.set_level(LEVEL, true);
    assert!(world.listed(0, LEVEL).unwrap().eoi_maintenance);
    world.acknowledge(0).unwrap();
    world.end(0, LEVEL);
    assert_eq!(world.listed(0, LEVEL).unwrap().state, State::Pending);
    world.acknowledge(0).unwrap();
    world.set_level(LEVEL, false);
    assert!(
        !world.listed(0, LEVEL).unwrap().eoi_maintenance,
        "no exit at its end"
    );
    world.end(0, LEVEL);
    assert!(world.listed(0, LEVEL).is_none());
}

#[test]
fn an_edge_while_active_fires_again() {
    let mut world = world(1, 4);
    world.pulse(EDGE);
    world.acknowledge(0).unwrap();
    world.pulse(EDGE);
    assert_eq!(world.listed(0, EDGE).unwrap().state, State::PendingActive);
    world.end(0, EDGE);
    assert_eq!(world.drain(), [(0, EDGE, 0)]);
}

#[test]
fn a_new_route_moves_what_is_pending() {
    let mut world = world(6, 4);
    world.fire(0, HARD);
    world.write(0, 0x6000 + 8 * u32::from(HARD), 8, world::affinity(5));
    assert_eq!(
        world.read(0, 0x6000 + 8 * u32::from(HARD), 8),
        world::affinity(5)
    );
    assert_eq!(world.machine.lines[&(0, HARD)].route, 5);
    assert!(world.listed(5, HARD).unwrap().hardware);
    assert_eq!(world.drain(), [(5, HARD, 0)]);
    // Nobody has this affinity: it stays where it is, pending.
    world.write(0, 0x6000 + 8 * u32::from(EDGE), 8, 0x77);
    world.pulse(EDGE);
    assert!(world.drain().is_empty());
    world.write(0, 0x6000 + 8 * u32::from(EDGE), 4, 1);
    assert_eq!(world.drain(), [(1, EDGE, 0)]);
}

#[test]
fn sgis_by_affinity() {
    let mut world = world(6, 4);
    let mut send = |value: u64| {
        world.with(0, |vgic, port| vgic.send_sgi(0, value, true, port));
        world.settle();
        world
            .drain()
            .into_iter()
            .map(|(vcpu, intid, _)| (vcpu, intid))
            .collect::<Vec<_>>()
    };
    assert_eq!(send(1 << 24 | 0b1001), [(0, 1), (3, 1)]);
    assert_eq!(send(15 << 24 | 1 << 16 | 0xffff), [(4, 15), (5, 15)]);
    assert_eq!(
        send(1 << 40),
        [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)],
        "all but itself"
    );
    assert_eq!(send(2 << 16 | 0xffff), [], "no such cluster");
    assert_eq!(send(1 << 44 | 0xffff), [], "no such range");
    assert_eq!(send(1 << 48 | 1 << 32 | 0xffff), [], "no such affinity");
    assert_eq!(send(2 << 24 | 1), [], "not enabled");
    world.with(0, |vgic, port| vgic.send_sgi(0, 1 << 24 | 1, false, port));
    assert!(world.drain().is_empty(), "not of that group");
}

#[test]
fn unowned_lines_are_zero_and_ignored() {
    let mut world = world(2, 4);
    for intid in [43, 44, HIGHEST] {
        for base in [0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380] {
            world.write(0, base + u32::from(intid) / 32 * 4, 4, 1 << (intid % 32));
        }
        world.set_priority(0, intid, 0xf8);
        world.write(0, 0x6000 + 8 * u32::from(intid), 8, 1);
        world.write(0, 0xc00 + u32::from(intid) / 16 * 4, 4, 0xffff_ffff);
        assert!(!world.read_bit(0, 0x100, intid));
        assert!(!world.read_bit(0, 0x200, intid));
        assert_eq!(world.read(0, 0x400 + u32::from(intid), 1), 0);
        assert_eq!(world.read(0, 0x6000 + 8 * u32::from(intid), 8), 0);
    }
    // Other PPIs as well.
    world.write_frame(0, 0, 0x1_0100, 0xffff_ffff);
    assert_eq!(
        world.read_frame(0, 0, 0x1_0100),
        0xffff | 1 << 25 | 1 << TIMER
    );
    // And physical interrupts that are not the zone's.
    assert!(!world.with(0, |vgic, port| vgic.hardware_interrupt(0, 43, port)));
    assert!(!world.with(0, |vgic, port| vgic.hardware_interrupt(0, LEVEL, port)));
    assert!(!world.with(0, |vgic, port| vgic.hardware_interrupt(0, 1019, port)));
    assert!(!world.with(7, |vgic, port| vgic.hardware_interrupt(7, HARD, port)));
}

#[test]
fn wrong_widths_are_zero_and_ignored() {
    let mut world = world(1, 4);
    let word = 0x100 + u32::from(HARD) / 32 * 4;
    for (offset, width) in [
        (word, 1),
        (word, 2),
        (word, 8),
        (word + 1, 4),
        (word + 2, 4),
    ] {
        assert_eq!(world.read(0, offset, width), 0);
        world.write(0, offset + 0x80, width, u64::MAX);
    }
    assert!(world.read_bit(0, 0x100, HARD));
    assert_eq!(world.read(0, 0x404, 2), 0);
    assert_eq!(world.read(0, 4, 8), 0);
    assert_eq!(world.read(0, 0x6000 + 8 * u32::from(HARD) + 4, 8), 0);
}

#[test]
fn more_than_fits_comes_in_order() {
    let lines: Vec<_> = (32..52)
        .map(|intid| (intid, intid % 2 == 0, true))
        .collect();
    let mut world = World::new(Version::V3, 1, 2, &lines);
    world.enable(&(32..52).collect::<Vec<_>>());
    for intid in 32..52u16 {
        world.set_priority(0, intid, (250 - (intid - 32) * 8) as u8);
        if intid % 2 == 0 {
            world.fire(0, intid)
        } else {
            world.pulse(intid)
        }
    }
    let taken: Vec<u16> = world.drain().iter().map(|taken| taken.1).collect();
    assert_eq!(taken, (32..52).rev().collect::<Vec<_>>());
    assert!(world.machine.refill.iter().all(|on| !on));
}

#[test]
fn all_list_registers_active_and_one_more() {
    let lines: Vec<_> = (32..36).map(|intid| (intid, true, false)).collect();
    let mut world = World::new(Version::V3, 1, 2, &lines);
    world.enable(&[32, 33, 34, 35]);
    world.fire(0, 32);
    world.fire(0, 33);
    world.acknowledge(0).unwrap();
    world.acknowledge(0).unwrap();
    world.fire(0, 34);
    assert!(world.listed(0, 34).is_none());
    world.end(0, 33);
    assert!(
        !world.machine.lines[&(0, 33)].active,
        "the model deactivates it"
    );
    assert!(world.listed(0, 34).is_some());
    world.end(0, 32);
    assert_eq!(world.drain(), [(0, 34, 0)]);
    assert!(world.machine.lines.values().all(|line| !line.active));
}

#[test]
fn group_enables_gate_everything() {
    let mut world = world(2, 4);
    world.fire(0, HARD);
    world.fire(1, TIMER);
    world.write(0, 0, 4, 1);
    assert!(world.listed(0, HARD).is_none() && world.listed(1, TIMER).is_none());
    world.write(0, 0, 4, 2);
    assert!(world.listed(0, HARD).is_some() && world.listed(1, TIMER).is_some());
    world.write(0, 0x80 + u32::from(HARD) / 32 * 4, 4, 0);
    assert!(world.listed(0, HARD).is_none(), "group 0 is off");
    world.write(0, 0, 4, 3);
    assert!(!world.listed(0, HARD).unwrap().group1);
}

#[test]
fn kicks_are_few() {
    let mut world = world(2, 4);
    world.write(0, 0x6000 + 8 * u32::from(LEVEL), 8, 1);
    let before = world.machine.kicks;
    world.set_level(LEVEL, true);
    world.set_level(LEVEL, true);
    assert_eq!(world.machine.kicks, before + 1);
}

#[test]
fn stops_clean_and_starts_equal() {
    let mut world = world(2, 4);
    for _ in 0..3 {
        world.fire(0, HARD);
        world.fire(1, TIMER);
        world.pulse(EDGE);
        world.set_level(LEVEL, true);
        world.acknowledge(0);
        world.acknowledge(1);
        world::script::stop(&mut world);
        assert!(!world.read_bit(0, 0x100, HARD));
        assert!(!world.read_bit(0, 0x200, EDGE));
        assert!(world.read_bit(0, 0x80, HARD), "group 1");
        world.enable(&[HARD, LEVEL, EDGE, TIMER]);
        assert!(world.drain().is_empty());
    }
}
