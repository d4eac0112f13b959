// SPDX-License-Identifier: Apache-2.0
//! Model of a RISC-V PLIC (RISC-V PLIC specification 1.0.0), one a zone.
//!
//! Each source is nobody's, wired (a physical source stands behind it) or
//! virtual (driven by a device model). Each vCPU has one context, its S-mode;
//! others (M-mode on real machines) read 0.
//!
//! A wired source follows the claim/complete protocol of the physical PLIC:
//! the kernel claims it and calls [`Plic::raise`]; it is completed when the
//! guest completes its own, so a level source never storms.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod registers;

use lineset::{LineSet, MAX_LINES, WORDS, next_bit};

pub use registers::BadAccess;

/// S-mode contexts a model has at most.
pub const MAX_VCPUS: usize = 32;
/// Priorities are 0 (never) to 7.
pub const MAX_PRIORITY: u8 = 7;

/// What the model asks for.
pub trait Host {
    /// The external interrupt of `vcpu` is now asserted or not.
    fn signal(&mut self, vcpu: usize, asserted: bool);
    /// Enables a physical source at the context of that vCPU's processor, or disables it.
    fn enable(&mut self, vcpu: usize, physical: u32, on: bool);
    /// Sets the priority of a physical source.
    fn priority(&mut self, physical: u32, priority: u8);
    /// Completes a claimed physical source, at the context of that vCPU's processor.
    fn complete(&mut self, vcpu: usize, physical: u32);
}

#[derive(Clone, Copy)]
struct Context {
    enabled: LineSet,
    threshold: u8,
    asserted: bool,
}

/// The state of one zone's PLIC.
pub struct Plic {
    /// Highest source number + 1.
    limit: u32,
    vcpus: usize,
    /// The context of each vCPU.
    numbers: [u16; MAX_VCPUS],
    wired: LineSet,
    /// Asserted inputs of virtual sources.
    level: LineSet,
    owned: LineSet,
    pending: LineSet,
    /// Claimed and not completed.
    serving: LineSet,
    /// Virtual: an edge came while in service.
    again: LineSet,
    /// Wired: claimed at the physical PLIC and not completed.
    held: LineSet,
    priority: [u8; MAX_LINES as usize],
    physical: [u16; MAX_LINES as usize],
    contexts: [Context; MAX_VCPUS],
}

impl Plic {
    /// A PLIC with no sources and no contexts.
    pub const fn new() -> Self {
        const EMPTY: LineSet = LineSet::new();
        Self {
            limit: 0,
            vcpus: 0,
            numbers: [0; MAX_VCPUS],
            wired: EMPTY,
            level: EMPTY,
            owned: EMPTY,
            pending: EMPTY,
            serving: EMPTY,
            again: EMPTY,
            held: EMPTY,
            priority: [0; MAX_LINES as usize],
            physical: [0; MAX_LINES as usize],
            contexts: [Context {
                enabled: EMPTY,
                threshold: 0,
                asserted: false,
            }; MAX_VCPUS],
        }
    }

    /// Forgets everything; then sources 1 ..= `sources` and a context of each
    /// vCPU, by its number, exist, bounded by what a model can have.
    pub fn configure(&mut self, sources: u32, contexts: &[u16]) {
        *self = Self::new();
        self.limit = sources.saturating_add(1).min(MAX_LINES);
        self.vcpus = contexts.len().min(MAX_VCPUS);
        for (slot, &number) in self.numbers.iter_mut().zip(contexts) {
            *slot = number;
        }
    }

    /// Gives the zone a source with a physical one behind it. `false`: there is
    /// no such number, or the source is taken.
    #[must_use]
    pub fn add_wired(&mut self, source: u32, physical: u32) -> bool {
        let Ok(number) = u16::try_from(physical) else {
            return false;
        };
        if !self.add_virtual(source) {
            return false;
        }
        self.wired.insert(source);
        if let Some(slot) = self.physical.get_mut(source as usize) {
            *slot = number;
        }
        true
    }

    /// Gives the zone a source that [`Plic::set_level`] drives.
    #[must_use]
    pub fn add_virtual(&mut self, source: u32) -> bool {
        let fits = source != 0 && source < self.limit && !self.owned.contains(source);
        if fits {
            self.owned.insert(source);
        }
        fits
    }

    /// The physical source behind a wired one.
    pub fn physical(&self, source: u32) -> Option<u32> {
        let wired = self.wired.contains(source);
        let number = self.physical.get(source as usize).copied()?;
        wired.then_some(number.into())
    }

    /// Back to the state after reset: nothing enabled, pending or in service,
    /// here and at the physical PLIC.
    pub fn reset(&mut self, host: &mut impl Host) {
        for source in self.held.iter() {
            if let Some(physical) = self.physical(source) {
                host.complete(0, physical);
            }
        }
        for vcpu in 0..self.vcpus {
            let Some(context) = self.contexts.get(vcpu) else {
                break;
            };
            for source in context.enabled.iter() {
                if let Some(physical) = self.physical(source) {
                    host.enable(vcpu, physical, false);
                }
            }
        }
        const EMPTY: LineSet = LineSet::new();
        self.level = EMPTY;
        self.pending = EMPTY;
        self.serving = EMPTY;
        self.again = EMPTY;
        self.held = EMPTY;
        self.priority = [0; MAX_LINES as usize];
        for context in &mut self.contexts {
            context.enabled = EMPTY;
            context.threshold = 0;
        }
        self.update_all(host);
    }

