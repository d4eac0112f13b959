// SPDX-License-Identifier: Apache-2.0
//! The firmware's PSCI (Arm DEN0022), as its client.

use crate::sync::Once;
use core::arch::asm;
use machine::{Conduit, Psci};

static FIRMWARE: Once<Psci> = Once::new();

/// Status words (5.2.2).
pub const SUCCESS: i32 = 0;

pub fn init(psci: Psci) {
    let _ = FIRMWARE.set(psci);
}

pub fn is_there() -> bool {
    FIRMWARE.get().is_some()
}

/// One call by the machine's conduit; `None` without PSCI.
fn call(select: impl FnOnce(&Psci) -> Option<u32>, arguments: [u64; 3]) -> Option<i32> {
    let psci = FIRMWARE.get()?;
    let function = u64::from(select(psci)?);
    let [first, second, third] = arguments;
    let result: u64;
    // SAFETY: SMCCC (DEN0028): x0 to x17 may change, memory does not but by
    // CPU_ON, whose processor starts with memory of its own.
    unsafe {
        match psci.conduit {
            Conduit::Smc => asm!("smc #0", inout("x0") function => result,
                in("x1") first, in("x2") second, in("x3") third, clobber_abi("C")),
            Conduit::Hvc => asm!("hvc #0", inout("x0") function => result,
                in("x1") first, in("x2") second, in("x3") third, clobber_abi("C")),
        }
    }
    Some(result as i32)
}

/// Starts the processor `affinity` at the physical address `entry`.
pub fn cpu_on(affinity: u64, entry: u64) -> Option<i32> {
    call(|psci| Some(psci.cpu_on), [affinity, entry, 0])
}

/// Returns only if it does not work.
pub fn system_off() {
    call(|psci| psci.system_off, [0; 3]);
}
