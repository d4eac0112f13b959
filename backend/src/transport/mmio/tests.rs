// SPDX-License-Identifier: Apache-2.0
//! The register file's rules, one by one.

use super::*;

fn registers() -> Registers {
    Registers::new(1, F_VERSION_1 | 1, &[256])
}

fn set(registers: &mut Registers, offset: u32, value: u64) -> Effect {
    registers.write(offset, 4, value)
}

#[test]
fn features_are_checked_and_locked() {
    let mut r = registers();
    set(&mut r, STATUS, 3);
    set(&mut r, DRIVER_FEATURES, 2);
    set(&mut r, DRIVER_FEATURES_SEL, 1);
    set(&mut r, DRIVER_FEATURES, 1);
    set(&mut r, STATUS, 11);
    assert_eq!(
        r.read(STATUS, 4, &[], 0),
        3,
        "a feature that was not offered"
    );
    set(&mut r, DRIVER_FEATURES_SEL, 0);
    set(&mut r, DRIVER_FEATURES, 1);
    set(&mut r, STATUS, 11);
    assert_eq!(r.read(STATUS, 4, &[], 0), 11);
    set(&mut r, DRIVER_FEATURES, 0);
    assert_eq!(r.negotiated(), F_VERSION_1 | 1);
    assert_eq!(set(&mut r, STATUS, 15), Effect::Start);
    assert_eq!(set(&mut r, STATUS, 15), Effect::None);
    assert_eq!(set(&mut r, STATUS, 0), Effect::Reset);
    assert_eq!(r, registers());
}

#[test]
fn a_ready_queue_is_not_changed() {
    let mut r = registers();
    set(&mut r, QUEUE_NUM, 100);
    set(&mut r, QUEUE_READY, 1);
    assert_eq!(r.read(QUEUE_READY, 4, &[], 0), 0, "not a power of two");
    set(&mut r, QUEUE_NUM, 128);
    set(&mut r, QUEUE_DESC_HIGH, 1);
    set(&mut r, QUEUE_READY, 1);
    set(&mut r, QUEUE_DESC_HIGH, 2);
    assert_eq!(r.queues()[0].descriptors, 1 << 32);
    set(&mut r, QUEUE_SEL, 1);
    assert_eq!(r.read(QUEUE_NUM_MAX, 4, &[], 0), 0);
}

/// Found by the property test: a driver may have written anything before
/// it asks for FEATURES_OK.
#[test]
fn what_a_driver_left_half_done_is_restored() {
    let mut r = registers();
    set(&mut r, DRIVER_FEATURES, 0xffff_ffff);
    let mut successor = registers();
    assert!(successor.restore(r.state(), r.queues()));
    assert_eq!(successor.state(), r.state());
}

#[test]
fn only_words_are_read_and_the_configuration_ends() {
    let r = registers();
    assert_eq!(r.read(MAGIC_VALUE, 2, &[], 0), 0);
    assert_eq!(r.read(CONFIG_SPACE, 8, &[1, 2, 3], 0), 0x03_02_01);
    assert_eq!(r.read(u32::MAX, 8, &[1, 2, 3], 0), 0);
    assert_eq!(r.read(SHM_LEN_LOW, 4, &[], 0), 0xffff_ffff);
}
