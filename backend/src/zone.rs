// SPDX-License-Identifier: Apache-2.0
//! All devices of a zone, and the loop that serves them.

use crate::area::Area;
use crate::console::SharedHub;
use crate::device::Link;
use crate::error::{Error, Result};
use crate::kept::Layout;
use crate::memory::Memory;
use crate::port::SerialSlot;
use crate::slot::{Environment, VirtioSlot};
use abi::io::{IoRequest, REQUEST_WAITS, RING_ENTRIES};
use std::convert::Infallible;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::EventFd;

/// A device at its place.
pub enum Slot {
    Virtio(VirtioSlot),
    Serial(SerialSlot),
}

/// A console: its hub, and the slots (by position) that it shows.
pub struct Route {
    pub hub: SharedHub,
    pub slots: Vec<usize>,
    /// Whether the hub's files are waited for.
    pub watched: bool,
}

/// Kinds of files, in the upper half of an epoll token.
const ZONE: u64 = 0;
const DEVICE: u64 = 1 << 32;
const CONSOLE: u64 = 2 << 32;
const STATE: u64 = 3 << 32;

pub struct Zone<L: Link> {
    link: L,
    area: Area,
    memory: Memory,
    slots: Vec<Slot>,
    routes: Vec<Route>,
    layout: Layout,
    epoll: Epoll,
    event: EventFd,
    /// Written when a zone's state changed.
    state: Option<EventFd>,
    generation: u32,
    /// The zone's start that the devices are of.
    starts: u32,
}

impl<L: Link> Zone<L> {
    /// `event` is written when the I/O area has something new.
    pub fn new(
        link: L,
        area: Area,
        memory: Memory,
        event: EventFd,
        slots: Vec<Slot>,
        routes: Vec<Route>,
        layout: Layout,
    ) -> Result<Self> {
        let epoll = Epoll::new().map_err(Error::io("epoll"))?;
        let add = |file: RawFd, token, events| {
            epoll
                .ctl(ControlOperation::Add, file, EpollEvent::new(events, token))
                .map_err(Error::io("epoll"))
        };
        let edge = EventSet::IN | EventSet::EDGE_TRIGGERED;
        add(event.as_raw_fd(), ZONE, EventSet::IN)?;
        for (position, slot) in slots.iter().enumerate() {
            if let Slot::Virtio(slot) = slot {
                for file in slot.files() {
                    add(file, DEVICE | position as u64, edge)?;
                }
            }
        }
        for (position, route) in routes.iter().enumerate() {
            add(
                route.hub.borrow().as_raw_fd(),
                CONSOLE | position as u64,
                EventSet::IN,
            )?;
        }
        Ok(Self {
            link,
            area,
            memory,
            slots,
            routes,
            layout,
            epoll,
            event,
            state: None,
            generation: 0,
            starts: 0,
        })
    }

    /// `event` is written when the state of a zone changed.
    pub fn watch_state(&mut self, event: EventFd) -> Result<()> {
        self.epoll
            .ctl(
                ControlOperation::Add,
                event.as_raw_fd(),
                EpollEvent::new(EventSet::IN, STATE),
            )
            .map_err(Error::io("epoll"))?;
        self.state = Some(event);
        Ok(())
    }

    /// A zone that stopped has no drivers any more: requests in flight end
    /// before its memory is filled anew.
    fn state_changed(&mut self) {
        if let Some(event) = &self.state {
            drop(event.read());
        }
        if self.link.is_stopped() {
            self.forget();
        }
    }

    /// Takes the devices up as another back end left them, or from their reset.
    /// Nothing that a guest controls was looked at before.
    pub fn begin(&mut self) {
        self.generation = self.area.header().generation.load(Ordering::Acquire);
        self.starts = self.link.starts();
        if self.layout.is_current(&self.area, self.starts) {
            self.each(|slot, environment| match slot {
                Slot::Virtio(slot) => slot.resume(environment),
                Slot::Serial(slot) => slot.resume(environment),
            });
        } else {
            self.forget();
        }
    }

    fn each(&mut self, mut work: impl FnMut(&mut Slot, &Environment<'_>)) {
        let environment = Environment {
            area: &self.area,
            memory: &self.memory,
            link: &self.link,
        };
        self.slots
            .iter_mut()
            .for_each(|slot| work(slot, &environment));
    }

    fn forget(&mut self) {
        self.layout.begin(&self.area, self.starts);
        self.each(|slot, environment| match slot {
            Slot::Virtio(slot) => slot.forget(environment),
            Slot::Serial(slot) => slot.forget(environment),
        });
    }

    /// Serves for ever, asleep while there is nothing to do.
    pub fn run(mut self) -> Result<Infallible> {
        self.begin();
        loop {
            self.turn(-1)?;
        }
    }

    /// Waits for at most `timeout` milliseconds (-1: without end), then serves
    /// all there is.
    pub fn turn(&mut self, timeout: i32) -> Result<()> {
        let mut events = [EpollEvent::default(); 32];
        let unfinished = |slot: &Slot| matches!(slot, Slot::Virtio(slot) if slot.unfinished());
        let timeout = if self.slots.iter().any(unfinished) {
            0
        } else {
            timeout
        };
        let count = match self.epoll.wait(timeout, &mut events) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(Error::io("epoll")(error)),
        };
        for event in events.iter().take(count) {
            let position = (event.data() & 0xffff_ffff) as usize;
            match event.data() & !0xffff_ffff {
                ZONE => drop(self.event.read()),
                STATE => self.state_changed(),
                DEVICE => self.ready(position),
                _ => {
                    if let Some(route) = self.routes.get(position) {
                        route.hub.borrow_mut().serve();
                    }
                }
            }
        }
        self.process();
        self.each(|slot, environment| match slot {
            Slot::Virtio(slot) if slot.unfinished() => slot.ready(environment),
            Slot::Virtio(_) => {}
            Slot::Serial(slot) => slot.settle(environment),
        });
        self.route_input();
        Ok(())
    }

