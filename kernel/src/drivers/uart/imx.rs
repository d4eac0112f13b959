// SPDX-License-Identifier: Apache-2.0
//! UART of NXP's i.MX family (i.MX 8M Plus reference manual, UART).

use crate::drivers::mmio::Window;

const TRANSMIT: usize = 0x40;
const CONTROL1: usize = 0x80;
const CONTROL2: usize = 0x84;
const TEST: usize = 0xb4;
const ENABLE: u32 = 1 << 0;
const TRANSMIT_ENABLE: u32 = 1 << 2;
const TRANSMIT_FULL: u32 = 1 << 4;

pub struct Uart(Window);

impl Uart {
    /// Switches the transmitter on, where the firmware did not use it.
    pub fn new(window: Window) -> Self {
        let control = window.read32(CONTROL1);
        if control & ENABLE == 0 {
            window.write32(CONTROL1, control | ENABLE);
        }
        let control = window.read32(CONTROL2);
        if control & TRANSMIT_ENABLE == 0 {
            // Bit 0 is an active-low software reset.
            window.write32(CONTROL2, control | TRANSMIT_ENABLE | 1);
        }
        Self(window)
    }

    pub fn try_put(&self, byte: u8) -> bool {
        if self.0.read32(TEST) & TRANSMIT_FULL != 0 {
            return false;
        }
        self.0.write32(TRANSMIT, u32::from(byte));
        true
    }
}
