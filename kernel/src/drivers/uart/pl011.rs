// SPDX-License-Identifier: Apache-2.0
//! PL011 (Arm DDI 0183), and the SBSA generic UART, its subset.

use crate::drivers::mmio::Window;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const TRANSMIT_FULL: u32 = 1 << 5;

pub struct Uart(Window);

impl Uart {
    pub fn new(window: Window) -> Self {
        Self(window)
    }

    pub fn try_put(&self, byte: u8) -> bool {
        if self.0.read32(FLAGS) & TRANSMIT_FULL != 0 {
            return false;
        }
        self.0.write32(DATA, u32::from(byte));
        true
    }
}
