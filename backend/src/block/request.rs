// SPDX-License-Identifier: Apache-2.0
//! virtio-blk requests (virtio 1.2, 5.2.6): a chain in, a checked operation out.

use super::disk::{Disk, SECTOR};
use crate::memory::{Buffers, OutOfBounds};
use crate::transport::{Broken, Chain};

const T_IN: u32 = 0;
const T_OUT: u32 = 1;
const T_FLUSH: u32 = 4;
const T_GET_ID: u32 = 8;
const T_DISCARD: u32 = 11;
const T_WRITE_ZEROES: u32 = 13;

/// Bytes of the header before a request's data.
const HEADER: usize = 16;
/// Bytes of a discard or write-zeroes segment.
const SEGMENT: usize = 16;
const SEGMENT_UNMAP: u32 = 1 << 0;
/// Bytes of the answer to GET_ID.
pub const ID_SIZE: usize = 20;

/// The last byte of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}

/// What is to be done, inside the disk's bounds.
#[derive(Debug, PartialEq, Eq)]
pub enum Operation {
    /// Into the writable buffers, from this byte on.
    Read {
        offset: u64,
    },
    /// From the readable buffers, to this byte on.
    Write {
        offset: u64,
    },
    Flush,
    /// Punches a hole.
    Discard {
        offset: u64,
        length: u64,
    },
    WriteZeroes {
        offset: u64,
        length: u64,
        unmap: bool,
    },
    /// Done already, with this many bytes written before the status.
    Done {
        status: Status,
        written: u32,
    },
}

/// A chain that is a request.
#[derive(Debug)]
pub struct Request {
    pub head: u16,
    pub operation: Operation,
    /// What is left to move.
    pub data: Buffers,
    /// Bytes of `data` at first.
    pub data_length: usize,
    status: Buffers,
}

impl Request {
    /// # Errors
    /// The chain has no room for a header or a status.
    pub fn new(chain: Chain, disk: &Disk, id: &[u8; ID_SIZE]) -> Result<Self, Broken> {
        let Chain {
            head,
            mut readable,
            mut writable,
        } = chain;
        let mut header = [0; HEADER];
        readable
            .read(0, &mut header)
            .map_err(|_| Broken("a request without a header"))?;
        readable.advance(HEADER);
        let status = last_byte(&mut writable).map_err(|_| Broken("a request without a status"))?;
        let kind = word(&header, 0);
        let sector = u64::from(word(&header, 8)) | u64::from(word(&header, 12)) << 32;
        let (operation, data) = match kind {
            T_IN => (
                transfer(disk, sector, &writable, Operation::Read { offset: 0 }),
                writable,
            ),
            T_OUT if disk.read_only => (failed(Status::IoError), writable),
            T_OUT => (
                transfer(disk, sector, &readable, Operation::Write { offset: 0 }),
                readable,
            ),
            T_FLUSH => (Operation::Flush, readable),
            T_GET_ID => {
                let length = writable.len().min(ID_SIZE);
                let operation = match writable.write(0, id.get(..length).unwrap_or(id)) {
                    Ok(()) => Operation::Done {
                        status: Status::Ok,
                        written: length as u32,
                    },
                    Err(OutOfBounds) => failed(Status::IoError),
                };
                (operation, readable)
            }
            T_DISCARD | T_WRITE_ZEROES => (range(disk, &readable, kind == T_DISCARD), readable),
            _ => (failed(Status::Unsupported), readable),
        };
        let data_length = data.len();
        Ok(Self {
            head,
            operation,
            data,
            data_length,
            status,
        })
    }

    /// Writes the status; returns how many bytes of the chain were written.
    pub fn finish(&self, status: Status) -> u32 {
        // The status byte lies inside the memory it was taken from.
        let _ = self.status.write(0, &[status as u8]);
        let data = match self.operation {
            Operation::Read { .. } => u32::try_from(self.data_length).unwrap_or(u32::MAX - 1),
            Operation::Done { written, .. } => written,
            _ => 0,
        };
        data.saturating_add(1)
    }
}

fn failed(status: Status) -> Operation {
    Operation::Done { status, written: 0 }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    if let Some(from) = bytes.get(at..at + 4) {
        word.copy_from_slice(from);
    }
    u32::from_le_bytes(word)
}

/// Cuts the last byte off.
fn last_byte(buffers: &mut Buffers) -> Result<Buffers, OutOfBounds> {
    let data = buffers.len().checked_sub(1).ok_or(OutOfBounds)?;
    let mut last = buffers.copy();
    last.advance(data);
    buffers.truncate(data);
    Ok(last)
}

/// A read or write of `data`, wherever its whole range is on the disk.
fn transfer(disk: &Disk, sector: u64, data: &Buffers, kind: Operation) -> Operation {
    let length = data.len() as u64;
    let Some(offset) = sector.checked_mul(SECTOR) else {
        return failed(Status::IoError);
    };
    let end = offset.checked_add(length);
    if !length.is_multiple_of(SECTOR) || end.is_none_or(|end| end > disk.size) {
        return failed(Status::IoError);
    }
    match kind {
        _ if length == 0 => Operation::Done {
            status: Status::Ok,
            written: 0,
        },
        Operation::Read { .. } => Operation::Read { offset },
        _ => Operation::Write { offset },
    }
}

/// A discard or write-zeroes of one segment (we announce no more).
fn range(disk: &Disk, data: &Buffers, discard: bool) -> Operation {
    let mut segment = [0; SEGMENT];
    if disk.read_only || data.len() != SEGMENT || data.read(0, &mut segment).is_err() {
        return failed(Status::IoError);
    }
    let sector = u64::from(word(&segment, 0)) | u64::from(word(&segment, 4)) << 32;
    let length = u64::from(word(&segment, 8)) * SECTOR;
    let flags = word(&segment, 12);
    let known = if discard { 0 } else { SEGMENT_UNMAP };
    if flags & !known != 0 || discard && !disk.discard {
        return failed(Status::Unsupported);
    }
    let Some(offset) = sector.checked_mul(SECTOR) else {
        return failed(Status::IoError);
    };
    if offset.checked_add(length).is_none_or(|end| end > disk.size) {
        return failed(Status::IoError);
    }
    match (length, discard) {
        (0, _) => Operation::Done {
            status: Status::Ok,
            written: 0,
        },
        (_, true) => Operation::Discard { offset, length },
        (_, false) => Operation::WriteZeroes {
            offset,
            length,
            unmap: flags & SEGMENT_UNMAP != 0,
        },
    }
}
