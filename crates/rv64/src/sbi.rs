// SPDX-License-Identifier: Apache-2.0
//! Numbers of the Supervisor Binary Interface, version 2.0.

/// `sbi_get_spec_version`: 2.0.
pub const SPEC_VERSION: u64 = 2 << 24;

/// Extension identifiers (a7).
pub mod extension {
    pub const LEGACY_SET_TIMER: u64 = 0;
    pub const LEGACY_PUTCHAR: u64 = 1;
    pub const LEGACY_GETCHAR: u64 = 2;
    pub const LEGACY_CLEAR_IPI: u64 = 3;
    pub const LEGACY_SEND_IPI: u64 = 4;
    pub const LEGACY_FENCE_I: u64 = 5;
    pub const LEGACY_SFENCE_VMA: u64 = 6;
    pub const LEGACY_SFENCE_VMA_ASID: u64 = 7;
    pub const LEGACY_SHUTDOWN: u64 = 8;
    pub const BASE: u64 = 0x10;
    pub const TIME: u64 = 0x5449_4d45;
    pub const IPI: u64 = 0x73_5049;
    pub const RFENCE: u64 = 0x5246_4e43;
    pub const HSM: u64 = 0x48_534d;
    pub const SRST: u64 = 0x5352_5354;
    pub const DBCN: u64 = 0x4442_434e;
}

/// Functions (a6).
pub mod function {
    pub const BASE_SPEC_VERSION: u64 = 0;
    pub const BASE_IMPLEMENTATION: u64 = 1;
    pub const BASE_IMPLEMENTATION_VERSION: u64 = 2;
    pub const BASE_PROBE: u64 = 3;
    pub const BASE_MVENDORID: u64 = 4;
    pub const BASE_MARCHID: u64 = 5;
    pub const BASE_MIMPID: u64 = 6;
    pub const SET_TIMER: u64 = 0;
    pub const SEND_IPI: u64 = 0;
    pub const FENCE_I: u64 = 0;
    pub const SFENCE_VMA: u64 = 1;
    pub const SFENCE_VMA_ASID: u64 = 2;
    pub const HFENCE_GVMA_VMID: u64 = 3;
    pub const HFENCE_GVMA: u64 = 4;
    pub const HFENCE_VVMA_ASID: u64 = 5;
    pub const HFENCE_VVMA: u64 = 6;
    pub const HART_START: u64 = 0;
    pub const HART_STOP: u64 = 1;
    pub const HART_STATUS: u64 = 2;
    pub const HART_SUSPEND: u64 = 3;
    pub const SYSTEM_RESET: u64 = 0;
    pub const CONSOLE_WRITE: u64 = 0;
    pub const CONSOLE_READ: u64 = 1;
    pub const CONSOLE_WRITE_BYTE: u64 = 2;
}

/// Results (a0).
pub mod error {
    pub const SUCCESS: i64 = 0;
    pub const FAILED: i64 = -1;
    pub const NOT_SUPPORTED: i64 = -2;
    pub const INVALID_PARAM: i64 = -3;
    pub const DENIED: i64 = -4;
    pub const INVALID_ADDRESS: i64 = -5;
    pub const ALREADY_AVAILABLE: i64 = -6;
    pub const ALREADY_STARTED: i64 = -7;
    pub const ALREADY_STOPPED: i64 = -8;
}

/// HSM states.
pub mod hart_state {
    pub const STARTED: u64 = 0;
    pub const STOPPED: u64 = 1;
    pub const START_PENDING: u64 = 2;
    pub const STOP_PENDING: u64 = 3;
    pub const SUSPENDED: u64 = 4;
}

/// HSM suspend types.
pub mod suspend {
    pub const RETENTIVE: u64 = 0;
    pub const NON_RETENTIVE: u64 = 0x8000_0000;
}

/// SRST types.
pub mod reset {
    pub const SHUTDOWN: u64 = 0;
    pub const COLD_REBOOT: u64 = 1;
    pub const WARM_REBOOT: u64 = 2;
}

/// A caller's (mask, base) pair: which harts it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HartMask {
    pub mask: u64,
    /// `u64::MAX`: all harts, whatever the mask.
    pub base: u64,
}

impl HartMask {
    pub const ALL: Self = Self {
        mask: 0,
        base: u64::MAX,
    };

    pub const fn is_all(self) -> bool {
        self.base == u64::MAX
    }

    pub const fn contains(self, hart: u64) -> bool {
        if self.is_all() {
            return true;
        }
        match hart.checked_sub(self.base) {
            Some(bit) if bit < 64 => (self.mask >> bit) & 1 != 0,
            _ => false,
        }
    }

    /// Harts named, where that is not all of them.
    pub const fn count(self) -> u32 {
        self.mask.count_ones()
    }

    /// What the mask means among `harts`: a bit for each position; `None` if
    /// it names one that is not there.
    pub fn select(self, harts: impl Iterator<Item = u64>) -> Option<u64> {
        let mut found = 0u32;
        let mut selected = 0u64;
        for (position, hart) in harts.take(64).enumerate() {
            if self.contains(hart) {
                selected |= 1u64.checked_shl(position as u32)?;
                found = found.saturating_add(1);
            }
        }
        (self.is_all() || found == self.count()).then_some(selected)
    }
}
