// SPDX-License-Identifier: Apache-2.0
//! Calls to the SBI firmware.

use core::arch::asm;
use rv64::sbi::{error, extension, function, reset};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub i64);

/// A call with up to five arguments.
pub fn call(extension: u64, function: u64, arguments: [u64; 5]) -> Result<u64, Error> {
    let [a0, a1, a2, a3, a4] = arguments;
    let status: i64;
    let value: u64;
    // SAFETY: the firmware preserves every register but a0 and a1; what it is
    // asked to do with memory or harts is the caller's to know.
    unsafe {
        asm!(
            "ecall",
            inout("a0") a0 as i64 => status,
            inout("a1") a1 => value,
            in("a2") a2,
            in("a3") a3,
            in("a4") a4,
            in("a6") function,
            in("a7") extension,
            options(nostack)
        );
    }
    if status == error::SUCCESS {
        Ok(value)
    } else {
        Err(Error(status))
    }
}

pub fn putchar(byte: u8) {
    // The legacy call answers in a0 alone, whatever it is.
    let _ = call(extension::LEGACY_PUTCHAR, 0, [byte.into(), 0, 0, 0, 0]);
}

/// Makes a supervisor software interrupt pending at one hart.
pub fn send_ipi(hart: u64) {
    // The hart is one that the firmware started for us: it cannot be refused.
    let _ = call(extension::IPI, function::SEND_IPI, [1, hart, 0, 0, 0]);
}

/// Ends at `u64::MAX` for never.
pub fn set_timer(time: u64) {
    let _ = call(extension::TIME, function::SET_TIMER, [time, 0, 0, 0, 0]);
}

/// A fence on other harts; `function` of RFENCE.
pub fn remote_fence(
    function: u64,
    mask: u64,
    base: u64,
    start: u64,
    size: u64,
    asid: u64,
) -> Result<(), Error> {
    call(extension::RFENCE, function, [mask, base, start, size, asid]).map(|_| ())
}

/// Starts `hart` at a physical address with a1 = `opaque`.
pub fn hart_start(hart: u64, address: u64, opaque: u64) -> Result<(), Error> {
    call(
        extension::HSM,
        function::HART_START,
        [hart, address, opaque, 0, 0],
    )
    .map(|_| ())
}

/// Returns only if the firmware can not.
pub fn shut_down() {
    let arguments = [reset::SHUTDOWN, 0, 0, 0, 0];
    let _ = call(extension::SRST, function::SYSTEM_RESET, arguments);
    let _ = call(extension::LEGACY_SHUTDOWN, 0, [0; 5]);
}
