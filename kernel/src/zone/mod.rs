// SPDX-License-Identifier: Apache-2.0
//! Zones.
//!
//! Who may touch what:
//! * [`manage`] (hypercalls of zone0, boot) holds [`MANAGEMENT`].
//! * A vCPU's exits read its zone's [`Layout`]; it exists while one runs.
//! * zone0's calls on behalf of a back end hold a [`Use`], which a destroyer
//!   waits for.

pub mod boot;
pub mod device;
pub mod fault;
pub mod io_area;
pub mod kept;
pub mod layout;
pub mod loader;
pub mod manage;
pub mod notify;
pub mod report;
pub mod space;
pub mod vcpu;
pub mod zone0;

use crate::arch::controller::Controller;
use crate::cpu;
use crate::frozen::Frozen;
use crate::sync::Lock;
use abi::status::{FaultRecord, State, StopReason};
use core::sync::atomic::{AtomicU32, Ordering};
use layout::Layout;
use ownership::{Operation, Resources, transition};
use vcpu::Vcpu;

/// `state` of a number that no zone has.
const ABSENT: u32 = 0;

/// A state as [`Zone::state`] keeps it: beside [`ABSENT`], and an unused zone is
/// all zero bits, so that the table takes no room in the image.
const fn kept(state: State) -> u32 {
    state.number().wrapping_add(1)
}

fn from_kept(kept: u32) -> Option<State> {
    State::from_number(kept.wrapping_sub(1))
}

/// Owners of everything. Held through every change of a zone; never by an exit
/// other than a management call.
pub static MANAGEMENT: Lock<Resources> = Lock::new(Resources::new());

static ZONES: [Zone; abi::MAX_ZONES] = [const { Zone::new() }; abi::MAX_ZONES];

pub struct Zone {
    state: AtomicU32,
    /// Calls of zone0 that look at this zone just now.
    users: AtomicU32,
    /// vCPUs that run, are paused or have been told to start.
    active: AtomicU32,
    layout: Frozen<Layout>,
    pub vcpus: [Vcpu; abi::MAX_VCPUS],
    pub controller: Lock<Controller>,
    pub space: Lock<space::Space>,
    pub io: io_area::IoArea,
    record: Lock<Record>,
}

/// What is told about a zone's life.
pub struct Record {
    pub stop_reason: StopReason,
    pub fault: FaultRecord,
    pub starts: u32,
    /// Guest address and arguments of the first vCPU.
    pub entry: u64,
    pub arguments: [u64; 4],
    pub created: u64,
    pub entered: u64,
    pub stopped: u64,
}

impl Record {
    const NEW: Self = Self {
        stop_reason: StopReason::None,
        fault: FaultRecord {
            cause: 0,
            vcpu: 0,
            flags: 0,
            width: 0,
            pc: 0,
            address: 0,
            virtual_address: 0,
            syndrome: 0,
            time: 0,
        },
        starts: 0,
        entry: 0,
        arguments: [0; 4],
        created: 0,
        entered: 0,
        stopped: 0,
    };
}

/// Keeps a zone from being destroyed.
pub struct Use(&'static Zone);

impl core::ops::Deref for Use {
    type Target = Zone;
    fn deref(&self) -> &Zone {
        self.0
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Release);
    }
}

impl Zone {
    const fn new() -> Self {
        Self {
            state: AtomicU32::new(ABSENT),
            users: AtomicU32::new(0),
            active: AtomicU32::new(0),
            layout: Frozen::new(Layout::EMPTY),
            vcpus: [const { Vcpu::new() }; abi::MAX_VCPUS],
            controller: Lock::new(Controller::new()),
            space: Lock::new(space::Space::EMPTY),
            io: io_area::IoArea::new(),
            record: Lock::new(Record::NEW),
        }
    }

    /// `None` for a number that no zone has.
    pub fn state(&self) -> Option<State> {
        from_kept(self.state.load(Ordering::Acquire))
    }

    pub fn layout(&self) -> &Layout {
        self.layout.get()
    }

    pub fn number(&self) -> u8 {
        self.layout().number
    }

    pub fn is_zone0(&self) -> bool {
        self.layout().is_zone0()
    }

    /// Where its first vCPU starts; for zone0, which is placed when it is loaded.
    fn set_entry(&self, entry: u64, arguments: [u64; 4]) {
        let mut record = self.record.lock();
        record.entry = entry;
        record.arguments = arguments;
    }

    /// Whether a vCPU still runs or is about to.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire) != 0
    }

    /// The state that `operation` leads to, if the table knows it.
    fn change(&self, operation: Operation) -> Result<(), abi::Error> {
        let mut current = self.state.load(Ordering::Acquire);
        loop {
            let state = from_kept(current).ok_or(abi::Error::NoSuchZone)?;
            let next = match transition(state, operation) {
                Some(Some(next)) => kept(next),
                Some(None) => ABSENT,
                None => return Err(abi::Error::WrongState),
            };
            match self
                .state
                .compare_exchange(current, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(()),
                Err(seen) => current = seen,
            }
        }
    }

    /// Stops it: by a call, by itself or by a fault. The first reason stays.
    /// Its vCPUs leave as soon as they look; [`Self::is_active`] tells.
    pub fn stop(&self, reason: StopReason, fault: Option<FaultRecord>) -> Result<(), abi::Error> {
        {
            let mut record = self.record.lock();
            self.change(Operation::Stop)?;
            record.stop_reason = reason;
            record.fault = fault.unwrap_or(Record::NEW.fault);
            record.stopped = crate::arch::cpu::now();
        }
        self.attend_all();
        notify::state_changed(self.number());
        Ok(())
    }

    /// Makes every vCPU look at the zone's state.
    fn attend_all(&self) {
        for cpu in self.layout().cpu_indices() {
            if cpu != cpu::this().index as usize {
                cpu::post(cpu, vcpu::mail::ATTEND);
            }
        }
    }
}

/// By number, if there is one; it stays while the answer lives.
pub fn get(number: u64) -> Result<Use, abi::Error> {
    let zone = usize::try_from(number)
        .ok()
        .and_then(|number| ZONES.get(number))
        .ok_or(abi::Error::NoSuchZone)?;
    zone.users.fetch_add(1, Ordering::Acquire);
    let held = Use(zone);
    if held.state().is_some() {
        Ok(held)
    } else {
        Err(abi::Error::NoSuchZone)
    }
}

/// The zone of this processor and the vCPU's number, while in an exit.
#[inline]
pub fn current() -> Option<(&'static Zone, usize)> {
    let processor = cpu::this();
    let zone = ZONES.get(processor.owner.load(Ordering::Relaxed) as usize)?;
    Some((zone, processor.vcpu.load(Ordering::Relaxed) as usize))
}

/// Zone0, if there is one.
pub fn zone0() -> Option<Use> {
    get(0).ok().filter(|zone| zone.is_zone0())
}

pub use boot::start;
pub use vcpu::on_mailbox;
