// SPDX-License-Identifier: Apache-2.0
//! The scripts of the property tests, chosen by coverage.
#![no_main]

#[path = "../../tests/world/mod.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|script: &[u8]| world::script::run(script));
