// SPDX-License-Identifier: Apache-2.0
//! The physical interrupt controller, as portable code sees it.

use super::{csr, firmware, interrupt_file};
use crate::cpu;
use crate::drivers::{aplic, imsic, plic};
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};
use machine::Controller;
use rv64::cause::interrupt;

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    None = 0,
    Plic = 1,
    /// Direct delivery.
    Aplic = 2,
    /// By messages to the kernel's own files: harts have no guest files.
    AplicToKernel = 3,
    /// By messages to guests' files.
    AplicToGuests = 4,
}

static KIND: AtomicU8 = AtomicU8::new(0);

pub fn kind() -> Kind {
    match KIND.load(Ordering::Relaxed) {
        1 => Kind::Plic,
        2 => Kind::Aplic,
        3 => Kind::AplicToKernel,
        4 => Kind::AplicToGuests,
        _ => Kind::None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The controller's registers can not be mapped.
    Unmappable(super::mmu::Error),
    /// It is none that this architecture has.
    Unknown,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmappable(error) => write!(out, "its registers cannot be mapped ({error:?})"),
            Self::Unknown => write!(out, "none that RISC-V has"),
        }
    }
}

impl From<super::mmu::Error> for Error {
    fn from(error: super::mmu::Error) -> Self {
        Self::Unmappable(error)
    }
}

/// Once, before the other processors start.
pub fn init(controller: &Controller) -> Result<(), Error> {
    let kind = match controller {
        Controller::Plic(plic) => {
            plic::init(plic)?;
            Kind::Plic
        }
        Controller::Aplic(aplic) => {
            aplic::init(aplic, false)?;
            Kind::Aplic
        }
        Controller::AplicImsic(aplic, files) => {
            aplic::init(aplic, true)?;
            imsic::init(files)?;
            let guests = imsic::guest_room() != 0 && interrupt_file::has_guest_files();
            if guests {
                Kind::AplicToGuests
            } else {
                Kind::AplicToKernel
            }
        }
        _ => return Err(Error::Unknown),
    };
    KIND.store(kind as u8, Ordering::Relaxed);
    crate::log!("interrupts: {kind:?}");
    Ok(())
}

/// On each processor.
pub fn init_cpu() -> Result<(), Error> {
    let index = cpu::this().index as usize;
    match kind() {
        Kind::Plic => plic::init_cpu(index),
        Kind::Aplic => aplic::init_cpu(index),
        Kind::AplicToKernel => interrupt_file::init_own(imsic::identities()),
        Kind::AplicToGuests | Kind::None => {}
    }
    csr::clear!("sip", 1 << interrupt::SUPERVISOR_SOFTWARE);
    csr::write!(
        "sie",
        1 << interrupt::SUPERVISOR_SOFTWARE | 1 << interrupt::SUPERVISOR_EXTERNAL
    );
    Ok(())
}

/// Wakes processor `index` from waiting or out of its zone.
pub fn kick(index: usize) {
    if let Some(processor) = cpu::get(index) {
        firmware::send_ipi(processor.physical.load(Ordering::Relaxed));
    }
}

/// A processor that waited in the kernel: the kick that woke it is taken.
pub fn take_kick() {
    csr::clear!("sip", 1 << interrupt::SUPERVISOR_SOFTWARE);
}

/// The best pending physical source of this processor, 0 for none. It is the
/// caller's to complete or mask.
pub fn claim() -> u32 {
    let index = cpu::this().index as usize;
    match kind() {
        Kind::Plic => plic::claim(index),
        Kind::Aplic => aplic::claim(index),
        // The identity is the source's number, see `controller`.
        Kind::AplicToKernel => interrupt_file::claim_own(),
        Kind::AplicToGuests | Kind::None => 0,
    }
}

/// A claimed source that is nobody's here is silenced.
pub fn silence(source: u32) {
    let index = cpu::this().index as usize;
    match kind() {
        Kind::Plic => {
            plic::complete(index, source);
            plic::enable(index, source, false);
        }
        Kind::Aplic | Kind::AplicToKernel => aplic::enable(source, false),
        Kind::AplicToGuests | Kind::None => {}
    }
}

/// Takes and ends all interrupts pending on this parked processor.
pub fn drain() {
    take_kick();
    // Each is silenced: bounded by the number of sources.
    loop {
        let source = claim();
        if source == 0 {
            break;
        }
        silence(source);
    }
}
