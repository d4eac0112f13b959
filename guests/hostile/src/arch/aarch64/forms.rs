// SPDX-License-Identifier: Apache-2.0
//! Accesses whose abort has no syndrome, and others that device models meet
//! rarely. Each with the address in x0.

use super::execute;

pub const FORMS: [(&str, u32); 26] = [
    ("ldp x1, x2, [x0]", 0xa940_0801),
    ("stp xzr, xzr, [x0]", 0xa900_7c1f),
    ("ldp w1, w2, [x0]", 0x2940_0801),
    ("ldnp x1, x2, [x0]", 0xa840_0801),
    ("ldr w1, [x0], #4", 0xb840_4401),
    ("ldr w1, [x0, #0]!", 0xb840_0c01),
    ("str wzr, [x0], #4", 0xb800_441f),
    ("str wzr, [x0, #0]!", 0xb800_0c1f),
    ("ldr q0, [x0]", 0x3dc0_0000),
    ("str q0, [x0]", 0x3d80_0000),
    ("ldr s0, [x0]", 0xbd40_0000),
    ("ld1 {v0.16b}, [x0]", 0x4c40_7000),
    ("ldxr w1, [x0]", 0x885f_7c01),
    ("stxr w2, wzr, [x0]", 0x8802_7c1f),
    ("ldaxp x1, x2, [x0]", 0xc87f_8801),
    ("ldadd w1, w2, [x0]", 0xb821_0002),
    ("swp w1, w2, [x0]", 0xb821_8002),
    ("cas w1, w2, [x0]", 0x88a1_7c02),
    ("dc zva, x0", 0xd50b_7420),
    ("dc civac, x0", 0xd50b_7e20),
    ("ldrsw x1, [x0]", 0xb980_0001),
    ("ldrsb x1, [x0]", 0x3980_0001),
    ("ldtr w1, [x0]", 0xb840_0801),
    ("ldar w1, [x0]", 0x88df_fc01),
    ("prfm pldl1keep, [x0]", 0xf980_0000),
    ("ldr w1, [x0, #1]", 0xb840_1001),
];

/// Whether it came back without an exception of ours.
pub fn run(form: usize, address: u64) -> Option<bool> {
    let (_, word) = FORMS.get(form)?;
    Some(execute(*word, address).1)
}
