// SPDX-License-Identifier: Apache-2.0
//! Asynchronous file I/O by io_uring.

use super::disk::Disk;
use super::request::{Operation, Request};
use crate::error::{Error, Result};
use io_uring::{IoUring, opcode, squeue, types};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// The only file the ring may touch, by index in its table.
const DISK: types::Fixed = types::Fixed(0);

/// Most bytes zeroed by one write, where the file can not do it itself.
const ZEROES: usize = 128 * 1024;

pub struct Engine {
    ring: IoUring,
    event: EventFd,
    in_flight: usize,
    zeroes: Box<[u8]>,
}

/// The end of an operation: what `submit` was given, and the system call's result.
pub struct Completion {
    pub token: u64,
    pub result: i32,
}

impl Engine {
    /// A ring for up to `entries` operations on `disk`, and on nothing else.
    pub fn new(disk: &Disk, entries: u32) -> Result<Self> {
        let start = || -> io::Result<Self> {
            let ring: IoUring = IoUring::builder()
                .setup_r_disabled()
                .setup_cqsize(entries.saturating_mul(2).next_power_of_two())
                .build(entries.next_power_of_two())?;
            let event = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC)?;
            ring.submitter().register_files(&[disk.as_raw_fd()])?;
            ring.submitter().register_eventfd(event.as_raw_fd())?;
            restrict(&ring)?;
            ring.submitter().register_enable_rings()?;
            let zeroes = vec![0; ZEROES].into_boxed_slice();
            Ok(Self {
                ring,
                event,
                in_flight: 0,
                zeroes,
            })
        };
        start().map_err(Error::io("io_uring"))
    }

    /// Readable when operations ended.
    pub fn event(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues (what is left of) a request; `submit` starts it. The request stays
    /// where its buffers are until its completion was seen.
    pub fn queue(&mut self, request: &Request, disk: &Disk, durable: bool, token: u64) {
        let data = request.data.pieces();
        let done = (request.data_length - request.data.len()) as u64;
        let pieces = data.len() as u32;
        let entry = match request.operation {
            Operation::Read { offset } => opcode::Readv::new(DISK, data.as_ptr(), pieces)
                .offset(offset + done)
                .build(),
            Operation::Write { offset } => opcode::Writev::new(DISK, data.as_ptr(), pieces)
                .offset(offset + done)
                .rw_flags(if durable { libc::RWF_DSYNC } else { 0 })
                .build(),
            Operation::Discard { offset, length } => {
                allocate(libc::FALLOC_FL_PUNCH_HOLE, offset, length)
            }
            Operation::WriteZeroes {
                offset,
                length,
                unmap,
            } if unmap && disk.discard => allocate(libc::FALLOC_FL_PUNCH_HOLE, offset, length),
            Operation::WriteZeroes { offset, length, .. } if disk.zero_range => {
                allocate(libc::FALLOC_FL_ZERO_RANGE, offset, length)
            }
            Operation::WriteZeroes { offset, length, .. } => {
                let count = length.min(ZEROES as u64) as u32;
                opcode::Write::new(DISK, self.zeroes.as_ptr(), count)
                    .offset(offset)
                    .rw_flags(if durable { libc::RWF_DSYNC } else { 0 })
                    .build()
            }
            Operation::Flush | Operation::Done { .. } => opcode::Fsync::new(DISK)
                .flags(types::FsyncFlags::DATASYNC)
                .build(),
        };
        let entry = entry.user_data(token);
        // SAFETY: the buffers are guest memory or `zeroes`; the caller keeps
        // the request, and `drop` waits, until nothing is in flight.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.submit();
        }
        self.in_flight += 1;
    }

    /// Starts what was queued.
    pub fn submit(&mut self) {
        while !self.ring.submission().is_empty() {
            match self.ring.submit() {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                // EBUSY, EAGAIN: completions have to be taken first, or memory is
                // short; the next notification or completion tries again.
                Err(_) => break,
            }
        }
    }

    /// Takes one operation that ended.
    pub fn complete(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        self.in_flight = self.in_flight.saturating_sub(1);
        Some(Completion {
            token: entry.user_data(),
            result: entry.result(),
        })
    }

    /// Resets the event, before completions are looked for.
    pub fn clear_event(&self) {
        // EAGAIN says that it was clear.
        let _ = self.event.read();
    }

    /// Waits for at least one operation in flight to end.
    pub fn wait(&mut self) {
        if let Err(error) = self.ring.submit_and_wait(1)
            && error.raw_os_error() != Some(libc::EINTR)
        {
            std::thread::yield_now();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        while self.in_flight > 0 {
            if self.complete().is_none() {
                self.wait();
            }
        }
    }
}

/// Nothing but reads, writes, flushes and allocation of the one file.
fn restrict(ring: &IoUring) -> io::Result<()> {
    use io_uring::register::Restriction;
    let mut allowed = [
        Restriction::sqe_op(opcode::Readv::CODE),
        Restriction::sqe_op(opcode::Writev::CODE),
        Restriction::sqe_op(opcode::Write::CODE),
        Restriction::sqe_op(opcode::Fsync::CODE),
        Restriction::sqe_op(opcode::Fallocate::CODE),
        Restriction::sqe_flags_required(1 << 0),
        Restriction::register_op(IORING_REGISTER_ENABLE_RINGS),
    ];
    ring.submitter().register_restrictions(&mut allowed)
}

/// `IORING_REGISTER_ENABLE_RINGS` of linux/io_uring.h.
const IORING_REGISTER_ENABLE_RINGS: u8 = 12;

fn allocate(mode: libc::c_int, offset: u64, length: u64) -> squeue::Entry {
    opcode::Fallocate::new(DISK, length)
        .offset(offset)
        .mode(mode | libc::FALLOC_FL_KEEP_SIZE)
        .build()
}
