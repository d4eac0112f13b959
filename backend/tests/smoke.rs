// SPDX-License-Identifier: Apache-2.0
//! The fuzz targets' entries, shortly.

mod common;
mod entries;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn registers(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        entries::registers(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn rings(data in proptest::collection::vec(any::<u8>(), 0..1500)) {
        entries::rings(&data);
    }
}
