// SPDX-License-Identifier: Apache-2.0
//! Hypercalls ([`abi::hypercall`]): who may call, where buffers are, and on to
//! what does it.

use crate::sync::Guard;
use crate::zone::layout::Gpa;
use crate::zone::{self, MANAGEMENT, Zone, manage, report};
use crate::{arch, boot, cpu, log};
use abi::ZoneDescriptor;
use abi::counters::{CpuCounters, TraceEntry};
use abi::hypercall::{Error, Function, MAX_BUFFER};
use abi::status::LogHeader;
use core::sync::atomic::Ordering;
use ownership::Resources;
use zerocopy::{FromBytes, IntoBytes};

type Answer = Result<u64, Error>;

/// A call of `caller` -> status and value.
pub fn call(caller: &Zone, function: u64, arguments: [u64; 5]) -> (i64, u64) {
    match answer(caller, function, arguments) {
        Ok(value) => (0, value),
        Err(error) => (error.status(), 0),
    }
}

fn answer(caller: &Zone, function: u64, arguments: [u64; 5]) -> Answer {
    let function = u32::try_from(function)
        .ok()
        .and_then(Function::from_number)
        .ok_or(Error::NotSupported)?;
    if function == Function::Version {
        return Ok(abi::VERSION.into());
    }
    if !caller.is_zone0() {
        return Err(Error::NotPermitted);
    }
    let [a, b, c, d, _] = arguments;
    match function {
        Function::Version => Ok(abi::VERSION.into()),
        Function::Inventory => {
            let buffer = Buffer::new(caller, c, d)?;
            let resources = managing()?;
            report::inventory(&resources, a, b, buffer.write())
        }
        Function::FirmwareTree => {
            let buffer = Buffer::new(caller, b, c)?;
            let start = usize::try_from(a).map_err(|_| Error::InvalidArgument)?;
            let rest = boot::tree().get(start..).ok_or(Error::InvalidArgument)?;
            Ok(copy_prefix(buffer.write(), rest))
        }
        Function::ZoneCreate => {
            let buffer = Buffer::new(caller, a, b)?;
            // Copied before it is looked at: the caller may change its memory.
            let descriptor = ZoneDescriptor::parse(buffer.read()).ok_or(Error::BadDescriptor)?;
            let mut resources = managing()?;
            manage::create(&mut resources, &descriptor).map(u64::from)
        }
        Function::ZoneWrite => {
            let buffer = Buffer::new(caller, c, d)?;
            let _managing = managing()?;
            manage::write(a, Gpa(b), buffer.address, buffer.length).map(|()| 0)
        }
        Function::ZoneStart => managed(|_| manage::start(a)),
        Function::ZoneStop => managed(|_| manage::stop(a)),
        Function::ZonePause => managed(|_| manage::pause(a)),
        Function::ZoneResume => managed(|_| manage::resume(a)),
        Function::ZoneReset => managed(|resources| manage::reset(resources, a)),
        Function::ZoneDestroy => managed(|resources| manage::destroy(resources, a)),
        Function::ZoneStatus => {
            let buffer = Buffer::new(caller, b, c)?;
            let status = report::status(&*zone::get(a)?)?;
            put(buffer, status.as_bytes())
        }
        Function::ZoneWindow => {
            let buffer = Buffer::new(caller, c, d)?;
            let window = report::window(&*zone::get(a)?, b)?;
            put(buffer, window.as_bytes())
        }
        Function::Counters => counters(a, Buffer::new(caller, b, c)?),
        Function::LogRead => read_log(a, Buffer::new(caller, b, c)?),
        Function::TraceRead => read_trace(a, b, Buffer::new(caller, c, d)?),
        Function::BackendAttach => managed(|_| manage::bind(a, true)),
        Function::BackendDetach => managed(|_| manage::bind(a, false)),
        Function::DeviceInterrupt => {
            let device = usize::try_from(b).map_err(|_| Error::InvalidArgument)?;
            zone::device::drive_line(&*zone::get(a)?, device, c & 1 != 0).map(|()| 0)
        }
        Function::DeviceResponse => {
            let vcpu = usize::try_from(b).map_err(|_| Error::InvalidArgument)?;
            let zone = zone::get(a)?;
            let index = zone
                .layout()
                .cpu_index(vcpu)
                .ok_or(Error::InvalidArgument)?;
            arch::interrupts::kick(index);
            Ok(0)
        }
        Function::KeptWrite => {
            let buffer = Buffer::new(caller, c, d)?;
            let zone = zone::get(a)?;
            let target = zone.kept(b, buffer.length)?;
            zone::loader::copy(target, buffer.address, buffer.length);
            Ok(0)
        }
        Function::KeptRead => {
            let buffer = Buffer::new(caller, c, d)?;
            let zone = zone::get(a)?;
            let source = zone.kept(b, buffer.length)?;
            zone::loader::copy(buffer.address, source, buffer.length);
            Ok(buffer.length)
        }
    }
}

