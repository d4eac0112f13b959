// SPDX-License-Identifier: Apache-2.0
//! Known encodings, and properties over all of them.
#![allow(clippy::arithmetic_side_effects)]

use proptest::prelude::*;
use rv64::{Access, Refused, Transformed, decode, length, transformed};

fn load(width: u8, signed: bool, register: u8, length: u8) -> Result<Access, Refused> {
    Ok(Access {
        write: false,
        width,
        signed,
        register,
        length,
    })
}

fn store(width: u8, register: u8, length: u8) -> Result<Access, Refused> {
    Ok(Access {
        write: true,
        width,
        signed: false,
        register,
        length,
    })
}

/// Encodings as GNU as writes them.
#[test]
fn known_encodings() {
    for (instruction, wanted) in [
        (0x0005_8503, load(1, true, 10, 4)),  // lb a0,0(a1)
        (0x0045_9503, load(2, true, 10, 4)),  // lh a0,4(a1)
        (0xffc5_a503, load(4, true, 10, 4)),  // lw a0,-4(a1)
        (0x0085_bf83, load(8, true, 31, 4)),  // ld t6,8(a1)
        (0x0005_c503, load(1, false, 10, 4)), // lbu a0,0(a1)
        (0x0005_d503, load(2, false, 10, 4)), // lhu a0,0(a1)
        (0x0005_e503, load(4, false, 10, 4)), // lwu a0,0(a1)
        (0x0005_f503, Err(Refused::Unknown)),
        (0x00a5_8023, store(1, 10, 4)),             // sb a0,0(a1)
        (0x00a5_9223, store(2, 10, 4)),             // sh a0,4(a1)
        (0xfea5_ae23, store(4, 10, 4)),             // sw a0,-4(a1)
        (0x01f5_b423, store(8, 31, 4)),             // sd t6,8(a1)
        (0x0005_b507, Err(Refused::FloatingPoint)), // fld fa0,0(a1)
        (0x00a5_b027, Err(Refused::FloatingPoint)), // fsd fa0,0(a1)
        (0x00a5_a52f, Err(Refused::Atomic)),        // amoadd.w a0,a0,(a1)
        (0x41c8, load(4, true, 10, 2)),             // c.lw a0,4(a1)
        (0x6588, load(8, true, 10, 2)),             // c.ld a0,8(a1)
        (0xc1c8, store(4, 10, 2)),                  // c.sw a0,4(a1)
        (0xe588, store(8, 10, 2)),                  // c.sd a0,8(a1)
        (0x4512, load(4, true, 10, 2)),             // c.lwsp a0,4(sp)
        (0x6522, load(8, true, 10, 2)),             // c.ldsp a0,8(sp)
        (0xc22a, store(4, 10, 2)),                  // c.swsp a0,4(sp)
        (0xe42a, store(8, 10, 2)),                  // c.sdsp a0,8(sp)
        (0x4012, Err(Refused::Unknown)),            // c.lwsp x0: reserved
        (0x2588, Err(Refused::FloatingPoint)),      // c.fld fa0,8(a1)
        (0xa588, Err(Refused::FloatingPoint)),      // c.fsd fa0,8(a1)
        (0x81a8, load(1, false, 10, 2)),            // c.lbu a0,2(a1)
        (0x85a8, load(2, false, 10, 2)),            // c.lhu a0,2(a1)
        (0x85e8, load(2, true, 10, 2)),             // c.lh a0,2(a1)
        (0x89a8, store(1, 10, 2)),                  // c.sb a0,2(a1)
        (0x8da8, store(2, 10, 2)),                  // c.sh a0,2(a1)
        (0x0000, Err(Refused::Unknown)),
        (0x8082, Err(Refused::Unknown)),      // ret
        (0x0000_0073, Err(Refused::Unknown)), // ecall
        (0x0000_001f, Err(Refused::Unknown)), // longer than 32 bits
    ] {
        assert_eq!(decode(instruction), wanted, "{instruction:#010x}");
    }
}

#[test]
fn transformed_forms() {
    assert_eq!(transformed(0), Transformed::Absent);
    assert_eq!(transformed(0x3000), Transformed::PageTable(8, false));
    assert_eq!(transformed(0x3020), Transformed::PageTable(8, true));
    // lw a0 with its offset and base taken out, from a 4-byte and a 2-byte instruction.
    assert_eq!(
        transformed(0x0000_2503),
        Transformed::Access(Access {
            write: false,
            width: 4,
            signed: true,
            register: 10,
            length: 4
        })
    );
    assert_eq!(
        transformed(0x0000_2501),
        Transformed::Access(Access {
            write: false,
            width: 4,
            signed: true,
            register: 10,
            length: 2
        })
    );
    assert_eq!(
        transformed(0x00a0_a52f),
        Transformed::Refused(Refused::Atomic)
    );
    assert_eq!(transformed(1 << 40 | 3), Transformed::Absent);
}

#[test]
fn values_are_extended() {
    let signed = |width| Access {
        write: false,
        width,
        signed: true,
        register: 1,
        length: 4,
    };
    assert_eq!(signed(1).loaded(0x1ff), u64::MAX);
    assert_eq!(signed(2).loaded(0x8000), 0xffff_ffff_ffff_8000);
    assert_eq!(signed(4).loaded(0x8000_0000), 0xffff_ffff_8000_0000);
    assert_eq!(signed(8).loaded(7), 7);
    let unsigned = Access {
        signed: false,
        ..signed(4)
    };
    assert_eq!(unsigned.loaded(u64::MAX), 0xffff_ffff);
    assert_eq!(
        Access {
            write: true,
            ..signed(2)
        }
        .stored(0x1_2345),
        0x2345
    );
}

/// The bits a transformation keeps: opcode, and rd and funct3 of a load or rs2
/// and funct3 of a store.
fn transform(instruction: u32, write: bool) -> u32 {
    instruction & if write { 0x01f0_707f } else { 0x0000_7fff }
}

proptest! {
    #[test]
    fn never_panics(instruction: u32, htinst: u64) {
        if let Ok(access) = decode(instruction) {
            prop_assert!(matches!(access.width, 1 | 2 | 4 | 8));
            prop_assert!(access.register < 32);
            prop_assert_eq!(Some(access.length), length(instruction as u16));
        }
        let _ = transformed(htinst);
    }

    #[test]
    fn both_ways_agree(instruction: u32) {
        let instruction = instruction | 3;
        if let Ok(access) = decode(instruction) {
            let htinst = transform(instruction, access.write);
            prop_assert_eq!(transformed(htinst.into()), Transformed::Access(access));
        }
    }

    #[test]
    fn masks_name_only_what_is_there(mask: u64, base in 0u64..80, harts in proptest::collection::btree_set(0u64..100, 0..32)) {
        let selected = rv64::sbi::HartMask { mask, base }.select(harts.iter().copied());
        let all_there = (0..64).filter(|bit| mask >> bit & 1 != 0).all(|bit| harts.contains(&(base + bit)));
        prop_assert_eq!(selected.is_some(), all_there);
        if let Some(selected) = selected {
            prop_assert_eq!(selected.count_ones(), mask.count_ones());
        }
    }
}
