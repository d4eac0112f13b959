// SPDX-License-Identifier: Apache-2.0
//! The firmware's UART, until zone0 owns it.

use crate::drivers::mmio::Window;
use crate::drivers::uart::Uart;
use crate::sync::Once;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::Console;

static UART: Once<Uart> = Once::new();
static OURS: AtomicBool = AtomicBool::new(false);

/// Maps the UART; without one that we know there is only the ring.
pub fn init(console: &Console) {
    let Ok(window) = Window::map(console.region.base, console.region.size.clamp(1, 0x1000)) else {
        return;
    };
    if let Some(uart) = Uart::new(console, window)
        && UART.set(uart).is_ok()
    {
        OURS.store(true, Ordering::Relaxed);
    }
}

/// From here on the UART is zone0's: only the log ring is written.
pub fn release() {
    OURS.store(false, Ordering::Relaxed);
}

pub fn is_ours() -> bool {
    OURS.load(Ordering::Relaxed)
}

/// Whoever owns it.
pub fn write(text: &str) {
    let Some(uart) = UART.get() else { return };
    for byte in text.bytes() {
        if byte == b'\n' {
            uart.put(b'\r');
        }
        uart.put(byte);
    }
}
