// SPDX-License-Identifier: Apache-2.0

/// What a zone's processor had in its registers, at the top of the
/// processor's stack while the kernel serves the exit.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct Registers {
    pub x: [u64; 31],
    /// ELR_EL2.
    pub pc: u64,
    /// SPSR_EL2.
    pub pstate: u64,
    pub reserved: u64,
}

impl Registers {
    pub const ZERO: Self = Self {
        x: [0; 31],
        pc: 0,
        pstate: 0,
        reserved: 0,
    };
}

/// Enters the zone with these registers; the stack starts again at its top.
///
/// # Safety
/// EL1's and the interrupt interface's registers are those of the zone that
/// owns this processor, VTTBR_EL2 is its table.
pub unsafe fn enter_guest(_registers: &Registers) -> ! {
    loop {}
}

/// Drops what is on the stack and goes to [`crate::cpu::park`].
pub fn leave_to_park() -> ! {
    loop {}
}
