// SPDX-License-Identifier: Apache-2.0
//! Against a set of frames.

use collections::FrameBitmap;
use proptest::prelude::*;
use std::collections::BTreeSet;

const FRAMES: usize = 150;

#[derive(Clone, Debug)]
enum Step {
    Allocate { count: usize, alignment: usize },
    Free { first: usize, count: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..20, 0u32..6).prop_map(|(count, shift)| Step::Allocate {
            count,
            alignment: 1 << shift
        }),
        (0usize..160, 0usize..20).prop_map(|(first, count)| Step::Free { first, count }),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_set(steps in prop::collection::vec(step(), 0..80)) {
        let mut bitmap = FrameBitmap::<3>::new(FRAMES);
        let mut used = BTreeSet::new();
        for step in steps {
            match step {
                Step::Allocate { count, alignment } => {
                    let fits = |first: &usize| {
                        first + count <= FRAMES && (*first..first + count).all(|f| !used.contains(&f))
                    };
                    let expected = (count > 0)
                        .then(|| (0..FRAMES).step_by(alignment).find(fits))
                        .flatten();
                    prop_assert_eq!(bitmap.allocate(count, alignment), expected);
                    used.extend(expected.map_or(0..0, |first| first..first + count));
                }
                Step::Free { first, count } => {
                    let expected = (first..first + count).all(|f| used.contains(&f)) && first + count <= FRAMES;
                    prop_assert_eq!(bitmap.free(first, count), expected);
                    if expected {
                        used.retain(|f| !(first..first + count).contains(f));
                    }
                }
            }
            prop_assert_eq!(bitmap.used(), used.len());
        }
    }
}

#[test]
fn odd_arguments_are_refused() {
    let mut bitmap = FrameBitmap::<1>::new(1000);
    assert_eq!(bitmap.frames(), 64);
    assert_eq!(bitmap.allocate(1, 3), None);
    assert_eq!(bitmap.allocate(1, 0), None);
    assert_eq!(bitmap.allocate(usize::MAX, 1), None);
    assert_eq!(bitmap.allocate(64, 64), Some(0));
    assert_eq!(bitmap.allocate(1, 1), None);
    assert!(!bitmap.free(usize::MAX, 2));
    assert!(!bitmap.free(63, 2));
    assert!(bitmap.free(10, 3));
    assert!(!bitmap.free(9, 2));
    assert_eq!(bitmap.allocate(2, 2), Some(10));
}
