// SPDX-License-Identifier: Apache-2.0
//! A virtqueue that is used or broken, never trusted.

use super::{F_EVENT_IDX, QueueRegisters};
use crate::memory::{Buffers, Memory, OutOfBounds};
use std::sync::atomic::{Ordering, fence};
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
    /// The used index when the driver's wish for an interrupt was last looked at.
    signalled: u16,
}

impl Virtqueue {
    /// A queue as the registers say. It goes on where the used ring ends, which
    /// is where a new one starts and where an earlier back end stopped: chains
    /// that were taken but not given back are taken again.
    pub fn new(registers: &QueueRegisters, features: u64, memory: &Memory) -> Result<Self, Broken> {
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
        Ok(Self {
            queue,
            memory: memory.clone(),
            taken: 0,
            signalled: used.0,
        })
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
        let mut available = self
            .queue
            .iter(self.memory.guest())
            .map_err(|_| Broken("available index"))?;
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

    /// Gives chains (head, bytes written) back, visible to the driver all at
    /// once: what is one packet may lie in several.
    pub fn push_all(&mut self, chains: &[(u16, u32)]) -> Result<(), Broken> {
        let Some((last, others)) = chains.split_last() else {
            return Ok(());
        };
        if chains.len() > usize::from(self.queue.size()) {
            return Err(Broken("more buffers than the queue has"));
        }
        for (head, written) in others {
            let at = u64::from(self.queue.next_used() % self.queue.size());
            let element = (u64::from(*head) | u64::from(*written) << 32).to_le();
            // A ring of flags, index, then elements of 8 bytes.
            let address = GuestAddress(self.queue.used_ring().wrapping_add(4 + at * 8));
            self.memory
                .guest()
                .write_obj(element, address)
                .map_err(|_| Broken("used ring"))?;
            self.queue
                .set_next_used(self.queue.next_used().wrapping_add(1));
            self.taken = self.taken.saturating_sub(1);
        }
        self.push(last.0, last.1)
    }

    /// Whether the driver wants to hear of what was given back since the last call.
    pub fn wants_interrupt(&mut self) -> Result<bool, Broken> {
        let (old, new) = (self.signalled, self.queue.next_used());
        self.signalled = new;
        // The used index must be visible before the driver's wish is read.
        fence(Ordering::SeqCst);
        let event = self.queue.event_idx_enabled();
        // Flags come first, the event index behind the ring (virtio 1.2, 2.7.6).
        let offset = if event {
            4 + u64::from(self.queue.size()) * 2
        } else {
            0
        };
        let wish: u16 = self
            .memory
            .guest()
            .load(
                GuestAddress(self.queue.avail_ring().wrapping_add(offset)),
                Ordering::Relaxed,
            )
            .map_err(|_| Broken("available ring"))?;
        let wish = u16::from_le(wish);
        if !event {
            // VIRTQ_AVAIL_F_NO_INTERRUPT
            return Ok(wish & 1 == 0);
        }
        Ok(new.wrapping_sub(wish).wrapping_sub(1) < new.wrapping_sub(old))
    }

    fn has_more(&self) -> Result<bool, Broken> {
        self.queue
            .avail_idx(self.memory.guest(), Ordering::Acquire)
            .map(|index| index.0 != self.queue.next_avail())
            .map_err(|_| Broken("available index"))
    }

    /// Asks for a notification of the next chain; true if there is one already.
    pub fn enable_notification(&mut self) -> Result<bool, Broken> {
        self.queue
            .enable_notification(self.memory.guest())
            .map_err(|_| Broken("used ring"))
    }

    pub fn disable_notification(&mut self) -> Result<(), Broken> {
        self.queue
            .disable_notification(self.memory.guest())
            .map_err(|_| Broken("used ring"))
    }
}
