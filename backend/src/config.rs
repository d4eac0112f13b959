// SPDX-License-Identifier: Apache-2.0
//! What a back end is to serve.

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// All devices of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The zone's number in the kernel.
    pub zone: u32,
    /// The zone's name, for messages and the process's name.
    pub name: String,
    pub devices: Vec<DeviceConfig>,
    /// Where consoles put their socket (`NAME.sock`) and a link to their
    /// pseudo-terminal (`NAME.pty`); it exists.
    pub run_directory: PathBuf,
    /// Give up all rights that serving needs no more.
    pub confine: bool,
}

/// One device of the zone's descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Index into the descriptor's devices.
    pub index: u32,
    pub kind: DeviceKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    Serial(ConsoleConfig),
    Console(ConsoleConfig),
    Block(BlockConfig),
    Net(NetConfig),
}

/// A serial line or virtio console. Devices with the same console name are
/// seen and typed into together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// Name of the socket in the run directory, without its suffix.
    pub console: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockConfig {
    /// A file or a block device.
    pub path: PathBuf,
    pub read_only: bool,
    /// At most 20 bytes of it reach the guest.
    pub serial: String,
    /// Request queues, 1 to [`BlockConfig::MAX_QUEUES`].
    pub queues: u16,
    /// Bytes of a logical block: a power of two from 512 to 4096.
    pub block_size: u32,
}

impl BlockConfig {
    pub const MAX_QUEUES: u16 = 8;

    /// Writable, one queue, blocks of 512 bytes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            read_only: false,
            serial: String::new(),
            queues: 1,
            block_size: 512,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// Name of the TAP interface in zone0, made if it is not there.
    pub tap: String,
    /// The guest's address.
    pub mac: [u8; 6],
    /// Bridge the TAP interface is put into, made if it is not there.
    pub bridge: Option<String>,
    /// zone0's own address and prefix length on the bridge (or on the TAP
    /// interface if there is none).
    pub address: Option<(Ipv4Addr, u8)>,
}
