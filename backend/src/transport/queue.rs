// SPDX-License-Identifier: Apache-2.0
//! A virtqueue that is used or broken, never trusted.

use super::{F_EVENT_IDX, QueueRegisters};
use crate::memory::{Buffers, Memory, OutOfBounds};
use std::sync::atomic::Ordering;
use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress, Permissions};

/// The guest's ring is wrong; its device needs a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub &'static str);

impl From<OutOfBounds> for Broken {
    fn from(_: OutOfBounds) -> Self {
        Self("a buffer is outside the lent memory")
    }
}

/// Most pieces of a chain that readv(2) takes at once (IOV_MAX).
const MAX_PIECES: usize = 1024;

/// A request: its buffers are inside the zone's lent memory.
#[derive(Debug)]
pub struct Chain {
    pub head: u16,
    pub readable: Buffers,
    pub writable: Buffers,
}

/// A queue that the driver made ready.
#[derive(Debug)]
pub struct Virtqueue {
    queue: Queue,
    memory: Memory,
    /// Chains taken and not yet given back.
    taken: u16,
}

impl Virtqueue {
    /// A queue as the registers say. It goes on where the used ring ends, which
    /// is where a new one starts and where an earlier back end stopped: chains
    /// that were taken but not given back are taken again.
    pub fn new(
        registers: &QueueRegisters,
        features: u64,
        memory: &Memory,
    ) -> Result<Self, Broken> {
        let size = u16::try_from(registers.size).map_err(|_| Broken("queue size"))?;
        let mut queue = Queue::new(size).map_err(|_| Broken("queue size"))?;
        queue
            .try_set_desc_table_address(GuestAddress(registers.descriptors))
            .and(queue.try_set_avail_ring_address(GuestAddress(registers.driver)))
            .and(queue.try_set_used_ring_address(GuestAddress(registers.device)))
            .map_err(|_| Broken("a ring is misaligned"))?;
        queue.set_event_idx(features & F_EVENT_IDX != 0);
        queue.set_ready(true);
        if !queue.is_valid(memory.guest()) {
            return Err(Broken("a ring is outside the lent memory"));
        }
        let used = queue
            .used_idx(memory.guest(), Ordering::Acquire)
            .map_err(|_| Broken("used index"))?;
        queue.set_next_used(used.0);
        queue.set_next_avail(used.0);
        Ok(Self { queue, memory: memory.clone(), taken: 0 })
    }

    pub fn size(&self) -> u16 {
        self.queue.size()
    }

    /// Takes the next chain the driver made available.
    pub fn pop(&mut self) -> Result<Option<Chain>, Broken> {
        if self.taken >= self.queue.size() {
            return match self.has_more()? {
                true => Err(Broken("more chains than the queue has descriptors")),
                false => Ok(None),
            };
        }
        let before = self.queue.next_avail();
        let mut available =
            self.queue.iter(self.memory.guest()).map_err(|_| Broken("available index"))?;
        let Some(descriptors) = available.next() else {
            return Ok(None);
        };
        let head = descriptors.head_index();
        if head >= self.queue.size() || self.queue.next_avail() == before {
            return Err(Broken("head index"));
        }
        let mut chain = Chain {
            head,
            readable: Buffers::new(&self.memory),
            writable: Buffers::new(&self.memory),
        };
        let mut complete = false;
        for descriptor in descriptors {
            let (address, length) = (descriptor.addr(), descriptor.len());
            if descriptor.is_write_only() {
                chain.writable.push(address, length, Permissions::Write)?;
            } else if chain.writable.is_empty() {
                chain.readable.push(address, length, Permissions::Read)?;
            } else {
                return Err(Broken("a readable descriptor after a writable one"));
            }
            if chain.readable.pieces().len() + chain.writable.pieces().len() > MAX_PIECES {
                return Err(Broken("too many descriptors in a chain"));
            }
            complete = !descriptor.has_next();
        }
        if !complete {
            return Err(Broken("a chain without an end"));
        }
        self.taken += 1;
        Ok(Some(chain))
    }

    /// Gives chain `head` back with `written` bytes in it.
    pub fn push(&mut self, head: u16, written: u32) -> Result<(), Broken> {
        self.queue
            .add_used(self.memory.guest(), head, written)
            .map_err(|_| Broken("used ring"))?;
        self.taken = self.taken.saturating_sub(1);
        Ok(())
    }

    /// Whether the driver wants to hear of what was given back.
    pub fn wants_interrupt(&mut self) -> Result<bool, Broken> {
        if !self.queue.event_idx_enabled() {
            // VIRTQ_AVAIL_F_NO_INTERRUPT
            std::sync::atomic::fence(Ordering::SeqCst);
            let flags: u16 = self
                .memory
                .guest()
                .load(GuestAddress(self.queue.avail_ring()), Ordering::Acquire)
                .map_err(|_| Broken("available ring"))?;
            return Ok(u16::from_le(flags) & 1 == 0);
        }
        self.queue.needs_notification(self.memory.guest()).map_err(|_| Broken("used event"))
    }

    fn has_more(&self) -> Result<bool, Broken> {
        self.queue
            .avail_idx(self.memory.guest(), Ordering::Acquire)
            .map(|index| index.0 != self.queue.next_avail())
            .map_err(|_| Broken("available index"))
    }

    /// Asks for a notification of the next chain; true if there is one already.
    pub fn enable_notification(&mut self) -> Result<bool, Broken> {
        self.queue.enable_notification(self.memory.guest()).map_err(|_| Broken("used ring"))
    }

    pub fn disable_notification(&mut self) -> Result<(), Broken> {
        self.queue.disable_notification(self.memory.guest()).map_err(|_| Broken("used ring"))
    }
}
