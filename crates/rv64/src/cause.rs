// SPDX-License-Identifier: Apache-2.0
//! Exception and interrupt codes of `scause`.

pub const INTERRUPT: u64 = 1 << 63;

/// Interrupts; also bit numbers of `sie`, `sip`, `hideleg`, `hvip`.
pub mod interrupt {
    pub const SUPERVISOR_SOFTWARE: u64 = 1;
    pub const VIRTUAL_SOFTWARE: u64 = 2;
    pub const SUPERVISOR_TIMER: u64 = 5;
    pub const VIRTUAL_TIMER: u64 = 6;
    pub const SUPERVISOR_EXTERNAL: u64 = 9;
    pub const VIRTUAL_EXTERNAL: u64 = 10;
    pub const GUEST_EXTERNAL: u64 = 12;
}

/// Exceptions; also bit numbers of `hedeleg`.
pub mod exception {
    pub const INSTRUCTION_MISALIGNED: u64 = 0;
    pub const INSTRUCTION_ACCESS: u64 = 1;
    pub const ILLEGAL_INSTRUCTION: u64 = 2;
    pub const BREAKPOINT: u64 = 3;
    pub const LOAD_MISALIGNED: u64 = 4;
    pub const LOAD_ACCESS: u64 = 5;
    pub const STORE_MISALIGNED: u64 = 6;
    pub const STORE_ACCESS: u64 = 7;
    pub const ECALL_U: u64 = 8;
    pub const ECALL_VS: u64 = 10;
    pub const INSTRUCTION_PAGE_FAULT: u64 = 12;
    pub const LOAD_PAGE_FAULT: u64 = 13;
    pub const STORE_PAGE_FAULT: u64 = 15;
    pub const SOFTWARE_CHECK: u64 = 18;
    pub const HARDWARE_ERROR: u64 = 19;
    pub const INSTRUCTION_GUEST_PAGE_FAULT: u64 = 20;
    pub const LOAD_GUEST_PAGE_FAULT: u64 = 21;
    pub const VIRTUAL_INSTRUCTION: u64 = 22;
    pub const STORE_GUEST_PAGE_FAULT: u64 = 23;
}
