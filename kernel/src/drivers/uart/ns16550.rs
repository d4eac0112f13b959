// SPDX-License-Identifier: Apache-2.0
//! 16550 and its kin, with registers of one or four bytes.

use crate::drivers::mmio::Window;

const TRANSMIT: usize = 0;
const LINE_STATUS: usize = 5;
const TRANSMIT_EMPTY: u32 = 1 << 5;

pub struct Uart {
    window: Window,
    shift: u32,
    bytes: bool,
}

impl Uart {
    /// A register is at its number << `shift`, and `width` bytes wide.
    pub fn new(window: Window, shift: u32, width: u32) -> Self {
        Self {
            window,
            shift,
            bytes: width == 1,
        }
    }

    fn offset(&self, register: usize) -> usize {
        register.wrapping_shl(self.shift)
    }

    pub fn try_put(&self, byte: u8) -> bool {
        let status = self.offset(LINE_STATUS);
        let transmit = self.offset(TRANSMIT);
        if self.bytes {
            if u32::from(self.window.read8(status)) & TRANSMIT_EMPTY == 0 {
                return false;
            }
            self.window.write8(transmit, byte);
        } else {
            if self.window.read32(status) & TRANSMIT_EMPTY == 0 {
                return false;
            }
            self.window.write32(transmit, u32::from(byte));
        }
        true
    }
}
