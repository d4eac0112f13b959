// SPDX-License-Identifier: Apache-2.0
//! Interrupt sources: modes, inputs, pending and enabled (AIA 4.5.2, 4.7).

use crate::{Aplic, Delivery, Host, MAX_IDENTITY};

/// `sourcecfg.SM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    Inactive = 0,
    Detached = 1,
    RisingEdge = 4,
    FallingEdge = 5,
    High = 6,
    Low = 7,
}

impl Mode {
    /// The legal mode for a written `sourcecfg`; a delegated source is
    /// inactive, for the domain has no child.
    pub const fn from_register(value: u32) -> Self {
        const DELEGATE: u32 = 1 << 10;
        if value & DELEGATE != 0 {
            return Self::Inactive;
        }
        match value & 7 {
            1 => Self::Detached,
            4 => Self::RisingEdge,
            5 => Self::FallingEdge,
            6 => Self::High,
            7 => Self::Low,
            _ => Self::Inactive,
        }
    }

    pub const fn is_level(self) -> bool {
        matches!(self, Self::High | Self::Low)
    }

    const fn is_inverted(self) -> bool {
        matches!(self, Self::FallingEdge | Self::Low)
    }

    const fn has_input(self) -> bool {
        !matches!(self, Self::Inactive | Self::Detached)
    }
}

/// Fields of `target`.
pub(crate) const HART_SHIFT: u32 = 18;
pub(crate) const GUEST_SHIFT: u32 = 12;
pub(crate) const GUEST_MASK: u32 = 0x3f;
pub(crate) const IDENTITY_MASK: u32 = 0x7ff;
pub(crate) const PRIORITY_MASK: u32 = 0xff;

impl Aplic {
    /// The kernel took the physical interrupt behind wired `source` (direct
    /// delivery). `false`: it is not the zone's.
    #[must_use]
    pub fn raise(&mut self, source: u32, host: &mut impl Host) -> bool {
        if !self.wired.contains(source) || self.delivery != Delivery::Direct {
            return false;
        }
        if self.mode_of(source) == Mode::Inactive {
            return true;
        }
        if self.mode_of(source).is_level() {
            self.high.insert(source);
            self.masked.insert(source);
            self.synchronise(source, host);
        }
        self.pending.insert(source);
        self.deliver(source, host);
        true
    }

    /// A virtual source's input changes.
    pub fn set_level(&mut self, source: u32, level: bool, host: &mut impl Host) {
        if !self.owned.contains(source) || self.wired.contains(source) {
            return;
        }
        let before = self.rectified(source);
        self.high.set(source, level);
        self.input_changed(source, before, host);
    }

    /// The source's input, active when true.
    fn rectified(&self, source: u32) -> bool {
        let mode = self.mode_of(source);
        let high = self.high.contains(source);
        mode.has_input()
            && if self.wired.contains(source) {
                high
            } else {
                high != mode.is_inverted()
            }
    }

    fn input_changed(&mut self, source: u32, before: bool, host: &mut impl Host) {
        let now = self.rectified(source);
        let level = self.mode_of(source).is_level();
        if level && self.delivery == Delivery::Direct {
            self.pending.set(source, now);
        } else if now && !before {
            self.pending.insert(source);
        } else if level && !now {
            self.pending.remove(source);
        }
        self.deliver(source, host);
    }

    /// Looks at the masked sources for `vcpu` again: whose input fell is
    /// neither pending nor masked any longer.
    pub(crate) fn look_again(&mut self, vcpu: usize, host: &mut impl Host) {
        let masked = self.masked;
        for source in masked.iter() {
            let Some(physical) = self.physical(source) else {
                continue;
            };
            if self.target_vcpu(source) == Some(vcpu) && !host.input(physical) {
                self.high.remove(source);
                self.pending.remove(source);
                self.masked.remove(source);
                self.synchronise(source, host);
            }
        }
    }

    /// The vCPU that the source's target names, if it is one of the zone's.
    pub(crate) fn target_vcpu(&self, source: u32) -> Option<usize> {
        let target = self.target.get(source as usize).copied()?;
        match self.delivery {
            Delivery::Direct => self.vcpu_of(target >> HART_SHIFT, 0),
            Delivery::Messages => {
                self.vcpu_of(target >> HART_SHIFT, (target >> GUEST_SHIFT) & GUEST_MASK)
            }
        }
    }

    /// The vCPU with that hart index (and guest index, for messages).
    pub(crate) fn vcpu_of(&self, hart: u32, guest: u32) -> Option<usize> {
        let reaches = self.delivery == Delivery::Direct || guest == self.guest_index;
        let mut indices = self.hart_index.iter().take(self.vcpus).filter(|_| reaches);
        indices.position(|&index| u32::from(index) == hart)
    }

    /// Tells the physical APLIC what concerns a wired source's enable.
    pub(crate) fn synchronise(&mut self, source: u32, host: &mut impl Host) {
        let Some(physical) = self.physical(source) else {
            return;
        };
        let open = self.on
            && self.enabled.contains(source)
            && !self.masked.contains(source)
            && self.target_vcpu(source).is_some();
        if open != self.open.contains(source) {
            self.open.set(source, open);
            host.enable(physical, open);
        }
    }

