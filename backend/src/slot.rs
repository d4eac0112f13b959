// SPDX-License-Identifier: Apache-2.0
//! A virtio device at its place in the zone: registers, queues and device.

use crate::area::Area;
use crate::device::{Device, Interrupt, Io, Link};
use crate::kept::{Layout, Record};
use crate::memory::Memory;
use crate::transport::{
    Broken, COMMON_FEATURES, Effect, INTERRUPT_CONFIG, INTERRUPT_USED, QueueRegisters, Registers,
    State, Virtqueue,
};
use abi::io::{IoRequest, REQUEST_WRITE};
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use zerocopy::{FromBytes, IntoBytes};

/// What all devices of a zone share.
pub struct Environment<'a> {
    pub area: &'a Area,
    pub memory: &'a Memory,
    pub link: &'a dyn Link,
}

pub struct VirtioSlot {
    pub index: u32,
    registers: Registers,
    queues: Vec<Option<Virtqueue>>,
    device: Box<dyn Device>,
    record: Record,
}

impl VirtioSlot {
    /// `None` if the kept page has no room for its state.
    pub fn new(index: u32, device: Box<dyn Device>, layout: &mut Layout) -> Option<Self> {
        let sizes = device.queue_sizes();
        let features = device.features() | COMMON_FEATURES;
        let length = size_of::<State>() + sizes.len() * size_of::<QueueRegisters>();
        Some(Self {
            index,
            registers: Registers::new(device.id(), features, &sizes),
            queues: sizes.iter().map(|_| None).collect(),
            device,
            record: layout.add(index, length)?,
        })
    }

    pub fn files(&self) -> Vec<RawFd> {
        self.device.files()
    }

    /// The driver is up.
    pub fn is_live(&self) -> bool {
        self.registers.is_live()
    }

    /// `ready` is to be called again.
    pub fn unfinished(&self) -> bool {
        self.is_live() && self.device.unfinished()
    }

    fn keep(&self, area: &Area) {
        let mut bytes = self.registers.state().as_bytes().to_vec();
        bytes.extend_from_slice(self.registers.queues().as_bytes());
        self.record.write(area, &bytes);
    }

    /// Serves an access to the registers; the value of a read.
    pub fn access(&mut self, request: &IoRequest, environment: &Environment<'_>) -> u64 {
        if request.flags & REQUEST_WRITE == 0 {
            let status = environment
                .area
                .device(self.index)
                .map_or(0, |shared| shared.interrupt_status.load(Ordering::Acquire));
            return self.registers.read(
                request.offset,
                request.width,
                self.device.config(),
                status,
            );
        }
        let before = self.registers.state();
        let effect = self
            .registers
            .write(request.offset, request.width, request.value);
        match effect {
            Effect::None => {}
            Effect::Reset => self.reset(environment),
            Effect::Start => self.start(environment),
            Effect::QueueReady(index) => self.enable(index, environment),
            Effect::QueueDisabled(index) => {
                // Rare, and the requests of one queue can not be told apart
                // from the others' in every device: all I/O ends first.
                self.device.reset();
                self.device.start(self.registers.negotiated());
                if let Some(queue) = self.queues.get_mut(index) {
                    *queue = None;
                }
            }
            Effect::Notify(index) => self.notify(index, environment),
            Effect::Acknowledge(bits) => self.acknowledge(bits, environment),
            Effect::Config {
                offset,
                width,
                value,
            } => {
                self.device.write_config(offset, width, value);
            }
        }
        if effect != Effect::None || before != self.registers.state() || !self.is_live() {
            self.keep(environment.area);
        }
        0
    }

    /// Both sides forget the past: the zone was started anew.
    pub fn forget(&mut self, environment: &Environment<'_>) {
        self.registers.write(0x070, 4, 0);
        self.reset(environment);
        self.keep(environment.area);
    }

