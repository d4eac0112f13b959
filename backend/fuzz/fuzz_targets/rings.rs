// SPDX-License-Identifier: Apache-2.0
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::rings(data));
