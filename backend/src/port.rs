// SPDX-License-Identifier: Apache-2.0
//! A serial line at its place in the zone.

use crate::console::SharedHub;
use crate::kept::{Layout, Record};
use crate::serial::{Kept, Port};
use crate::slot::Environment;
use abi::io::{IoRequest, REQUEST_WRITE};
use std::sync::atomic::Ordering;
use zerocopy::{FromBytes, IntoBytes};

pub struct SerialSlot {
    pub index: u32,
    port: Port,
    record: Record,
    kept: Kept,
    level: Option<bool>,
}

impl SerialSlot {
    /// `None` if the kept page has no room for its state.
    pub fn new(index: u32, hub: SharedHub, layout: &mut Layout) -> Option<Self> {
        let record = layout.add(index, size_of::<Kept>())?;
        let port = Port::new(hub, index);
        Some(Self {
            index,
            port,
            record,
            kept: Kept::default(),
            level: None,
        })
    }

    /// A program in the guest reads it.
    pub fn listens(&self) -> bool {
        self.port.listens()
    }

    /// Serves an access to the registers; the value of a read.
    pub fn access(&mut self, request: &IoRequest, environment: &Environment<'_>) -> u64 {
        if request.flags & REQUEST_WRITE != 0 {
            self.port.write(request.offset, request.value);
            return 0;
        }
        let value = self.port.read(request.offset);
        // What the guest reads next must agree with what it read now.
        self.update(environment);
        value
    }

    /// Takes input, hands over output and sets what the guest sees without us.
    pub fn settle(&mut self, environment: &Environment<'_>) {
        self.port.flush();
        self.update(environment);
    }

    pub fn receive(&mut self, environment: &Environment<'_>) {
        self.port.receive();
        self.update(environment);
    }

    fn update(&mut self, environment: &Environment<'_>) {
        if let Some(shared) = environment.area.device(self.index) {
            shared
                .shadow
                .store(self.port.line_status(), Ordering::Release);
        }
        let level = self.port.level();
        if self.level != Some(level) {
            self.level = Some(level);
            environment.link.interrupt(self.index, level);
        }
        let kept = self.port.kept();
        if self.kept != kept {
            self.kept = kept;
            self.record.write(environment.area, kept.as_bytes());
        }
    }

    /// The zone was started anew.
    pub fn forget(&mut self, environment: &Environment<'_>) {
        self.port.reset();
        (self.level, self.kept) = (None, Kept::default());
        self.update(environment);
    }

    /// Goes on where another back end stopped.
    pub fn resume(&mut self, environment: &Environment<'_>) {
        if let Some(bytes) = self.record.read(environment.area)
            && let Ok(kept) = Kept::read_from_bytes(&bytes)
        {
            self.port.restore(&kept);
        }
        self.level = None;
        self.update(environment);
    }
}
