// SPDX-License-Identifier: Apache-2.0
//! A zone's processors: started, made to look, parked.

use super::{Zone, boot, current, notify};
use crate::arch;
use crate::cpu;
use abi::status::{State, StopReason};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Bits of a processor's mailbox.
pub mod mail {
    /// Enter the zone, as [`super::Vcpu`] says.
    pub const START: u32 = 1 << 0;
    /// Look at the zone's state.
    pub const ATTEND: u32 = 1 << 1;
    /// zone0's first processor: raise its interrupt.
    pub const NOTIFY: u32 = 1 << 2;
    /// zone0, or a zone that has no zone0, has stopped: start it again.
    pub const RESTART: u32 = 1 << 3;
    /// Forget translations ([`crate::arch::stage2`]).
    pub const FLUSH: u32 = 1 << 4;
}

/// As PSCI and HSM see a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Power {
    Off = 0,
    Starting = 1,
    On = 2,
}

pub struct Vcpu {
    power: AtomicU32,
    /// Guest address it starts at, and its first argument registers.
    entry: AtomicU64,
    arguments: [AtomicU64; 4],
    /// Free-running index of the next entry of its ring, and the last request's
    /// number ([`super::device`]).
    pub head: AtomicU32,
    pub sequence: AtomicU32,
}

impl Vcpu {
    pub const fn new() -> Self {
        Self {
            power: AtomicU32::new(Power::Off as u32),
            entry: AtomicU64::new(0),
            arguments: [const { AtomicU64::new(0) }; 4],
            head: AtomicU32::new(0),
            sequence: AtomicU32::new(0),
        }
    }

    pub fn power(&self) -> Power {
        match self.power.load(Ordering::Acquire) {
            0 => Power::Off,
            1 => Power::Starting,
            _ => Power::On,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    NoSuchVcpu,
    AlreadyOn,
    AlreadyStarting,
}

impl Zone {
    /// Starts vCPU `number` at guest address `entry`.
    pub fn start_vcpu(
        &self,
        number: usize,
        entry: u64,
        arguments: [u64; 4],
    ) -> Result<(), StartError> {
        let (Some(vcpu), Some(processor)) =
            (self.vcpus.get(number), self.layout().cpu_index(number))
        else {
            return Err(StartError::NoSuchVcpu);
        };
        let claimed = vcpu.power.compare_exchange(
            Power::Off as u32,
            Power::Starting as u32,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match claimed {
            Ok(_) => {}
            Err(1) => return Err(StartError::AlreadyStarting),
            Err(_) => return Err(StartError::AlreadyOn),
        }
        self.active.fetch_add(1, Ordering::AcqRel);
        for (slot, argument) in vcpu.arguments.iter().zip(arguments) {
            slot.store(argument, Ordering::Relaxed);
        }
        vcpu.entry.store(entry, Ordering::Release);
        cpu::post(processor, mail::START);
        Ok(())
    }

    /// This processor's vCPU has left: whoever waits for the zone may go on.
    fn left(&self, number: usize) {
        cpu::this().running.store(false, Ordering::Relaxed);
        if let Some(vcpu) = self.vcpus.get(number) {
            vcpu.power.store(Power::Off as u32, Ordering::Release);
        }
        let last = self.active.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && (self.is_zone0() || super::zone0().is_none()) {
            cpu::post(cpu::this().index as usize, mail::RESTART);
        }
    }
}

/// A parked processor found mail.
pub fn on_mailbox(bits: u32) {
    if bits & mail::FLUSH != 0 {
        arch::stage2::flush_here();
    }
    if bits & mail::RESTART != 0
        && let Some((zone, _)) = current()
    {
        if zone.is_zone0() {
            boot::restart_zone0();
        } else {
            boot::restart_from_bundle(zone);
        }
    }
    if bits & mail::START != 0 {
        enter();
    }
}

/// Enters the zone that this processor was given, if it still wants to run.
fn enter() {
    let processor = cpu::this();
    let Some((zone, number)) = current() else {
        return;
    };
    let Some(vcpu) = zone.vcpus.get(number) else {
        return;
    };
    if zone.state() != Some(State::Running) && zone.state() != Some(State::Paused) {
        zone.left(number);
        return;
    }
    vcpu.power.store(Power::On as u32, Ordering::Release);
    processor.running.store(true, Ordering::Relaxed);
    processor.mailbox.fetch_and(!mail::ATTEND, Ordering::AcqRel);
    zone.first_entry();
    let entry = vcpu.entry.load(Ordering::Acquire);
    let arguments = vcpu
        .arguments
        .each_ref()
        .map(|argument| argument.load(Ordering::Relaxed));
    arch::vcpu::set_up(zone, number);
    // A stop or pause that came since is seen here.
    attend();
    arch::vcpu::enter(zone, number, entry, arguments)
}

/// In an exit: serves the mail that a kick announced.
pub fn serve_mail() {
    let bits = cpu::this().mailbox.swap(0, Ordering::AcqRel);
    if bits & mail::FLUSH != 0 {
        arch::stage2::flush_here();
    }
    if bits & mail::NOTIFY != 0
        && let Some((zone, number)) = current()
        && let Some(target) = notify::target()
    {
        zone.controller
            .lock()
            .pulse(target.line, zone, Some(number));
    }
    if bits & mail::ATTEND != 0 {
        attend();
    }
}

/// Waits while the zone is paused; leaves it if it has stopped. Returns when it
/// is to run.
pub fn attend() {
    let Some((zone, _)) = current() else { return };
    let mut waiting = false;
    loop {
        match zone.state() {
            Some(State::Running) => break,
            Some(State::Paused) => {
                if !waiting {
                    waiting = true;
                    arch::vcpu::pause();
                }
                arch::cpu::wait_for_interrupt();
                arch::interrupts::take_kick();
                let bits = cpu::this()
                    .mailbox
                    .fetch_and(mail::NOTIFY, Ordering::AcqRel);
                if bits & mail::FLUSH != 0 {
                    arch::stage2::flush_here();
                }
            }
            _ => leave(),
        }
    }
    if waiting {
        arch::vcpu::resume();
    }
}

/// Parks this processor: its zone has stopped, or the guest switched it off.
pub fn leave() -> ! {
    if let Some((zone, number)) = current() {
        arch::vcpu::tear_down(zone, number);
        zone.left(number);
    }
    arch::vectors::leave_to_park()
}

/// The guest switches this vCPU off. The last one ends the zone.
pub fn power_off_self() -> ! {
    if let Some((zone, _)) = current()
        && zone.active.load(Ordering::Acquire) == 1
    {
        // Refused only if it has stopped meanwhile, which is as well.
        let _ = zone.stop(StopReason::PowerOff, None);
    }
    leave()
}
