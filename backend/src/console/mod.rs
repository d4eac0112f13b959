// SPDX-License-Identifier: Apache-2.0
//! Consoles: the hub that people attach to, and virtio-console.

mod client;
mod frame;
mod history;
mod hub;
mod pty;
mod virtio;

pub use client::Client;
pub use hub::Hub;
pub use virtio::Console;

use std::cell::RefCell;
use std::rc::Rc;

/// A hub that a serial line and a virtio console may share.
pub type SharedHub = Rc<RefCell<Hub>>;
