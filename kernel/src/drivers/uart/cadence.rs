// SPDX-License-Identifier: Apache-2.0
//! Cadence UART of the Zynq family (UG1085, "UART Controllers").

use crate::drivers::mmio::Window;

const CONTROL: usize = 0x00;
const STATUS: usize = 0x2c;
const FIFO: usize = 0x30;
const TRANSMIT_ENABLE: u32 = 1 << 4;
const TRANSMIT_DISABLE: u32 = 1 << 5;
const TRANSMIT_FULL: u32 = 1 << 4;

pub struct Uart(Window);

impl Uart {
    /// Switches the transmitter on, where the firmware did not use it.
    pub fn new(window: Window) -> Self {
        let control = window.read32(CONTROL);
        if control & TRANSMIT_ENABLE == 0 || control & TRANSMIT_DISABLE != 0 {
            window.write32(CONTROL, (control & !TRANSMIT_DISABLE) | TRANSMIT_ENABLE);
        }
        Self(window)
    }

    pub fn try_put(&self, byte: u8) -> bool {
        if self.0.read32(STATUS) & TRANSMIT_FULL != 0 {
            return false;
        }
        self.0.write32(FIFO, u32::from(byte));
        true
    }
}
