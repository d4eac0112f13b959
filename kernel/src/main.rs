// SPDX-License-Identifier: Apache-2.0
//! The separation kernel, from the firmware to the parking loop.
//!
//! On the workstation this is an empty program, so that `cargo build` and
//! `cargo test` of the workspace need no bare-metal target.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod arch;
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod cpu;
#[cfg(target_os = "none")]
mod drivers;
#[cfg(target_os = "none")]
mod frozen;
#[cfg(target_os = "none")]
mod hypercall;
#[cfg(target_os = "none")]
mod log;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
mod pool;
#[cfg(target_os = "none")]
mod sync;
#[cfg(target_os = "none")]
mod zone;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("hvisor's kernel runs on bare metal only: cargo xtask build");
}
