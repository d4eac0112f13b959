// SPDX-License-Identifier: Apache-2.0
//! Text to the zone's serial port: a 16550 or a PL011, byte register 0.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

static BASE: AtomicU64 = AtomicU64::new(0);
/// Offset of the line status register, or 0.
static STATUS: AtomicU64 = AtomicU64::new(0);
/// Looks at the line status before a byte is sent whatever it says.
const PATIENCE: u32 = 100_000;

pub fn set(base: u64, status: u64) {
    BASE.store(base, Ordering::Relaxed);
    STATUS.store(status, Ordering::Relaxed);
}

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let (base, status) = (BASE.load(Ordering::Relaxed), STATUS.load(Ordering::Relaxed));
        if base == 0 {
            return Ok(());
        }
        for byte in text.bytes() {
            for _ in 0..PATIENCE {
                if status == 0 || crate::memory::read(base + status, 1) & 1 << 5 != 0 {
                    break;
                }
            }
            crate::memory::write(base, 1, byte.into());
        }
        Ok(())
    }
}

pub fn print(arguments: fmt::Arguments<'_>) {
    let _ = fmt::Write::write_fmt(&mut Console, arguments);
}

/// One line.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::console::print(format_args!("hostile: {}\r\n", format_args!($($argument)*)))
    };
}
