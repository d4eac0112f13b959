// SPDX-License-Identifier: Apache-2.0
//! What a GICv2 has of its own.

mod world;

use vgic::Version;
use world::World;

const SPI: u16 = 40;

fn world(vcpus: u8) -> World {
    let mut world = World::new(
        Version::V2,
        vcpus,
        4,
        &[(SPI, true, false), (41, false, true)],
    );
    world.enable(&[SPI, 41, 0, 1, 2]);
    world
}

#[test]
fn identification() {
    let mut world = world(4);
    assert_eq!(world.read(0, 0xfe8, 4), 0x2b);
    assert_eq!(world.read(0, 4, 4), 4 | 3 << 5);
    assert_eq!(world.read(0, 0, 4), 3);
    // There is nothing of a GICv3.
    assert_eq!(world.read(0, 0x6000 + 8 * 40, 8), 0);
    assert_eq!(world.read(0, 0xffe8, 4), 0);
}

#[test]
fn targets() {
    let mut world = world(3);
    for vcpu in 0..3 {
        assert_eq!(world.read(vcpu, 0x800, 4), 0x0101_0101 << vcpu, "who reads");
        world.write(vcpu, 0x800, 4, 0);
        assert_eq!(world.read(vcpu, 0x81c, 4), 0x0101_0101 << vcpu);
    }
    world.write(0, 0x800 + 40, 1, 0xfe);
    assert_eq!(world.read(0, 0x800 + 40, 1), 0b110, "only those there are");
    world.fire(0, SPI);
    assert_eq!(world.drain(), [(1, SPI, 0)]);
    world.write(0, 0x800 + 40, 4, 0x0404);
    world.fire(0, SPI);
    world.pulse(41);
    assert_eq!(world.drain(), [(2, SPI, 0), (2, 41, 0)]);
    world.write(0, 0x800 + 41, 1, 0);
    world.pulse(41);
    assert!(world.drain().is_empty());
}

#[test]
fn sgis_tell_their_sender() {
    let mut world = world(3);
    world.write(0, 0xf00, 4, 0b110 << 16 | 1);
    world.write(2, 0xf00, 4, 0b010 << 16 | 1);
    assert_eq!(world.drain(), [(1, 1, 0), (1, 1, 2), (2, 1, 0)]);
    world.write(1, 0xf00, 4, 1 << 24 | 2);
    assert_eq!(world.drain(), [(0, 2, 1), (2, 2, 1)]);
    world.write(1, 0xf00, 4, 2 << 24 | 2);
    assert_eq!(world.drain(), [(1, 2, 1)]);
    world.write(1, 0xf00, 4, 3 << 24 | 0xff << 16 | 2);
    world.write(1, 0xf00, 4, 0b1111_1000 << 16 | 2);
    assert!(world.drain().is_empty());
}

#[test]
fn sgi_pending_registers() {
    let mut world = world(2);
    world.write(0, 0xf20 + 2, 1, 0b11);
    assert_eq!(world.read(0, 0xf20, 4) as u32 >> 16 & 0xff, 0b11);
    world.write(0, 0xf10 + 2, 1, 0b10);
    assert_eq!(world.drain(), [(0, 2, 0)]);
    world.write_bit(0, 0x200, 2);
    assert!(world.drain().is_empty(), "not by ISPENDR");
}
