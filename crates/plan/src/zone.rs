// SPDX-License-Identifier: Apache-2.0
//! What a zone is asked to be, whichever file said so.

use crate::problem::At;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    User,
    Realtime,
}

/// Which processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cpus {
    Any(usize),
    /// By their place in the firmware's device tree, from 0.
    These(Vec<usize>),
    /// By the firmware's numbers (MPIDR affinity, hart).
    Physical(Vec<u64>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub path: PathBuf,
    #[serde(default)]
    pub readonly: bool,
    #[serde(default)]
    pub serial: Option<String>,
    pub queues: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Bridge of zone0 to join; a tap is made for it.
    pub bridge: Option<String>,
    /// A tap's name, made if there is none.
    pub tap: Option<String>,
    pub mac: [u8; 6],
    /// zone0's own address on the bridge or tap, and its prefix length.
    #[serde(default)]
    pub address: Option<(std::net::Ipv4Addr, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Console {
    pub name: Option<String>,
}

/// A virtual device and what serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Device {
    /// The 16550.
    Serial,
    Console(Console),
    Disk(Disk),
    Network(Network),
    /// Known to upstream's files only.
    Gpu {
        width: u32,
        height: u32,
    },
}

/// Fixed by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub address: Option<u64>,
    pub line: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedDevice {
    pub device: Device,
    pub place: Place,
}

/// A device of the machine, by its path in the firmware's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passthrough {
    pub path: String,
    /// Hz of its clocks, where the tree does not tell.
    pub clocks: Vec<u32>,
}

/// RAM fixed by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedMemory {
    pub guest: u64,
    /// `None`: any that is free.
    pub physical: Option<u64>,
    pub size: u64,
}

/// Device registers by address, for those that no tree describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedMmio {
    pub guest: u64,
    pub physical: u64,
    pub size: u64,
    /// Left out with a warning where it can not be had.
    pub optional: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Guest address of RAM.
    pub ram: Option<At<u64>>,
    pub memory: Vec<At<FixedMemory>>,
    pub mmio: Vec<At<FixedMmio>>,
    /// Interrupt lines beside those of `passthrough`, as the controller counts.
    pub lines: Vec<At<u32>>,
    pub controller: Vec<At<u64>>,
    pub dtb: Option<At<u64>>,
    pub initrd: Option<At<u64>>,
}

/// How DMA of passed-through devices is dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dma {
    /// Devices that do DMA are refused.
    #[default]
    Refuse,
    /// Guest addresses are physical ones; the device is trusted.
    Identity,
}

/// What happens when the guest resets itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnReset {
    #[default]
    Restart,
    Destroy,
}

/// The whole description. Paths are as written; the reader of files resolves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub name: At<String>,
    pub kind: Kind,
    pub cpus: At<Cpus>,
    /// Bytes.
    pub memory: At<u64>,
    pub kernel: Option<At<PathBuf>>,
    pub initrd: Option<At<PathBuf>>,
    /// A device tree to hand over instead of the generated one.
    pub dtb: Option<At<PathBuf>>,
    pub cmdline: String,
    /// Guest address a raw kernel is put at.
    pub load: Option<At<u64>>,
    pub entry: Option<At<u64>>,
    pub devices: Vec<At<AskedDevice>>,
    pub passthrough: Vec<At<Passthrough>>,
    pub dma: At<Dma>,
    pub on_reset: OnReset,
    pub layout: Layout,
}
