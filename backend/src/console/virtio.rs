// SPDX-License-Identifier: Apache-2.0
//! virtio-console (virtio 1.2, 5.3), one port.

use super::SharedHub;
use crate::device::{Device, Io};
use crate::transport::Broken;
use std::os::fd::RawFd;

const F_SIZE: u64 = 1 << 0;

const QUEUE_SIZE: u16 = 128;
/// To the guest.
const RECEIVE: usize = 0;
/// From the guest.
const TRANSMIT: usize = 1;

/// Most bytes taken of one buffer.
const LONGEST: usize = 64 * 1024;

pub struct Console {
    hub: SharedHub,
    /// Its number, to the hub.
    device: u32,
    config: [u8; 12],
}

impl Console {
    pub fn new(hub: SharedHub, device: u32) -> Self {
        let mut console = Self {
            hub,
            device,
            config: [0; 12],
        };
        console.set_size((80, 25));
        console
    }

    fn set_size(&mut self, (columns, rows): (u16, u16)) {
        let [a, b] = columns.to_le_bytes();
        let [c, d] = rows.to_le_bytes();
        self.config = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0];
    }

    /// Hands over input as far as the guest has buffers for it.
    fn receive(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        let mut any = false;
        while self.hub.borrow().has_input() {
            let Some(queue) = io.queue(RECEIVE) else {
                break;
            };
            let Some(chain) = queue.pop()? else {
                if queue.enable_notification()? {
                    continue;
                }
                break;
            };
            let bytes = self.hub.borrow_mut().take_input(chain.writable.len());
            chain.writable.write(0, &bytes)?;
            queue.push(chain.head, bytes.len() as u32)?;
            any = true;
        }
        if any { io.signal(RECEIVE) } else { Ok(()) }
    }

    fn transmit(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        let mut any = false;
        while let Some(queue) = io.queue(TRANSMIT) {
            queue.disable_notification()?;
            while let Some(chain) = queue.pop()? {
                let mut bytes = vec![0; chain.readable.len().min(LONGEST)];
                chain.readable.read(0, &mut bytes)?;
                self.hub.borrow_mut().output(self.device, &bytes);
                queue.push(chain.head, 0)?;
                any = true;
            }
            if !queue.enable_notification()? {
                break;
            }
        }
        if any { io.signal(TRANSMIT) } else { Ok(()) }
    }
}

impl Device for Console {
    fn id(&self) -> u32 {
        3
    }

    fn features(&self) -> u64 {
        F_SIZE
    }

    fn queue_sizes(&self) -> Vec<u16> {
        vec![QUEUE_SIZE; 2]
    }

    fn config(&self) -> &[u8] {
        &self.config
    }

    /// Takes over the size of the hub's window.
    fn refresh_config(&mut self) -> bool {
        let old = self.config;
        let size = self.hub.borrow().size();
        if let Some(size) = size {
            self.set_size(size);
        }
        self.config != old
    }

    fn start(&mut self, _features: u64) {}

    fn reset(&mut self) {}

    fn notify(&mut self, queue: usize, io: &mut Io<'_>) -> Result<(), Broken> {
        match queue {
            RECEIVE => self.receive(io),
            TRANSMIT => self.transmit(io),
            _ => Ok(()),
        }
    }

    /// The hub has input.
    fn ready(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        self.receive(io)
    }

    fn files(&self) -> Vec<RawFd> {
        Vec::new()
    }
}
