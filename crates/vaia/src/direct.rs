// SPDX-License-Identifier: Apache-2.0
//! Interrupt delivery controls (AIA 4.8.1).

use crate::source::PRIORITY_MASK;
use crate::{Aplic, Delivery, Host};
use lineset::{WORDS, next_bit};

/// The control of one processor.
#[derive(Clone, Copy)]
pub(crate) struct Idc {
    pub delivery: bool,
    pub force: bool,
    pub threshold: u8,
    pub asserted: bool,
}

impl Idc {
    pub const fn new() -> Self {
        Self {
            delivery: false,
            force: false,
            threshold: 0,
            asserted: false,
        }
    }

    pub fn reset(&mut self) {
        *self = Self {
            asserted: self.asserted,
            ..Self::new()
        };
    }
}

impl Aplic {
    /// Whether the external interrupt of `vcpu` is asserted.
    pub fn asserted(&self, vcpu: usize) -> bool {
        self.idc.get(vcpu).is_some_and(|idc| idc.asserted)
    }

    /// `topi`: the pending and enabled source with the lowest priority number
    /// below the threshold, then the lowest number; 0 if there is none.
    pub(crate) fn top(&self, vcpu: usize) -> u32 {
        let threshold = self.idc.get(vcpu).map_or(0, |idc| u32::from(idc.threshold));
        let mut below = if threshold == 0 {
            PRIORITY_MASK.saturating_add(1)
        } else {
            threshold
        };
        let mut top = 0;
        let words = (self.limit.div_ceil(32) as usize).min(WORDS);
        for index in 0..words {
            let mut rest = self.pending.word(index) & self.enabled.word(index);
            while rest != 0 {
                let source = next_bit(&mut rest, index);
                let priority = self
                    .target
                    .get(source as usize)
                    .map_or(0, |target| target & PRIORITY_MASK);
                if priority < below && self.target_vcpu(source) == Some(vcpu) {
                    below = priority;
                    top = source << 16 | priority;
                }
            }
        }
        top
    }

    /// A read of `claimi`.
    pub(crate) fn claim(&mut self, vcpu: usize, host: &mut impl Host) -> u32 {
        self.look_again(vcpu, host);
        let top = self.top(vcpu);
        let source = top >> 16;
        if source == 0 {
            if let Some(idc) = self.idc.get_mut(vcpu) {
                idc.force = false;
            }
        } else if !self.mode_of(source).is_level() {
            self.pending.remove(source);
        }
        self.update(vcpu, host);
        top
    }

    pub(crate) fn update(&mut self, vcpu: usize, host: &mut impl Host) {
        if self.delivery != Delivery::Direct || vcpu >= self.vcpus {
            return;
        }
        let Some(idc) = self.idc.get(vcpu).copied() else {
            return;
        };
        let asserted = self.on && idc.delivery && (idc.force || self.top(vcpu) != 0);
        if asserted != idc.asserted {
            if let Some(idc) = self.idc.get_mut(vcpu) {
                idc.asserted = asserted;
            }
            host.signal(vcpu, asserted);
        }
    }

    pub(crate) fn update_all(&mut self, host: &mut impl Host) {
        for vcpu in 0..self.vcpus {
            self.update(vcpu, host);
        }
    }
}