    /// Takes everything out of the I/O area.
    fn process(&mut self) {
        let mut more = true;
        while self.area.header().pending.swap(0, Ordering::SeqCst) != 0 || more {
            more = false;
            let generation = self.area.header().generation.load(Ordering::Acquire);
            if generation != self.generation {
                self.generation = generation;
                let starts = self.link.starts();
                if starts != self.starts {
                    self.starts = starts;
                    self.forget();
                }
            }
            more |= self.process_rings();
            self.process_notifications();
        }
    }

    /// A bounded number of requests of each vCPU; true if there may be more.
    fn process_rings(&mut self) -> bool {
        let environment = Environment {
            area: &self.area,
            memory: &self.memory,
            link: &self.link,
        };
        let mut more = false;
        for ring in self.area.rings() {
            let mut count = 0;
            while count < RING_ENTRIES
                && let Some(request) = ring.take()
            {
                count += 1;
                let value = access(&mut self.slots, &request, &environment);
                if request.flags & REQUEST_WAITS != 0 {
                    ring.answer(&request, value);
                    self.link.respond(ring.vcpu);
                }
            }
            more |= count == RING_ENTRIES;
        }
        more
    }

    fn process_notifications(&mut self) {
        self.each(|slot, environment| {
            let Slot::Virtio(slot) = slot else { return };
            let Some(shared) = environment.area.device(slot.index) else {
                return;
            };
            let mut bits = shared.notified.swap(0, Ordering::SeqCst);
            while bits != 0 {
                slot.notify(bits.trailing_zeros() as usize, environment);
                bits &= bits - 1;
            }
        });
    }

    fn ready(&mut self, position: usize) {
        let environment = Environment {
            area: &self.area,
            memory: &self.memory,
            link: &self.link,
        };
        if let Some(Slot::Virtio(slot)) = self.slots.get_mut(position) {
            slot.ready(&environment);
        }
    }

    /// Gives what was typed to the device that the guest reads from.
    fn route_input(&mut self) {
        let environment = Environment {
            area: &self.area,
            memory: &self.memory,
            link: &self.link,
        };
        for (position, route) in self.routes.iter_mut().enumerate() {
            let last = route.hub.borrow().last_writer();
            if let Some(slot) =
                reader(&self.slots, &route.slots, last).and_then(|at| self.slots.get_mut(at))
            {
                match slot {
                    Slot::Virtio(slot) => slot.ready(&environment),
                    Slot::Serial(slot) => slot.receive(&environment),
                }
            }
            let watched = route.hub.borrow().wants_input();
            if watched != route.watched {
                route.watched = watched;
                let events = if watched {
                    EventSet::IN
                } else {
                    EventSet::empty()
                };
                let event = EpollEvent::new(events, CONSOLE | position as u64);
                let file = route.hub.borrow().as_raw_fd();
                // The file was added at first; changing it needs no memory.
                let _ = self.epoll.ctl(ControlOperation::Modify, file, event);
            }
        }
    }
}

fn access(slots: &mut [Slot], request: &IoRequest, environment: &Environment<'_>) -> u64 {
    for slot in slots {
        match slot {
            Slot::Virtio(slot) if slot.index == request.device => {
                return slot.access(request, environment);
            }
            Slot::Serial(slot) if slot.index == request.device => {
                return slot.access(request, environment);
            }
            _ => {}
        }
    }
    // A device of the descriptor that nobody configured.
    0
}

/// The slot that input goes to: of those that listen the one that wrote last,
/// or the first; if none does, a serial line, which may be polled.
fn reader(slots: &[Slot], candidates: &[usize], last: Option<u32>) -> Option<usize> {
    let listens = |at: &usize| match slots.get(*at) {
        Some(Slot::Virtio(slot)) => slot.is_live(),
        Some(Slot::Serial(slot)) => slot.listens(),
        None => false,
    };
    let wrote_last = |at: &usize| match slots.get(*at) {
        Some(Slot::Virtio(slot)) => Some(slot.index) == last,
        Some(Slot::Serial(slot)) => Some(slot.index) == last,
        None => false,
    };
    let listening = || candidates.iter().copied().filter(|at| listens(at));
    listening()
        .find(|at| wrote_last(at))
        .or_else(|| listening().next())
        .or_else(|| {
            let serial = |at: &usize| matches!(slots.get(*at), Some(Slot::Serial(_)));
            candidates.iter().copied().find(serial)
        })
}
