// SPDX-License-Identifier: Apache-2.0
//! What a virtio device is to the transport.

use crate::transport::{Broken, INTERRUPT_USED, Virtqueue};
use abi::io::DeviceShared;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

/// The kernel's part of the zone, as the back end needs it.
pub trait Link {
    /// Sets the interrupt line of a device.
    fn interrupt(&self, device: u32, level: bool);
    /// Tells that a response was put into a vCPU's ring.
    fn respond(&self, vcpu: u32);
    /// Times the zone was started.
    fn starts(&self) -> u32;
    /// Its processors are parked until it is started anew.
    fn is_stopped(&self) -> bool;
}

/// A device's interrupt.
pub struct Interrupt<'a> {
    pub link: &'a dyn Link,
    pub shared: &'a DeviceShared,
    pub device: u32,
}

impl Interrupt<'_> {
    /// A buffer was used.
    pub fn used(&self) {
        // While the bit is still set the line is still high: the driver
        // acknowledges before it looks at the rings.
        let before = self
            .shared
            .interrupt_status
            .fetch_or(INTERRUPT_USED, Ordering::SeqCst);
        if before & INTERRUPT_USED == 0 {
            self.link.interrupt(self.device, true);
        }
    }
}

/// What a live device works with.
pub struct Io<'a> {
    /// By queue number; `None` where the driver did not make one ready.
    pub queues: &'a mut [Option<Virtqueue>],
    pub interrupt: &'a Interrupt<'a>,
}

impl Io<'_> {
    pub fn queue(&mut self, index: usize) -> Option<&mut Virtqueue> {
        self.queues.get_mut(index)?.as_mut()
    }

    /// Raises the interrupt if the driver of queue `index` wants it.
    pub fn signal(&mut self, index: usize) -> Result<(), Broken> {
        if let Some(queue) = self.queue(index)
            && queue.wants_interrupt()?
        {
            self.interrupt.used();
        }
        Ok(())
    }
}

/// A virtio device behind the transport.
pub trait Device {
    /// virtio device number (virtio 1.2, 5).
    fn id(&self) -> u32;

    /// Features beside the common ones.
    fn features(&self) -> u64;

    /// Largest size of each queue.
    fn queue_sizes(&self) -> Vec<u16>;

    /// The configuration space.
    fn config(&self) -> &[u8];

    /// Brings the configuration space up to date; true if it changed.
    fn refresh_config(&mut self) -> bool {
        false
    }

    fn write_config(&mut self, _offset: u32, _width: u8, _value: u64) {}

    /// The driver is up, with these features.
    fn start(&mut self, features: u64);

    /// The driver is gone; when this returns nothing touches guest memory any more.
    fn reset(&mut self);

    /// A queue was notified.
    fn notify(&mut self, queue: usize, io: &mut Io<'_>) -> Result<(), Broken>;

    /// A file of `files` is ready (edge-triggered).
    fn ready(&mut self, io: &mut Io<'_>) -> Result<(), Broken>;

    /// It stopped to let others work, and `ready` is to be called again.
    fn unfinished(&self) -> bool {
        false
    }

    /// Files to wait for.
    fn files(&self) -> Vec<RawFd>;
}
