// SPDX-License-Identifier: Apache-2.0
//! What the kernel says: into a ring, and on the console while that is ours.

use crate::console;
use crate::sync::{Guard, Lock};
use collections::ByteRing;
use core::fmt::{self, Write};

/// A line of the log.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::log::line(format_args!($($argument)*)) };
}

/// Bytes that are kept.
pub const SIZE: usize = 64 * 1024;

static RING: Lock<ByteRing<SIZE>> = Lock::new(ByteRing::new());

struct Writer<'a> {
    ring: Option<Guard<'a, ByteRing<SIZE>>>,
    console: bool,
}

impl Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(ring) = &mut self.ring {
            ring.write(text.as_bytes());
        }
        if self.console {
            console::write(text);
        }
        Ok(())
    }
}

/// One line; lines of several processors do not mix.
pub fn line(arguments: fmt::Arguments) {
    let ring = RING.lock();
    let mut out = Writer {
        ring: Some(ring),
        console: console::is_ours(),
    };
    // Our writers do not fail.
    let _ = writeln!(out, "hvisor: {arguments}");
}

/// As [`line`], whatever happens: on the UART even if it is zone0's, into the
/// ring unless a dead processor holds it.
pub fn emergency(arguments: fmt::Arguments) {
    let mut ring = None;
    for _ in 0..100_000 {
        ring = RING.try_lock();
        if ring.is_some() {
            break;
        }
    }
    let mut out = Writer {
        ring,
        console: true,
    };
    let _ = writeln!(out, "hvisor: {arguments}");
}

/// Copies what was said from `position` (free-running) on -> position of the
/// first byte copied, later than asked for if older ones are gone, and how many.
pub fn read(position: u64, buffer: &mut [u8]) -> (u64, usize) {
    RING.lock().read(position, buffer)
}

/// Position after the last byte.
pub fn end() -> u64 {
    RING.lock().end()
}
