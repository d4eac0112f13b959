// SPDX-License-Identifier: Apache-2.0
//! The devices of a zone, served from zone0: virtio over MMIO and 16550.
//!
//! One process serves one zone ([`run`]). Register accesses come through the
//! zone's I/O area ([`abi::io`]), queue contents through its lent memory, both
//! mapped by way of [`driver`]. Guests' values are checked where they enter:
//! registers in [`transport::Registers`], rings in [`transport::Virtqueue`].

pub mod area;
mod block;
pub mod config;
pub mod confine;
pub mod console;
pub mod device;
pub mod driver;
pub mod error;
pub mod kept;
pub mod mapping;
pub mod memory;
mod net;
mod port;
mod serial;
mod serve;
mod slot;
pub mod transport;
pub mod zone;

pub use config::{BlockConfig, Config, ConsoleConfig, DeviceConfig, DeviceKind, NetConfig};
pub use error::{Error, Result};
pub use serve::{Devices, run};
