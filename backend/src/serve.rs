// SPDX-License-Identifier: Apache-2.0
//! From a configuration to a served zone.

use crate::area::Area;
use crate::block::Block;
use crate::config::{Config, DeviceKind};
use crate::confine;
use crate::console::{Console, Hub, SharedHub};
use crate::device::{Device, Link};
use crate::driver::Driver;
use crate::error::{Error, Result};
use crate::kept::Layout;
use crate::memory::Memory;
use crate::net::Net;
use crate::port::SerialSlot;
use crate::slot::VirtioSlot;
use crate::zone::{Route, Slot, Zone};
use abi::Function;
use abi::status::{State, ZoneStatus, ZoneWindow, window};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::rc::Rc;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// The devices of a configuration, opened.
#[derive(Default)]
pub struct Devices {
    slots: Vec<Slot>,
    routes: Vec<Route>,
    layout: Layout,
}

impl Devices {
    /// Opens everything that `config` names.
    pub fn open(config: &Config) -> Result<Self> {
        let mut devices = Self::default();
        let mut consoles = BTreeMap::new();
        let mut indices = BTreeSet::new();
        for device in &config.devices {
            let index = device.index;
            if !indices.insert(index) {
                return Err(Error::DuplicateDevice(index));
            }
            match &device.kind {
                DeviceKind::Serial(console) => {
                    let hub = devices.attach(&console.console, &mut consoles, config)?;
                    let slot = SerialSlot::new(index, hub, &mut devices.layout);
                    devices
                        .slots
                        .push(Slot::Serial(slot.ok_or_else(|| no_room(index))?));
                }
                DeviceKind::Console(console) => {
                    let hub = devices.attach(&console.console, &mut consoles, config)?;
                    devices.add(index, Console::new(hub, index))?;
                }
                DeviceKind::Block(block) => devices.add(index, Block::new(block)?)?,
                DeviceKind::Net(net) => devices.add(index, Net::new(net)?)?,
            }
        }
        Ok(devices)
    }

    fn add(&mut self, index: u32, device: impl Device + 'static) -> Result<()> {
        let slot = VirtioSlot::new(index, Box::new(device), &mut self.layout);
        self.slots
            .push(Slot::Virtio(slot.ok_or_else(|| no_room(index))?));
        Ok(())
    }

    /// The hub of a console, for the slot that is added next.
    fn attach(
        &mut self,
        name: &str,
        consoles: &mut BTreeMap<String, usize>,
        config: &Config,
    ) -> Result<SharedHub> {
        let at = match consoles.get(name) {
            Some(at) => *at,
            None => {
                let hub = Rc::new(RefCell::new(Hub::new(&config.run_directory, name)?));
                self.routes.push(Route {
                    hub,
                    slots: Vec::new(),
                    watched: true,
                });
                consoles.insert(name.to_owned(), self.routes.len() - 1);
                self.routes.len() - 1
            }
        };
        let position = self.slots.len();
        let route = self.routes.get_mut(at).ok_or(Error::WrongArea)?;
        route.slots.push(position);
        Ok(route.hub.clone())
    }

    /// Puts the devices at their places in a zone.
    pub fn serve<L: Link>(
        self,
        link: L,
        area: Area,
        memory: Memory,
        event: EventFd,
    ) -> Result<Zone<L>> {
        for slot in &self.slots {
            let index = match slot {
                Slot::Virtio(slot) => slot.index,
                Slot::Serial(slot) => slot.index,
            };
            if area.device(index).is_none() {
                return Err(Error::NoSuchDevice(index));
            }
        }
        Zone::new(
            link,
            area,
            memory,
            event,
            self.slots,
            self.routes,
            self.layout,
        )
    }
}

fn no_room(device: u32) -> Error {
    Error::BadDevice {
        device,
        reason: "too many queues in all".into(),
    }
}

/// The kernel's part of a zone, by way of the driver.
struct DriverLink {
    driver: Driver,
    zone: u32,
    /// By device index.
    irqfds: Vec<EventFd>,
}

impl DriverLink {
    fn status(&self) -> Result<ZoneStatus> {
        self.driver
            .read(Function::ZoneStatus, &[u64::from(self.zone)])
            .map_err(|source| Error::Call {
                what: "the zone's status",
                source,
            })
    }
}

impl Link for DriverLink {
    fn interrupt(&self, device: u32, level: bool) {
        match self.irqfds.get(device as usize).filter(|_| level) {
            Some(event) => drop(event.write(1)),
            None => {
                let args = [u64::from(self.zone), u64::from(device), u64::from(level)];
                // A zone that is gone needs no interrupts.
                drop(self.driver.call(Function::DeviceInterrupt, &args));
            }
        }
    }

    fn respond(&self, vcpu: u32) {
        drop(self.driver.respond(self.zone, vcpu));
    }

    fn starts(&self) -> u32 {
        self.status().map_or(u32::MAX, |status| status.starts)
    }

    fn is_stopped(&self) -> bool {
        self.status()
            .is_ok_and(|status| State::from_number(status.state) == Some(State::Stopped))
    }
}

/// Serves the devices of a zone until an error or a signal ends it.
pub fn run(config: &Config) -> Result<Infallible> {
    let devices = Devices::open(config)?;
    let driver = Driver::open().map_err(Error::open(crate::driver::PATH))?;
    let event = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(Error::io("eventfd"))?;
    // A back end may no more listen to that once it is one.
    let state = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(Error::io("eventfd"))?;
    driver
        .state_event(&state)
        .map_err(Error::io("listening to the zone's state"))?;
    driver
        .bind(config.zone, &event)
        .map_err(Error::io("attaching to the zone"))?;
    let mut link = DriverLink {
        driver,
        zone: config.zone,
        irqfds: Vec::new(),
    };
    let (area, memory) = windows(&link)?;
    for device in 0..area.device_count() as u32 {
        let event = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(Error::io("eventfd"))?;
        link.driver
            .irqfd(config.zone, device, &event)
            .map_err(Error::io("an interrupt"))?;
        link.irqfds.push(event);
    }
    let mut zone = devices.serve(link, area, memory, event)?;
    zone.watch_state(state)?;
    if config.confine {
        confine::enter(&config.name, &config.run_directory.join("empty"))?;
    }
    zone.run()
}

/// Maps what the kernel lends of the zone.
fn windows(link: &DriverLink) -> Result<(Area, Memory)> {
    let (mut area, mut lent) = (None, Vec::new());
    for index in 0..link.status()?.window_count {
        let args = [u64::from(link.zone), u64::from(index)];
        let window: ZoneWindow =
            link.driver
                .read(Function::ZoneWindow, &args)
                .map_err(|source| Error::Call {
                    what: "a window",
                    source,
                })?;
        let size = usize::try_from(window.size).map_err(|_| Error::WrongArea)?;
        let mapping = link
            .driver
            .map(index, size)
            .map_err(Error::io("mapping a window"))?;
        match window.kind {
            window::IO => area = Some(Area::new(mapping)?),
            window::MEMORY => lent.push((window.guest, mapping)),
            _ => {}
        }
    }
    let memory = Memory::new(lent).map_err(Error::Interface)?;
    Ok((area.ok_or(Error::WrongArea)?, memory))
}
