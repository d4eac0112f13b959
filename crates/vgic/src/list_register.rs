// SPDX-License-Identifier: Apache-2.0
//! List registers and their encodings.

/// What a list register's interrupt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Inactive,
    Pending,
    Active,
    PendingActive,
}

impl State {
    pub const fn new(pending: bool, active: bool) -> Self {
        match (pending, active) {
            (false, false) => Self::Inactive,
            (true, false) => Self::Pending,
            (false, true) => Self::Active,
            (true, true) => Self::PendingActive,
        }
    }

    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Pending | Self::PendingActive)
    }

    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::PendingActive)
    }

    const fn bits(self) -> u64 {
        match self {
            Self::Inactive => 0,
            Self::Pending => 1,
            Self::Active => 2,
            Self::PendingActive => 3,
        }
    }

    const fn from_bits(bits: u64) -> Self {
        Self::new(bits & 1 != 0, bits & 2 != 0)
    }
}

/// A list register's contents. A hardware interrupt's physical INTID is its
/// virtual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListRegister {
    pub intid: u16,
    /// The guest's deactivation deactivates the physical interrupt.
    pub hardware: bool,
    pub priority: u8,
    pub group1: bool,
    pub state: State,
    /// GICv2: the vCPU that sent an SGI.
    pub source: u8,
    /// A maintenance interrupt when the guest ends it; not with `hardware`.
    pub eoi_maintenance: bool,
}

impl ListRegister {
    /// ICH_LR<n>_EL2 (IHI 0069, 12.4).
    #[inline]
    pub const fn to_v3(self) -> u64 {
        let intid = self.intid as u64;
        let physical = if self.hardware {
            intid << 32
        } else {
            (self.eoi_maintenance as u64) << 41
        };
        intid
            | physical
            | (self.priority as u64) << 48
            | (self.group1 as u64) << 60
            | (self.hardware as u64) << 61
            | self.state.bits() << 62
    }

    #[inline]
    pub const fn from_v3(bits: u64) -> Self {
        let hardware = bits >> 61 & 1 != 0;
        Self {
            intid: (bits & 0xffff) as u16,
            hardware,
            priority: (bits >> 48 & 0xff) as u8,
            group1: bits >> 60 & 1 != 0,
            state: State::from_bits(bits >> 62),
            source: 0,
            eoi_maintenance: !hardware && bits >> 41 & 1 != 0,
        }
    }

    /// GICH_LR<n> (IHI 0048, 5.3.8): 10 bits of INTID, 5 of priority.
    #[inline]
    pub const fn to_v2(self) -> u32 {
        let intid = self.intid as u32 & 0x3ff;
        let physical = if self.hardware {
            intid << 10
        } else {
            (self.source as u32 & 7) << 10 | (self.eoi_maintenance as u32) << 19
        };
        intid
            | physical
            | (self.priority as u32 >> 3) << 23
            | (self.state.bits() as u32) << 28
            | (self.group1 as u32) << 30
            | (self.hardware as u32) << 31
    }

    #[inline]
    pub const fn from_v2(bits: u32) -> Self {
        let hardware = bits >> 31 != 0;
        Self {
            intid: (bits & 0x3ff) as u16,
            hardware,
            priority: ((bits >> 23 & 0x1f) << 3) as u8,
            group1: bits >> 30 & 1 != 0,
            state: State::from_bits((bits >> 28 & 3) as u64),
            source: if hardware { 0 } else { (bits >> 10 & 7) as u8 },
            eoi_maintenance: !hardware && bits >> 19 & 1 != 0,
        }
    }
}
