// SPDX-License-Identifier: Apache-2.0

/// Whom a page, a line or a processor belongs to; one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Free,
    /// hvisor itself, or kept back for the firmware.
    Kernel,
    Zone(u8),
}

impl Owner {
    /// Its number in [`abi::inventory`].
    pub const fn number(self) -> u32 {
        match self {
            Self::Free => abi::inventory::owner::FREE,
            Self::Kernel => abi::inventory::owner::KERNEL,
            Self::Zone(zone) => zone as u32,
        }
    }
}