    /// The kernel claimed the physical source behind wired `source`.
    /// `false`: it is not the zone's.
    #[must_use]
    pub fn raise(&mut self, source: u32, host: &mut impl Host) -> bool {
        if !self.wired.contains(source) {
            return false;
        }
        self.held.insert(source);
        self.pending.insert(source);
        self.update_enabled(source, host);
        true
    }

    /// A virtual source's input changes. One that is lowered before it was
    /// claimed is no longer pending.
    pub fn set_level(&mut self, source: u32, level: bool, host: &mut impl Host) {
        if !self.owned.contains(source) || self.wired.contains(source) {
            return;
        }
        self.level.set(source, level);
        if !self.serving.contains(source) {
            self.pending.set(source, level);
            self.update_enabled(source, host);
        }
    }

    /// An edge at a virtual source: pending once more, even while it is served.
    pub fn pulse(&mut self, source: u32, host: &mut impl Host) {
        if !self.owned.contains(source) || self.wired.contains(source) {
            return;
        }
        if self.serving.contains(source) {
            self.again.insert(source);
        } else {
            self.pending.insert(source);
            self.update_enabled(source, host);
        }
    }

    /// Takes a source away from the zone, here and at the physical PLIC.
    pub fn remove(&mut self, source: u32, host: &mut impl Host) {
        let Some(physical) = self.physical(source) else {
            self.forget(source, host);
            return;
        };
        if self.held.contains(source) {
            host.complete(0, physical);
        }
        for vcpu in 0..self.vcpus {
            if self
                .contexts
                .get(vcpu)
                .is_some_and(|context| context.enabled.contains(source))
            {
                host.enable(vcpu, physical, false);
            }
        }
        self.forget(source, host);
    }

    fn forget(&mut self, source: u32, host: &mut impl Host) {
        for set in [
            &mut self.owned,
            &mut self.wired,
            &mut self.level,
            &mut self.pending,
            &mut self.serving,
            &mut self.again,
            &mut self.held,
        ] {
            set.remove(source);
        }
        for context in &mut self.contexts {
            context.enabled.remove(source);
        }
        self.update_all(host);
    }

    /// Whether the external interrupt of `vcpu` is asserted.
    pub fn asserted(&self, vcpu: usize) -> bool {
        self.contexts
            .get(vcpu)
            .is_some_and(|context| context.asserted)
    }

    fn priority_of(&self, source: u32) -> u8 {
        self.priority.get(source as usize).copied().unwrap_or(0)
    }

    /// Best pending source of a context above `threshold`: highest priority,
    /// then lowest number.
    fn best(&self, context: &Context, threshold: u8) -> Option<u32> {
        let mut best = None;
        let mut above = threshold;
        for index in 0..self.words() {
            let mut rest = self.pending.word(index) & context.enabled.word(index);
            while rest != 0 {
                let source = next_bit(&mut rest, index);
                let priority = self.priority_of(source);
                if priority > above {
                    above = priority;
                    best = Some(source);
                }
            }
        }
        best
    }

    /// Words that can hold sources of this zone.
    fn words(&self) -> usize {
        (self.limit.div_ceil(32) as usize).min(WORDS)
    }

    fn update(&mut self, vcpu: usize, host: &mut impl Host) {
        let Some(context) = self.contexts.get(vcpu) else {
            return;
        };
        let asserted = self.best(context, context.threshold).is_some();
        if asserted != context.asserted {
            if let Some(context) = self.contexts.get_mut(vcpu) {
                context.asserted = asserted;
            }
            host.signal(vcpu, asserted);
        }
    }

    /// The contexts that have `source` enabled.
    fn update_enabled(&mut self, source: u32, host: &mut impl Host) {
        for vcpu in 0..self.vcpus {
            if self
                .contexts
                .get(vcpu)
                .is_some_and(|context| context.enabled.contains(source))
            {
                self.update(vcpu, host);
            }
        }
    }

    fn update_all(&mut self, host: &mut impl Host) {
        for vcpu in 0..self.vcpus {
            self.update(vcpu, host);
        }
    }

    /// The guest claims: the best source, now in service, or 0.
    fn claim(&mut self, vcpu: usize, host: &mut impl Host) -> u32 {
        let Some(context) = self.contexts.get(vcpu) else {
            return 0;
        };
        // The threshold masks the interrupt, not the claim.
        let Some(source) = self.best(context, 0) else {
            return 0;
        };
        self.pending.remove(source);
        self.serving.insert(source);
        self.update_enabled(source, host);
        source
    }

    /// The guest completes; ignored unless the source is in service and
    /// enabled at that context.
    fn complete(&mut self, vcpu: usize, source: u32, host: &mut impl Host) {
        let enabled = self
            .contexts
            .get(vcpu)
            .is_some_and(|context| context.enabled.contains(source));
        if !enabled || !self.serving.contains(source) {
            return;
        }
        self.serving.remove(source);
        if let Some(physical) = self.physical(source) {
            if self.held.contains(source) && !self.pending.contains(source) {
                self.held.remove(source);
                host.complete(vcpu, physical);
            }
        } else if self.level.contains(source) || self.again.contains(source) {
            self.again.remove(source);
            self.pending.insert(source);
            self.update_enabled(source, host);
        }
    }
}

impl Default for Plic {
    fn default() -> Self {
        Self::new()
    }
}