/// The owners' table; refused while another processor changes something, so
/// that no processor of zone0 waits in the kernel for a long scrub.
fn managing() -> Result<Guard<'static, Resources>, Error> {
    MANAGEMENT.try_lock().ok_or(Error::Busy)
}

fn managed(operation: impl FnOnce(&mut Resources) -> Result<(), Error>) -> Answer {
    let mut resources = managing()?;
    operation(&mut resources).map(|()| 0)
}

/// A buffer of the caller: all of it is in one piece of its own RAM, and no
/// longer than the longest allowed.
struct Buffer {
    address: u64,
    length: u64,
}

impl Buffer {
    fn new(caller: &Zone, address: u64, length: u64) -> Result<Self, Error> {
        if length == 0 || length > MAX_BUFFER || address & 7 != 0 {
            return Err(Error::BadBuffer);
        }
        let address = caller
            .layout()
            .ram(Gpa(address), length)
            .ok_or(Error::BadBuffer)?;
        Ok(Self { address, length })
    }

    fn read(&self) -> &[u8] {
        // SAFETY: RAM of the caller, mapped linearly, checked by `new`. Its
        // other processors may write it meanwhile: whoever parses copies first.
        unsafe { core::slice::from_raw_parts(self.address as *const u8, self.length as usize) }
    }

    #[expect(
        clippy::mut_from_ref,
        reason = "the caller's memory, used once per call"
    )]
    fn write(&self) -> &mut [u8] {
        // SAFETY: as above; nothing of ours is in it.
        unsafe { core::slice::from_raw_parts_mut(self.address as *mut u8, self.length as usize) }
    }
}

fn copy_prefix(target: &mut [u8], source: &[u8]) -> u64 {
    let count = target.len().min(source.len());
    if let (Some(target), Some(source)) = (target.get_mut(..count), source.get(..count)) {
        target.copy_from_slice(source);
    }
    count as u64
}

fn put(buffer: Buffer, bytes: &[u8]) -> Answer {
    let target = buffer.write();
    if target.len() < bytes.len() {
        return Err(Error::BadBuffer);
    }
    Ok(copy_prefix(target, bytes))
}

fn processor(number: u64) -> Result<&'static cpu::Processor, Error> {
    usize::try_from(number)
        .ok()
        .and_then(cpu::get)
        .ok_or(Error::InvalidArgument)
}

fn counters(number: u64, buffer: Buffer) -> Answer {
    let processor = processor(number)?;
    let counters = CpuCounters {
        physical: processor.physical.load(Ordering::Relaxed),
        zone: processor.owner.load(Ordering::Relaxed),
        vcpu: processor.vcpu.load(Ordering::Relaxed),
        exits: processor
            .exits
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed)),
    };
    put(buffer, counters.as_bytes())
}

/// Splits a buffer into the header that starts the answer, and the rest.
fn with_header(buffer: &Buffer) -> Result<(&mut LogHeader, &mut [u8]), Error> {
    LogHeader::mut_from_prefix(buffer.write()).map_err(|_| Error::BadBuffer)
}

fn read_log(position: u64, buffer: Buffer) -> Answer {
    let (header, bytes) = with_header(&buffer)?;
    let (first, count) = log::read(position, bytes);
    *header = LogHeader {
        position: first,
        end: log::end(),
    };
    Ok(count as u64)
}

fn read_trace(number: u64, position: u64, buffer: Buffer) -> Answer {
    let processor = processor(number)?;
    let (header, bytes) = with_header(&buffer)?;
    let count = bytes
        .len()
        .checked_div(size_of::<TraceEntry>())
        .unwrap_or(0);
    let bytes = bytes
        .get_mut(..count.saturating_mul(size_of::<TraceEntry>()))
        .ok_or(Error::BadBuffer)?;
    let entries = <[TraceEntry]>::mut_from_bytes(bytes).map_err(|_| Error::BadBuffer)?;
    let (first, count) = processor.read_trace(position, entries);
    *header = LogHeader {
        position: first,
        end: processor.trace_end(),
    };
    Ok(count as u64)
}
