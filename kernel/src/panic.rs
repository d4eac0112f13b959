// SPDX-License-Identifier: Apache-2.0
//! The end: said on the UART whoever owns it.

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    crate::arch::cpu::halt()
}
