// SPDX-License-Identifier: Apache-2.0
//! Model of an APLIC's supervisor domain (RISC-V Advanced Interrupt
//! Architecture 1.0, chapter 4), one a zone.
//!
//! Each source is nobody's, wired (a physical source stands behind it) or
//! virtual (driven by a device model). Delivery is fixed when the model is
//! made: directly, through interrupt delivery controls (IDC), or by messages
//! to the zone's own IMSIC files and nowhere else.
//!
//! Delivering by messages, a wired source's registers are the physical ones,
//! reached through [`Host`]: the hardware sends its message to the guest's file
//! and no exit is taken. Delivering directly, the kernel takes the physical
//! interrupt and calls [`Aplic::raise`]; a level source is masked then, and
//! looked at again when the guest claims.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod direct;
mod registers;
mod source;

use direct::Idc;
use lineset::{LineSet, MAX_LINES};

pub use registers::BadAccess;
pub use source::Mode;

/// Processors a model has at most.
pub const MAX_VCPUS: usize = 32;
/// Identities of an IMSIC file are 1 to this.
pub const MAX_IDENTITY: u16 = 2047;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Direct,
    Messages,
}

/// What the model asks for. Physical sources are those of the zone alone.
pub trait Host {
    /// Direct: the external interrupt of `vcpu` is now asserted or not.
    fn signal(&mut self, vcpu: usize, asserted: bool);
    /// Messages: writes `identity` to the interrupt file of `vcpu`.
    fn message(&mut self, vcpu: usize, identity: u16);
    /// Sets the source mode.
    fn configure(&mut self, physical: u32, mode: Mode);
    /// Sets the target: the processor of `vcpu`, and priority (direct) or identity (messages).
    fn target(&mut self, physical: u32, vcpu: usize, value: u16);
    /// Enables or disables. A level source that is high when it is enabled interrupts.
    fn enable(&mut self, physical: u32, on: bool);
    fn set_pending(&mut self, physical: u32);
    fn clear_pending(&mut self, physical: u32);
    fn pending(&mut self, physical: u32) -> bool;
    /// The rectified input.
    fn input(&mut self, physical: u32) -> bool;
}

/// The state of one zone's APLIC.
pub struct Aplic {
    /// Highest source number + 1.
    limit: u32,
    delivery: Delivery,
    vcpus: usize,
    /// Messages: the guest index a target must name.
    guest_index: u32,
    /// Direct: the IDC of each vCPU; messages: the hart index of its file.
    hart_index: [u16; MAX_VCPUS],
    owned: LineSet,
    wired: LineSet,
    physical: [u16; MAX_LINES as usize],
    /// `domaincfg.IE`.
    on: bool,
    mode: [Mode; MAX_LINES as usize],
    target: [u32; MAX_LINES as usize],
    enabled: LineSet,
    /// Not of wired sources when delivering by messages.
    pending: LineSet,
    /// Virtual: the input; wired, direct: the rectified input as last seen.
    high: LineSet,
    /// Wired level sources that wait for the guest.
    masked: LineSet,
    /// Wired sources enabled at the physical APLIC.
    open: LineSet,
    idc: [Idc; MAX_VCPUS],
}

impl Aplic {
    /// An APLIC with no sources and no processors.
    pub const fn new() -> Self {
        const EMPTY: LineSet = LineSet::new();
        Self {
            limit: 0,
            delivery: Delivery::Direct,
            vcpus: 0,
            guest_index: 0,
            hart_index: [0; MAX_VCPUS],
            owned: EMPTY,
            wired: EMPTY,
            physical: [0; MAX_LINES as usize],
            on: false,
            mode: [Mode::Inactive; MAX_LINES as usize],
            target: [0; MAX_LINES as usize],
            enabled: EMPTY,
            pending: EMPTY,
            high: EMPTY,
            masked: EMPTY,
            open: EMPTY,
            idc: [Idc::new(); MAX_VCPUS],
        }
    }

    /// Forgets everything; then sources 1 ..= `sources` and an IDC of each vCPU,
    /// by its number, exist, bounded by what a model can have.
    pub fn configure_direct(&mut self, sources: u32, controls: &[u16]) {
        *self = Self::new();
        self.limit = sources.saturating_add(1).min(MAX_LINES);
        self.vcpus = controls.len().min(MAX_VCPUS);
        for (slot, &number) in self.hart_index.iter_mut().zip(controls) {
            *slot = number;
        }
    }

    /// The same, delivering by messages. A target names the file of vCPU n by
    /// `hart_index[n]` and `guest_index`.
    pub fn configure_messages(&mut self, sources: u32, hart_index: &[u16], guest_index: u32) {
        self.configure_direct(sources, hart_index);
        self.delivery = Delivery::Messages;
        self.guest_index = guest_index;
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

    /// Gives the zone a source that [`Aplic::set_level`] drives.
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

    /// Back to the state after reset: every source inactive, here and at the
    /// physical APLIC.
    pub fn reset(&mut self, host: &mut impl Host) {
        self.on = false;
        for source in self.owned.iter() {
            if let Some(physical) = self.physical(source) {
                if self.open.contains(source) {
                    host.enable(physical, false);
                }
                if self.mode_of(source) != Mode::Inactive {
                    host.configure(physical, Mode::Inactive);
                }
            }
        }
        const EMPTY: LineSet = LineSet::new();
        self.mode = [Mode::Inactive; MAX_LINES as usize];
        self.target = [0; MAX_LINES as usize];
        self.enabled = EMPTY;
        self.pending = EMPTY;
        self.high = EMPTY;
        self.masked = EMPTY;
        self.open = EMPTY;
        for idc in &mut self.idc {
            idc.reset();
        }
        self.update_all(host);
    }

    /// Takes a source away from the zone, here and at the physical APLIC.
    pub fn remove(&mut self, source: u32, host: &mut impl Host) {
        self.set_mode(source, Mode::Inactive, host);
        for set in [
            &mut self.owned,
            &mut self.wired,
            &mut self.high,
            &mut self.masked,
        ] {
            set.remove(source);
        }
    }

    fn mode_of(&self, source: u32) -> Mode {
        self.mode
            .get(source as usize)
            .copied()
            .unwrap_or(Mode::Inactive)
    }
}

impl Default for Aplic {
    fn default() -> Self {
        Self::new()
    }
}
