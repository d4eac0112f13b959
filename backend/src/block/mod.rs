// SPDX-License-Identifier: Apache-2.0
//! virtio-blk (virtio 1.2, 5.2).

mod config;
mod disk;
mod engine;
mod request;

use crate::config::BlockConfig;
use crate::device::{Device, Io};
use crate::error::Result;
use crate::transport::Broken;
use disk::Disk;
use engine::{Completion, Engine};
use request::{ID_SIZE, Operation, Request, Status};
use std::collections::VecDeque;
use std::os::fd::RawFd;

const QUEUE_SIZE: u16 = 256;

const F_SEG_MAX: u64 = 1 << 2;
const F_RO: u64 = 1 << 5;
const F_BLK_SIZE: u64 = 1 << 6;
const F_FLUSH: u64 = 1 << 9;
const F_TOPOLOGY: u64 = 1 << 10;
const F_MQ: u64 = 1 << 12;
const F_DISCARD: u64 = 1 << 13;
const F_WRITE_ZEROES: u64 = 1 << 14;

/// A request that was taken and not yet given back.
struct Pending {
    request: Request,
    /// Set when it ended.
    status: Option<Status>,
}

/// The requests of one queue, given back in the order they were taken: what a
/// successor finds beyond the used index is all that may not have been done.
#[derive(Default)]
struct Lane {
    pending: VecDeque<Pending>,
    /// Number of the first of `pending`; free-running.
    first: u32,
}

pub struct Block {
    disk: Disk,
    engine: Engine,
    config: Vec<u8>,
    id: [u8; ID_SIZE],
    lanes: Vec<Lane>,
    /// The driver does not flush, so every write is durable when it ends.
    write_through: bool,
}

impl Block {
    pub fn new(config: &BlockConfig) -> Result<Self> {
        let disk = Disk::open(config)?;
        let queues = config.queues.clamp(1, BlockConfig::MAX_QUEUES);
        let engine = Engine::new(&disk, u32::from(QUEUE_SIZE) * u32::from(queues))?;
        let mut id = [0; ID_SIZE];
        for (to, from) in id.iter_mut().zip(config.serial.bytes()) {
            *to = from;
        }
        Ok(Self {
            config: config::space(&disk, queues),
            disk,
            engine,
            id,
            lanes: (0..queues).map(|_| Lane::default()).collect(),
            write_through: true,
        })
    }

    /// Takes all there is in a queue; true if more may come without notification.
    fn take(&mut self, index: usize, io: &mut Io<'_>) -> Result<(), Broken> {
        loop {
            let Some(queue) = io.queue(index) else {
                return Ok(());
            };
            queue.disable_notification()?;
            while let Some(chain) = queue.pop()? {
                let request = Request::new(chain, &self.disk, &self.id)?;
                let Some(lane) = self.lanes.get_mut(index) else {
                    return Ok(());
                };
                let number = lane.first.wrapping_add(lane.pending.len() as u32);
                let status = match request.operation {
                    Operation::Done { status, .. } => Some(status),
                    _ => {
                        let token = (index as u64) << 32 | u64::from(number);
                        self.engine
                            .queue(&request, &self.disk, self.write_through, token);
                        None
                    }
                };
                lane.pending.push_back(Pending { request, status });
            }
            if !queue.enable_notification()? {
                return Ok(());
            }
        }
    }

    /// Notes the end of an operation, or goes on with what is left of it.
    fn completed(&mut self, completion: &Completion) {
        let Some(lane) = self.lanes.get_mut((completion.token >> 32) as usize) else {
            return;
        };
        let at = (completion.token as u32).wrapping_sub(lane.first) as usize;
        let Some(pending) = lane.pending.get_mut(at) else {
            return;
        };
        match progress(&mut pending.request, completion.result) {
            Some(status) => pending.status = Some(status),
            None => self.engine.queue(
                &pending.request,
                &self.disk,
                self.write_through,
                completion.token,
            ),
        }
    }

    /// Takes completions and gives requests back.
    fn finish(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        self.engine.clear_event();
        while let Some(completion) = self.engine.complete() {
            self.completed(&completion);
        }
        self.engine.submit();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let Some(queue) = io.queue(index) else {
                continue;
            };
            let mut any = false;
            while let Some(status) = lane.pending.front().and_then(|pending| pending.status) {
                let Some(done) = lane.pending.pop_front() else {
                    break;
                };
                lane.first = lane.first.wrapping_add(1);
                queue.push(done.request.head, done.request.finish(status))?;
                any = true;
            }
            if any {
                io.signal(index)?;
            }
        }
        Ok(())
    }
}

/// Applies a result; `None` if the request has to go on.
fn progress(request: &mut Request, result: i32) -> Option<Status> {
    let Ok(count) = usize::try_from(result) else {
        return match -result {
            libc::EINTR | libc::EAGAIN => None,
            libc::EOPNOTSUPP => Some(Status::Unsupported),
            _ => Some(Status::IoError),
        };
    };
    match &mut request.operation {
        Operation::Read { .. } | Operation::Write { .. } => {
            request.data.advance(count);
            match (count, request.data.is_empty()) {
                (_, true) => Some(Status::Ok),
                // The file became shorter than it was.
                (0, false) => Some(Status::IoError),
                _ => None,
            }
        }
        // Written piece by piece, where the file can not zero a range itself.
        Operation::WriteZeroes { offset, length, .. } if count > 0 => {
            *offset = offset.saturating_add(count as u64);
            *length = length.saturating_sub(count as u64);
            (*length == 0).then_some(Status::Ok)
        }
        _ => Some(Status::Ok),
    }
}

impl Device for Block {
    fn id(&self) -> u32 {
        2
    }

    fn features(&self) -> u64 {
        let mut features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY;
        if self.lanes.len() > 1 {
            features |= F_MQ;
        }
        if self.disk.read_only {
            return features | F_RO;
        }
        if self.disk.discard {
            features |= F_DISCARD;
        }
        features | F_WRITE_ZEROES
    }

    fn queue_sizes(&self) -> Vec<u16> {
        vec![QUEUE_SIZE; self.lanes.len()]
    }

    fn config(&self) -> &[u8] {
        &self.config
    }

    fn start(&mut self, features: u64) {
        self.write_through = features & F_FLUSH == 0;
    }

    fn reset(&mut self) {
        while self.engine.in_flight() > 0 {
            // What was cut short is not gone on with.
            if self.engine.complete().is_none() {
                self.engine.wait();
            }
        }
        self.lanes
            .iter_mut()
            .for_each(|lane| *lane = Lane::default());
        self.write_through = true;
    }

    fn notify(&mut self, queue: usize, io: &mut Io<'_>) -> Result<(), Broken> {
        self.take(queue, io)?;
        self.engine.submit();
        // Much is in the page cache and done by now.
        self.finish(io)
    }

    fn ready(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        self.finish(io)
    }

    fn files(&self) -> Vec<RawFd> {
        vec![self.engine.event()]
    }
}
