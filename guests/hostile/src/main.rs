// SPDX-License-Identifier: Apache-2.0
//! The hostile guest: an ordinary zone's program that tries to hurt others.
//!
//! The zone's command line says which case it runs (`hostile=NUMBER`) and, for
//! some, `address=`, `form=`, `seed=` and `count=`. It prints a line that begins
//! with `hostile:` for its start, for everything that it got and should not
//! have (`BAD`), and for its end, and then powers off (or reads from 0x0bad....
//! if there was something bad); or it is stopped on the way, with a fault
//! record that says what it did.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod console;
#[cfg(target_os = "none")]
mod arch;
#[cfg(target_os = "none")]
mod case;
#[cfg(target_os = "none")]
mod hypercall;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod platform;
#[cfg(target_os = "none")]
mod random;
#[cfg(target_os = "none")]
mod virtio;

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    say!("BAD itself: {info}");
    case::confess(u64::MAX)
}
