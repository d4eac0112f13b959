// SPDX-License-Identifier: Apache-2.0
//! Hypercalls as functions.

use abi::counters::{CpuCounters, TraceEntry};
use abi::inventory;
use abi::status::{LogHeader, ZoneStatus};
use abi::{Function, ZoneDescriptor};
use backend::driver::{CallError, Driver};
use plan::Inventory;
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, Immutable, IntoBytes};

type Result<T> = std::result::Result<T, CallError>;

/// Longest buffer of one call.
const CHUNK: usize = abi::hypercall::MAX_BUFFER as usize;

/// How long another one's change may keep ours waiting: a zone is scrubbed meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again while another command is being done.
fn patiently<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        match call() {
            Err(CallError::Refused(abi::Error::Busy)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(2))
            }
            answer => return answer,
        }
    }
}

/// The kernel, reached through the driver.
pub struct Hypervisor(pub Driver);

impl Hypervisor {
    pub fn open() -> std::io::Result<Self> {
        Driver::open().map(Self)
    }

    fn call(&self, function: Function, arguments: &[u64]) -> Result<u64> {
        patiently(|| self.0.call(function, arguments))
    }

    fn call_to(&self, function: Function, arguments: &[u64], bytes: &[u8]) -> Result<u64> {
        patiently(|| self.0.call_to(function, arguments, bytes))
    }

    fn call_from(&self, function: Function, arguments: &[u64], bytes: &mut [u8]) -> Result<u64> {
        patiently(|| self.0.call_from(function, arguments, bytes))
    }

    pub fn version(&self) -> Result<u64> {
        self.call(Function::Version, &[])
    }

    /// All entries of one kind, as many calls as it takes.
    fn entries<T: FromBytes + IntoBytes + Immutable + Clone>(&self, kind: u64) -> Result<Vec<T>> {
        let fit = CHUNK / size_of::<T>();
        let mut all: Vec<T> = Vec::new();
        loop {
            let mut buffer = vec![0; fit * size_of::<T>()];
            let count =
                self.call_from(Function::Inventory, &[kind, all.len() as u64], &mut buffer)?
                    as usize;
            let read = buffer
                .chunks_exact(size_of::<T>())
                .take(count)
                .filter_map(|bytes| T::read_from_bytes(bytes).ok());
            all.extend(read);
            if count < fit {
                return Ok(all);
            }
        }
    }

    pub fn machine(&self) -> Result<inventory::Machine> {
        patiently(|| {
            self.0
                .read(Function::Inventory, &[inventory::kind::MACHINE, 0])
        })
    }

    pub fn inventory(&self) -> Result<Inventory> {
        Ok(Inventory {
            machine: self.machine()?,
            memory: self.entries(inventory::kind::MEMORY)?,
            cpus: self.entries(inventory::kind::CPUS)?,
            lines: self.entries(inventory::kind::LINES)?,
            mmio: self.entries(inventory::kind::MMIO)?,
        })
    }

    pub fn firmware_tree(&self) -> Result<Vec<u8>> {
        self.in_chunks(|offset, buffer| self.call_from(Function::FirmwareTree, &[offset], buffer))
    }

    /// Reads until less than a whole buffer comes.
    fn in_chunks(&self, mut read: impl FnMut(u64, &mut [u8]) -> Result<u64>) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = (read(all.len() as u64, &mut buffer)? as usize).min(buffer.len());
            all.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if count < buffer.len() {
                return Ok(all);
            }
        }
    }

    pub fn create(&self, descriptor: &ZoneDescriptor) -> Result<u32> {
        Ok(self.call_to(Function::ZoneCreate, &[], descriptor.as_bytes())? as u32)
    }

    /// Copies into a zone; `progress` is told how many bytes are done.
    pub fn write(
        &self,
        zone: u32,
        guest: u64,
        bytes: &[u8],
        mut progress: impl FnMut(u64),
    ) -> Result<()> {
        let mut at = guest;
        for chunk in bytes.chunks(CHUNK) {
            self.call_to(Function::ZoneWrite, &[zone.into(), at], chunk)?;
            at += chunk.len() as u64;
            progress(chunk.len() as u64);
        }
        Ok(())
    }

    /// `ZoneStart` to `ZoneDestroy`.
    pub fn change(&self, function: Function, zone: u32) -> Result<()> {
        self.call(function, &[zone.into()]).map(drop)
    }

    pub fn status(&self, zone: u32) -> Result<ZoneStatus> {
        let mut bytes = [0; size_of::<ZoneStatus>()];
        self.call_from(Function::ZoneStatus, &[zone.into()], &mut bytes)?;
        Ok(zerocopy::transmute!(bytes))
    }

    /// All zones there are, zone0 first.
    pub fn zones(&self) -> Result<Vec<ZoneStatus>> {
        let mut zones = Vec::new();
        for zone in 0..abi::MAX_ZONES as u32 {
            match self.status(zone) {
                Ok(status) => zones.push(status),
                Err(CallError::Refused(abi::Error::NoSuchZone | abi::Error::InvalidArgument)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(zones)
    }

    pub fn keep(&self, zone: u32, text: &[u8]) -> Result<()> {
        self.call_to(Function::KeptWrite, &[zone.into(), 0], text)
            .map(drop)
    }

    pub fn kept(&self, status: &ZoneStatus) -> Result<Vec<u8>> {
        if status.kept == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; (status.kept.min(abi::hypercall::KEPT_SIZE)) as usize];
        let count =
            self.call_from(Function::KeptRead, &[status.zone.into(), 0], &mut bytes)? as usize;
        bytes.truncate(count);
        // The kernel keeps a page-sized text; what was not written is zero.
        let end = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        bytes.truncate(end);
        Ok(bytes)
    }

    /// `None` beyond the last processor.
    pub fn counters(&self, cpu: usize) -> Result<Option<CpuCounters>> {
        let mut bytes = [0; size_of::<CpuCounters>()];
        match self.call_from(Function::Counters, &[cpu as u64], &mut bytes) {
            Ok(_) => Ok(Some(zerocopy::transmute!(bytes))),
            Err(CallError::Refused(abi::Error::InvalidArgument | abi::Error::OutOfRange)) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Log text from `position` on, and the position after it.
    pub fn log(&self, position: u64) -> Result<(LogHeader, Vec<u8>)> {
        let mut buffer = vec![0; CHUNK];
        let count = self.call_from(Function::LogRead, &[position], &mut buffer)? as usize;
        let (header, text) =
            LogHeader::read_from_prefix(&buffer).map_err(|_| CallError::Unknown(0))?;
        // Whether the count has the header in it is told by `end`.
        let length = header
            .end
            .saturating_sub(header.position)
            .min(text.len() as u64) as usize;
        let length = length.min(count.max(1));
        Ok((header, text.get(..length).unwrap_or_default().to_vec()))
    }

    pub fn trace(&self, cpu: usize, position: u64) -> Result<(LogHeader, Vec<TraceEntry>)> {
        let mut buffer = vec![0; CHUNK];
        let count =
            self.call_from(Function::TraceRead, &[cpu as u64, position], &mut buffer)? as usize;
        let (header, rest) =
            LogHeader::read_from_prefix(&buffer).map_err(|_| CallError::Unknown(0))?;
        let entries = rest
            .chunks_exact(size_of::<TraceEntry>())
            .take(count)
            .filter_map(|bytes| TraceEntry::read_from_bytes(bytes).ok())
            .collect();
        Ok((header, entries))
    }
}