    /// Goes on where another back end stopped.
    pub fn resume(&mut self, environment: &Environment<'_>) {
        let left = self.record.read(environment.area).and_then(|bytes| {
            let (state, rest) = State::read_from_prefix(&bytes).ok()?;
            let queues = <[QueueRegisters]>::ref_from_bytes(rest).ok()?;
            Some((state, queues.to_vec()))
        });
        let restored = left.is_some_and(|(state, queues)| self.registers.restore(state, &queues));
        if !restored {
            self.broken(Broken("its state was lost"), environment);
        } else if self.is_live() {
            self.start(environment);
            // What was used but perhaps not told of.
            self.interrupt(environment, INTERRUPT_USED);
        }
        self.keep(environment.area);
    }

    fn reset(&mut self, environment: &Environment<'_>) {
        self.device.reset();
        self.queues.iter_mut().for_each(|queue| *queue = None);
        self.acknowledge(u32::MAX, environment);
        if let Some(shared) = environment.area.device(self.index) {
            shared.notified.store(0, Ordering::Release);
        }
    }

    fn acknowledge(&mut self, bits: u32, environment: &Environment<'_>) {
        if let Some(shared) = environment.area.device(self.index)
            && shared.interrupt_status.fetch_and(!bits, Ordering::SeqCst) & !bits == 0
        {
            environment.link.interrupt(self.index, false);
        }
    }

    fn start(&mut self, environment: &Environment<'_>) {
        self.device.start(self.registers.negotiated());
        let count = self.queues.len();
        (0..count).for_each(|index| self.enable(index, environment));
        // Buffers may have been made available before the driver was up.
        (0..count).for_each(|index| self.notify(index, environment));
    }

    fn enable(&mut self, index: usize, environment: &Environment<'_>) {
        let features = self.registers.negotiated();
        let Some(registers) = self.registers.queues().get(index) else {
            return;
        };
        if registers.ready == 0 {
            return;
        }
        match Virtqueue::new(registers, features, environment.memory) {
            Ok(queue) => {
                if let Some(slot) = self.queues.get_mut(index) {
                    *slot = Some(queue);
                }
            }
            Err(broken) => self.broken(broken, environment),
        }
    }

    /// A queue has new buffers.
    pub fn notify(&mut self, index: usize, environment: &Environment<'_>) {
        self.serve(environment, |device, io| device.notify(index, io));
    }

    /// A file of the device is ready.
    pub fn ready(&mut self, environment: &Environment<'_>) {
        if self.is_live() && self.device.refresh_config() {
            self.registers.config_changed();
            self.interrupt(environment, INTERRUPT_CONFIG);
        }
        self.serve(environment, |device, io| device.ready(io));
    }

    fn serve(
        &mut self,
        environment: &Environment<'_>,
        work: impl FnOnce(&mut dyn Device, &mut Io<'_>) -> Result<(), Broken>,
    ) {
        let Some(shared) = environment.area.device(self.index) else {
            return;
        };
        if !self.is_live() {
            return;
        }
        let interrupt = Interrupt {
            link: environment.link,
            shared,
            device: self.index,
        };
        let mut io = Io {
            queues: &mut self.queues,
            interrupt: &interrupt,
        };
        if let Err(broken) = work(self.device.as_mut(), &mut io) {
            self.broken(broken, environment);
            self.keep(environment.area);
        }
    }

    /// Raises the interrupt whatever its state: the line may have been lowered
    /// with the back end that raised it.
    fn interrupt(&self, environment: &Environment<'_>, bits: u32) {
        if let Some(shared) = environment.area.device(self.index) {
            shared.interrupt_status.fetch_or(bits, Ordering::SeqCst);
            environment.link.interrupt(self.index, true);
        }
    }

    /// Stops the device until its driver resets it (virtio 1.2, 2.1.2).
    fn broken(&mut self, broken: Broken, environment: &Environment<'_>) {
        eprintln!("device {}: {}; it needs a reset", self.index, broken.0);
        self.device.reset();
        self.queues.iter_mut().for_each(|queue| *queue = None);
        self.registers.set_needs_reset();
        self.interrupt(environment, INTERRUPT_CONFIG);
    }
}
