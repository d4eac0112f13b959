// SPDX-License-Identifier: Apache-2.0
//! Bytes turned into what a guest and its devices do: shared by the property
//! tests and the fuzz target.

use super::World;
use vgic::Version;

/// Lines of both kinds, around word boundaries and at the end.
pub const LINES: [(u16, bool, bool); 10] = [
    (32, true, false),
    (33, false, false),
    (34, false, true),
    (35, true, true),
    (63, false, true),
    (64, true, false),
    (95, false, false),
    (96, false, true),
    (158, true, false),
    (159, false, false),
];

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
    fn word(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }
    fn long(&mut self) -> Option<u64> {
        Some(u64::from(self.word()?) << 32 | u64::from(self.word()?))
    }
}

/// Runs a script; every step is checked by the world. Ends with the zone's
/// stop, after which nothing physical may be left enabled or active.
pub fn run(script: &[u8]) {
    let mut bytes = Bytes(script);
    let Some(shape) = bytes.byte() else { return };
    let version = if shape & 1 == 0 {
        Version::V3
    } else {
        Version::V2
    };
    let vcpus = (shape >> 1 & 7) + 1;
    let slots = (shape >> 4 & 3) + 1;
    let mut world = World::new(version, vcpus, slots, &LINES);
    while step(&mut world, &mut bytes).is_some() {}
    stop(&mut world);
}

fn step(world: &mut World, bytes: &mut Bytes) -> Option<()> {
    let vcpu = bytes.byte()? % world.vcpus;
    let (intid, hardware, _) = LINES[usize::from(bytes.byte()?) % LINES.len()];
    match bytes.byte()? % 16 {
        0 => {
            let offset = bytes.word()? & 0x1_ffff;
            world.write(vcpu, offset, 1 << (bytes.byte()? & 3), bytes.long()?);
        }
        1 => {
            let offset = bytes.word()? & 0x1_ffff;
            world.read(vcpu, offset, 1 << (bytes.byte()? & 3));
        }
        2 => {
            let (offset, width) = (bytes.word()? & 0xf_ffff, 1 << (bytes.byte()? & 3));
            let value = bytes.long()?;
            world.with(vcpu, |vgic, port| {
                vgic.redistributor_write(vcpu, offset, width, value, port);
            });
            world.settle();
        }
        3 => {
            let (offset, width) = (bytes.word()? & 0xf_ffff, 1 << (bytes.byte()? & 3));
            world.with(vcpu, |vgic, port| {
                vgic.redistributor_read(vcpu, offset, width, port)
            });
            world.settle();
        }
        4 => {
            let (value, group1) = (bytes.long()?, bytes.byte()? & 1 != 0);
            world.with(vcpu, |vgic, port| vgic.send_sgi(vcpu, value, group1, port));
            world.settle();
        }
        5 => world.write(vcpu, 0xf00, 4, bytes.word()?.into()),
        6 if hardware => world.fire(0, intid),
        6 => world.pulse(intid),
        7 => world.set_level(intid, bytes.byte()? & 1 != 0),
        8 => world.fire(vcpu, super::TIMER),
        9 => {
            world.acknowledge(vcpu);
        }
        10 => {
            if let Some(value) = world.acknowledge(vcpu) {
                world.end(vcpu, value.intid);
            }
        }
        11 => {
            let active = world.machine.registers[usize::from(vcpu)]
                .iter()
                .find(|register| register.state.is_active())
                .map(|register| register.intid);
            if let Some(intid) = active {
                world.end(vcpu, intid);
            }
        }
        // A register of one bit per interrupt, of an interrupt there is.
        12 | 13 => {
            let base = 0x80 * u32::from(bytes.byte()? % 7 + 1);
            let choice = bytes.byte()?;
            let intid = if choice & 1 == 0 {
                intid
            } else {
                u16::from(choice >> 3)
            };
            if choice & 2 == 0 {
                world.write_bit(vcpu, base, intid);
            } else {
                world.read_bit(vcpu, base, intid);
            }
        }
        14 => world.enable(&[intid, super::TIMER, u16::from(bytes.byte()? & 15)]),
        _ => match bytes.byte()? {
            0 => {
                world.with(vcpu, |vgic, port| vgic.retire(vcpu, port));
                world.with(vcpu, |vgic, port| vgic.synchronize(vcpu, port));
                world.settle();
            }
            1 => {
                let level = bytes.byte()? & 1 != 0;
                world.with(vcpu, |vgic, port| {
                    vgic.set_private_level(vcpu, 25, level, Some(vcpu), port);
                    vgic.synchronize(vcpu, port);
                });
                world.settle();
            }
            2 => {
                world.with(vcpu, |vgic, port| {
                    vgic.pulse(intid, Some(vcpu), port);
                    vgic.synchronize(vcpu, port);
                });
                world.settle();
            }
            3 => {
                // Nothing that is not the zone's is taken.
                let other = bytes.word()? as u16;
                if world.owned.get(&other) != Some(&true) && other != super::TIMER {
                    assert!(!world.with(vcpu, |vgic, port| {
                        vgic.hardware_interrupt(vcpu, other, port)
                    }));
                }
            }
            _ => {
                world.with(vcpu, |vgic, port| vgic.has_pending(vcpu, port));
            }
        },
    }
    Some(())
}

pub fn stop(world: &mut World) {
    for vcpu in 0..world.vcpus {
        world.with(vcpu, |vgic, port| vgic.retire(vcpu, port));
        world.machine.kicked.clear();
    }
    world.with(super::OUTSIDE, |vgic, port| vgic.reset(port));
    for (at, line) in &world.machine.lines {
        assert!(!line.enabled && !line.active, "{at:?} is left as {line:?}");
    }
    for (registers, refill) in world.machine.registers.iter().zip(&world.machine.refill) {
        assert!(
            registers
                .iter()
                .all(|register| *register == Default::default())
                && !refill
        );
    }
    assert!((0..world.vcpus).all(|vcpu| !world.vgic.needs_sync(vcpu)));
    assert_eq!(world.read(0, 0, 4) & 3, 0);
}
