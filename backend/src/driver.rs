// SPDX-License-Identifier: Apache-2.0
//! `/dev/hvisor`; the layouts are those of `driver/hvisor.h`.

use crate::mapping::Mapping;
use abi::Function;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use vmm_sys_util::eventfd::EventFd;
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub const PATH: &str = "/dev/hvisor";

/// Window `index` is mapped at file offset `index << WINDOW_SHIFT`.
pub const WINDOW_SHIFT: u32 = 40;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Call {
    pub function: u32,
    pub direction: u32,
    pub args: [u64; 4],
    pub buffer: u64,
    pub length: u32,
    pub arg_count: u32,
    pub status: i64,
    pub value: u64,
}

/// `Call::direction`.
pub mod direction {
    pub const NONE: u32 = 0;
    pub const TO_KERNEL: u32 = 1;
    pub const FROM_KERNEL: u32 = 2;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bind {
    pub zone: u32,
    pub eventfd: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IrqFd {
    pub zone: u32,
    pub device: u32,
    pub eventfd: i32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StateEvent {
    pub eventfd: i32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Respond {
    pub zone: u32,
    pub vcpu: u32,
}

/// `_IOC(direction, 'H', number, size)` of the generic ioctl encoding.
const fn request(direction: u32, number: u32, size: usize) -> u32 {
    direction << 30 | (size as u32) << 16 | (b'H' as u32) << 8 | number
}
const WRITE: u32 = 1;
const READ: u32 = 2;
pub const HVISOR_CALL: u32 = request(READ | WRITE, 0, size_of::<Call>());
pub const HVISOR_BIND: u32 = request(WRITE, 1, size_of::<Bind>());
pub const HVISOR_IRQFD: u32 = request(WRITE, 2, size_of::<IrqFd>());
pub const HVISOR_EVENTFD: u32 = request(WRITE, 3, size_of::<StateEvent>());
pub const HVISOR_RESPOND: u32 = request(WRITE, 4, size_of::<Respond>());

/// Why a hypercall did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{0:?}")]
    Refused(abi::Error),
    #[error("unknown status {0}")]
    Unknown(i64),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// An open `/dev/hvisor`.
#[derive(Debug)]
pub struct Driver {
    file: File,
}

impl Driver {
    pub fn open() -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(PATH)?;
        Ok(Self { file })
    }

    fn ioctl<T>(&self, request: u32, argument: &mut T) -> io::Result<()> {
        // SAFETY: every request is used with the structure its size was made
        // from, which lives during the call.
        let result = unsafe {
            libc::ioctl(
                self.file.as_raw_fd(),
                request as _,
                std::ptr::from_mut(argument),
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    fn hypercall(&self, mut call: Call, args: &[u64]) -> Result<u64, CallError> {
        let Some(to) = call.args.get_mut(..args.len()) else {
            return Err(CallError::Refused(abi::Error::InvalidArgument));
        };
        to.copy_from_slice(args);
        call.arg_count = args.len() as u32;
        self.ioctl(HVISOR_CALL, &mut call)?;
        match call.status {
            0 => Ok(call.value),
            status => Err(abi::Error::from_status(status)
                .map_or(CallError::Unknown(status), CallError::Refused)),
        }
    }

    /// A call without a buffer.
    pub fn call(&self, function: Function, args: &[u64]) -> Result<u64, CallError> {
        let call = Call {
            function: function.number(),
            ..Call::default()
        };
        self.hypercall(call, args)
    }

    /// A call that hands `bytes` to the kernel.
    pub fn call_to(
        &self,
        function: Function,
        args: &[u64],
        bytes: &[u8],
    ) -> Result<u64, CallError> {
        let call = Call {
            function: function.number(),
            direction: direction::TO_KERNEL,
            buffer: bytes.as_ptr() as u64,
            length: length(bytes)?,
            ..Call::default()
        };
        self.hypercall(call, args)
    }

    /// A call that fills `bytes`.
    pub fn call_from(
        &self,
        function: Function,
        args: &[u64],
        bytes: &mut [u8],
    ) -> Result<u64, CallError> {
        let call = Call {
            function: function.number(),
            direction: direction::FROM_KERNEL,
            buffer: bytes.as_mut_ptr() as u64,
            length: length(bytes)?,
            ..Call::default()
        };
        self.hypercall(call, args)
    }

    /// A call that answers with one structure.
    pub fn read<T>(&self, function: Function, args: &[u64]) -> Result<T, CallError>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        let mut value = T::new_zeroed();
        self.call_from(function, args, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Makes this open file the back end of `zone`.
    pub fn bind(&self, zone: u32, event: &EventFd) -> io::Result<()> {
        let eventfd = event.as_raw_fd();
        self.ioctl(HVISOR_BIND, &mut Bind { zone, eventfd })
    }

    /// Writes to `event` raise the interrupt of `device`.
    pub fn irqfd(&self, zone: u32, device: u32, event: &EventFd) -> io::Result<()> {
        let eventfd = event.as_raw_fd();
        self.ioctl(
            HVISOR_IRQFD,
            &mut IrqFd {
                zone,
                device,
                eventfd,
                reserved: 0,
            },
        )
    }

    /// `event` is written when the state of any zone changed.
    pub fn state_event(&self, event: &EventFd) -> io::Result<()> {
        let eventfd = event.as_raw_fd();
        self.ioctl(
            HVISOR_EVENTFD,
            &mut StateEvent {
                eventfd,
                reserved: 0,
            },
        )
    }

    /// A response was put into the ring of `vcpu`.
    pub fn respond(&self, zone: u32, vcpu: u32) -> io::Result<()> {
        self.ioctl(HVISOR_RESPOND, &mut Respond { zone, vcpu })
    }

    /// Maps `size` bytes of the bound zone's window `index`.
    pub fn map(&self, index: u32, size: usize) -> io::Result<Mapping> {
        Mapping::shared(&self.file, u64::from(index) << WINDOW_SHIFT, size)
    }
}

impl AsRawFd for Driver {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

fn length(bytes: &[u8]) -> Result<u32, CallError> {
    if bytes.is_empty() || bytes.len() as u64 > abi::hypercall::MAX_BUFFER {
        return Err(CallError::Refused(abi::Error::BadBuffer));
    }
    Ok(bytes.len() as u32)
}
