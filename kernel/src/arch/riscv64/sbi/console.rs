// SPDX-License-Identifier: Apache-2.0
//! DBCN and the legacy console: zone0 writes where the firmware does, which is
//! its own UART; other zones write lines of the log.

use super::Answer;
use crate::arch::isa::firmware;
use crate::sync::Lock;
use crate::zone::Zone;
use crate::zone::layout::Gpa;
use arrayvec::ArrayVec;
use rv64::sbi::{error, function};

/// Longest line; longer ones are broken.
const LINE: usize = 120;
/// Bytes that one call takes: it may take fewer than it is given.
const AT_ONCE: u64 = 256;

/// What each zone has written of its present line.
static LINES: [Lock<ArrayVec<u8, LINE>>; abi::MAX_ZONES] =
    [const { Lock::new(ArrayVec::new_const()) }; abi::MAX_ZONES];

pub fn call(zone: &Zone, function: u64, arguments: [u64; 5]) -> Answer {
    let [length, low, high, ..] = arguments;
    match function {
        function::CONSOLE_WRITE => write(zone, length, low, high),
        // There is never a character.
        function::CONSOLE_READ => Ok(0),
        function::CONSOLE_WRITE_BYTE => {
            put(zone, length as u8);
            Ok(0)
        }
        _ => Err(error::NOT_SUPPORTED),
    }
}

fn write(zone: &Zone, length: u64, low: u64, high: u64) -> Answer {
    if high != 0 {
        return Err(error::INVALID_PARAM);
    }
    let length = length.min(AT_ONCE);
    if length == 0 {
        return Ok(0);
    }
    let address = zone
        .layout()
        .ram(Gpa(low), length)
        .ok_or(error::INVALID_PARAM)?;
    for offset in 0..length {
        // SAFETY: the zone's RAM; it may change meanwhile, so each byte is read once.
        let byte = unsafe { (address.wrapping_add(offset) as *const u8).read_volatile() };
        put(zone, byte);
    }
    Ok(length)
}

pub fn put(zone: &Zone, byte: u8) {
    if zone.is_zone0() {
        firmware::putchar(byte);
        return;
    }
    let Some(line) = LINES.get(usize::from(zone.number())) else {
        return;
    };
    let mut line = line.lock();
    match byte {
        b'\n' => {}
        b' '..=b'~' | b'\t' => {
            line.push(byte);
            if !line.is_full() {
                return;
            }
        }
        _ => return,
    }
    if let Ok(text) = core::str::from_utf8(&line) {
        crate::log!("zone {}: {text}", zone.number());
    }
    line.clear();
}
