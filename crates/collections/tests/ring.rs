// SPDX-License-Identifier: Apache-2.0
//! Against the whole stream.

use collections::ByteRing;
use proptest::prelude::*;

const SIZE: usize = 16;

proptest! {
    #[test]
    fn keeps_the_last_bytes(
        writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
        position in 0u64..200,
        length in 0usize..40,
    ) {
        let mut ring = ByteRing::<SIZE>::new();
        let mut stream = Vec::new();
        for bytes in &writes {
            ring.write(bytes);
            stream.extend_from_slice(bytes);
        }
        let oldest = stream.len().saturating_sub(SIZE);
        let first = (position as usize).clamp(oldest, stream.len());
        let expected: Vec<u8> = stream[first..].iter().copied().take(length).collect();
        let mut buffer = vec![0; length];
        let (found, count) = ring.read(position, &mut buffer);
        prop_assert_eq!((found, &buffer[..count]), (first as u64, &expected[..]));
        prop_assert_eq!(ring.end(), stream.len() as u64);
    }
}
