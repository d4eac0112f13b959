// SPDX-License-Identifier: Apache-2.0
//! Output on the firmware's UART, as it was left set up.

mod cadence;
mod imx;
mod ns16550;
mod pl011;

use crate::drivers::mmio::Window;
use machine::{Console, ConsoleKind};

/// Times that a full transmitter is asked before a byte is given up.
const PATIENCE: u32 = 1_000_000;

/// One of the kinds we know.
pub enum Uart {
    Pl011(pl011::Uart),
    Ns16550(ns16550::Uart),
    Imx(imx::Uart),
    Cadence(cadence::Uart),
}

impl Uart {
    /// `None` for a kind without a driver here.
    pub fn new(console: &Console, window: Window) -> Option<Self> {
        Some(match console.kind {
            ConsoleKind::Pl011 => Self::Pl011(pl011::Uart::new(window)),
            ConsoleKind::Ns16550 => Self::Ns16550(ns16550::Uart::new(
                window,
                console.reg_shift,
                console.io_width,
            )),
            ConsoleKind::Imx => Self::Imx(imx::Uart::new(window)),
            ConsoleKind::Cadence => Self::Cadence(cadence::Uart::new(window)),
            ConsoleKind::SiFive => return None,
        })
    }

    /// Waits for room, but not for ever.
    pub fn put(&self, byte: u8) {
        for _ in 0..PATIENCE {
            let sent = match self {
                Self::Pl011(uart) => uart.try_put(byte),
                Self::Ns16550(uart) => uart.try_put(byte),
                Self::Imx(uart) => uart.try_put(byte),
                Self::Cadence(uart) => uart.try_put(byte),
            };
            if sent {
                return;
            }
        }
    }
}