    /// Delivers the source if it is pending and enabled.
    pub(crate) fn deliver(&mut self, source: u32, host: &mut impl Host) {
        let vcpu = self.target_vcpu(source);
        match (self.delivery, vcpu) {
            (Delivery::Direct, Some(vcpu)) => self.update(vcpu, host),
            (Delivery::Messages, Some(vcpu))
                if self.on && self.enabled.contains(source) && self.pending.contains(source) =>
            {
                self.pending.remove(source);
                let target = self.target.get(source as usize).copied().unwrap_or(0);
                self.send(vcpu, target, host);
            }
            _ => {}
        }
    }

    /// Sends a message; identity 0 is none.
    pub(crate) fn send(&self, vcpu: usize, target: u32, host: &mut impl Host) {
        let identity = (target & IDENTITY_MASK) as u16;
        if identity != 0 && identity <= MAX_IDENTITY {
            host.message(vcpu, identity);
        }
    }

    pub(crate) fn set_mode(&mut self, source: u32, mode: Mode, host: &mut impl Host) {
        let old = self.mode_of(source);
        if !self.owned.contains(source) || mode == old {
            return;
        }
        let before = self.rectified(source);
        let vcpu = self.target_vcpu(source);
        if let Some(slot) = self.mode.get_mut(source as usize) {
            *slot = mode;
        }
        if mode == Mode::Inactive {
            self.enabled.remove(source);
            self.pending.remove(source);
            self.synchronise(source, host);
            if let Some(slot) = self.target.get_mut(source as usize) {
                *slot = 0;
            }
        }
        if let Some(physical) = self.physical(source) {
            // What was seen of the input was seen in the old mode.
            self.masked.remove(source);
            self.high.remove(source);
            if self.delivery == Delivery::Direct {
                self.pending.remove(source);
            }
            host.configure(physical, mode);
            if old == Mode::Inactive {
                self.tell_target(source, host);
            }
            self.synchronise(source, host);
        } else {
            self.input_changed(source, before, host);
        }
        if let (Some(vcpu), Delivery::Direct) = (vcpu, self.delivery) {
            self.update(vcpu, host);
        }
    }

    pub(crate) fn set_target(&mut self, source: u32, value: u32, host: &mut impl Host) {
        if self.mode_of(source) == Mode::Inactive {
            return;
        }
        let before = self.target_vcpu(source);
        let value = match self.delivery {
            // Priority 0 is none: 1 takes its place.
            Delivery::Direct => (value & !0x3_ffff) | (value & PRIORITY_MASK).max(1),
            Delivery::Messages => value & !(1 << 11),
        };
        if let Some(slot) = self.target.get_mut(source as usize) {
            *slot = value;
        }
        self.tell_target(source, host);
        self.synchronise(source, host);
        self.deliver(source, host);
        if let (Some(vcpu), Delivery::Direct) = (before, self.delivery) {
            self.update(vcpu, host);
        }
    }

    fn tell_target(&self, source: u32, host: &mut impl Host) {
        let value = self.target.get(source as usize).copied().unwrap_or(0);
        if let (Some(physical), Some(vcpu)) = (self.physical(source), self.target_vcpu(source)) {
            host.target(physical, vcpu, (value & IDENTITY_MASK) as u16);
        }
    }

    pub(crate) fn set_enabled(&mut self, source: u32, on: bool, host: &mut impl Host) {
        if self.mode_of(source) == Mode::Inactive || self.enabled.contains(source) == on {
            return;
        }
        self.enabled.set(source, on);
        self.synchronise(source, host);
        self.deliver(source, host);
    }

    /// A write to `setip` or `clrip`.
    pub(crate) fn set_pending(&mut self, source: u32, pending: bool, host: &mut impl Host) {
        let mode = self.mode_of(source);
        if mode == Mode::Inactive {
            return;
        }
        match (self.delivery, self.physical(source)) {
            (Delivery::Messages, Some(physical)) if pending => host.set_pending(physical),
            (Delivery::Messages, Some(physical)) => host.clear_pending(physical),
            // The bit is the input.
            (Delivery::Direct, _) if mode.is_level() => {}
            (Delivery::Messages, None) if pending && mode.is_level() && !self.rectified(source) => {
            }
            _ => {
                self.pending.set(source, pending);
                self.deliver(source, host);
            }
        }
    }

    pub(crate) fn is_pending(&self, source: u32, host: &mut impl Host) -> bool {
        match (self.delivery, self.physical(source)) {
            (Delivery::Messages, Some(physical)) => {
                self.mode_of(source) != Mode::Inactive && host.pending(physical)
            }
            _ => self.pending.contains(source),
        }
    }

    pub(crate) fn input(&self, source: u32, host: &mut impl Host) -> bool {
        match self.physical(source) {
            Some(physical) => self.mode_of(source).has_input() && host.input(physical),
            None => self.rectified(source),
        }
    }
}
