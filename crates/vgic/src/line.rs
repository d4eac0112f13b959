// SPDX-License-Identifier: Apache-2.0
//! The state of one interrupt.

/// The zone may use it.
pub(crate) const OWNED: u16 = 1 << 0;
/// A physical interrupt stands behind it.
pub(crate) const HARDWARE: u16 = 1 << 1;
pub(crate) const EDGE: u16 = 1 << 2;
/// It was edge-triggered when the zone got it.
pub(crate) const WIRED_EDGE: u16 = 1 << 3;
pub(crate) const ENABLED: u16 = 1 << 4;
pub(crate) const GROUP1: u16 = 1 << 5;
/// Pending, whatever the line's level: an edge, ISPENDR, an SGI, a hardware interrupt.
pub(crate) const LATCH: u16 = 1 << 6;
/// A virtual line that is asserted.
pub(crate) const LEVEL: u16 = 1 << 7;
/// Active, as far as the model knows.
pub(crate) const ACTIVE: u16 = 1 << 8;
/// The physical interrupt is active: it was acknowledged and is to be deactivated.
pub(crate) const PHYSICAL: u16 = 1 << 9;
/// What is pending in its list register was `LATCH`.
pub(crate) const TAKEN: u16 = 1 << 10;
/// The guest cleared the pending state while it was in a list register.
pub(crate) const DROP_PENDING: u16 = 1 << 11;
/// The guest cleared the active state while it was in a list register.
pub(crate) const DROP_ACTIVE: u16 = 1 << 12;
/// The physical interrupt fired again after it was put into a list register:
/// what that register says of the physical interrupt is about the time before.
pub(crate) const AGAIN: u16 = 1 << 13;

/// What stays of a line when its zone starts anew.
const KEPT: u16 = OWNED | HARDWARE | WIRED_EDGE;

/// No vCPU, no list register.
pub(crate) const NONE: u8 = 0xff;

/// Bits of a priority that are kept; the smallest number that GICs have.
pub(crate) const PRIORITY_MASK: u8 = 0xf8;

#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub flags: u16,
    pub priority: u8,
    /// SPI: the vCPU that gets it, or `NONE`. GICv2 SGI: who sent what is in
    /// the list register or active.
    pub target: u8,
    /// GICv2 SPI: targets as written. GICv2 SGI: vCPUs whose SGI is pending.
    pub mask: u8,
    /// The list register that it is in, or `NONE`.
    pub slot: u8,
    /// Whose list register it is in or was active in, or `NONE`.
    pub holder: u8,
}

impl Line {
    /// Of a controller that is not configured; all bits zero, so that a table
    /// of controllers takes no room in a program's image.
    pub const UNUSED: Self = Self {
        flags: 0,
        priority: 0,
        target: 0,
        mask: 0,
        slot: 0,
        holder: 0,
    };

    pub const fn new() -> Self {
        Self {
            flags: 0,
            priority: 0,
            target: 0,
            mask: 0,
            slot: NONE,
            holder: NONE,
        }
    }

    pub fn reset(&mut self, defaults: u16) {
        let flags = self.flags & KEPT;
        *self = Self::new();
        self.flags = flags | defaults;
        if flags & WIRED_EDGE != 0 {
            self.flags |= EDGE;
        }
    }

    #[inline]
    pub fn has(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }

    #[inline]
    pub fn set(&mut self, flags: u16, value: bool) {
        if value {
            self.flags |= flags;
        } else {
            self.flags &= !flags;
        }
    }

    #[inline]
    pub fn is_listed(&self) -> bool {
        self.slot != NONE
    }

    /// The vCPU that an SPI without a list register waits for: while it is
    /// active, the one that acknowledged it.
    #[inline]
    pub fn destination(&self) -> u8 {
        if self.has(ACTIVE) && self.holder != NONE {
            self.holder
        } else {
            self.target
        }
    }

    /// Pending, not counting what is pending in a list register.
    #[inline]
    pub fn is_pending(&self) -> bool {
        self.flags & LATCH != 0 || self.flags & (LEVEL | EDGE) == LEVEL
    }

    /// Whether a distributor with these group enables (GICD_CTLR) lets it through.
    #[inline]
    pub fn passes(&self, control: u32) -> bool {
        let group = if self.has(GROUP1) { 2 } else { 1 };
        self.has(OWNED | ENABLED) && control & group != 0
    }

    /// Whether it needs a list register and has none.
    #[inline]
    pub fn wants_slot(&self, control: u32) -> bool {
        !self.is_listed() && (self.has(ACTIVE) || self.is_pending() && self.passes(control))
    }
}
