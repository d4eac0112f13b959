// SPDX-License-Identifier: Apache-2.0
//! All that names a register or an instruction, one folder per instruction set.
//!
//! Every `arch/<isa>/` has the same files and gives portable code this, and
//! nothing else:
//!
//! * `link.ld`: image, bss and pool as one range from `__image_start` to
//!   `__kernel_end`; text, rodata, data and pool page-aligned, see there.
//! * `entry`: the Linux image header and the way from there to
//!   [`crate::boot::main`], once, on the processor the firmware entered us on,
//!   with a stack, translation and caches on, image relocated, bss zero.
//! * `mmu`: [`mmu::take_over`] (the final tables), [`mmu::map_device`],
//!   [`mmu::map_ram`], [`mmu::private_area`].
//! * `cpu`: [`cpu::this`], [`cpu::set_this`], [`cpu::wait_for_interrupt`],
//!   [`cpu::now`], [`cpu::frequency`], [`cpu::delay`], [`cpu::firmware_number`],
//!   [`cpu::machine_off`], [`cpu::halt`], [`cpu::backtrace`].
//! * `smp`: [`smp::start`] one other processor, which then calls
//!   [`crate::boot::secondary`].
//! * `interrupts`: the physical interrupt controller: [`interrupts::init`],
//!   [`interrupts::init_cpu`], [`interrupts::kick`], [`interrupts::drain`].
//! * `vectors`: [`vectors::Registers`], [`vectors::enter_guest`],
//!   [`vectors::leave_to_park`]; exits call into `exit`.
//! * `exit`, `vcpu` and what else zones need: see `zone`.
//!
//! The kernel runs with interrupts masked, always: a processor that waits
//! sleeps until an interrupt is pending, then asks for it.

#[cfg_attr(target_arch = "aarch64", path = "aarch64/mod.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64/mod.rs")]
mod isa;

pub use isa::*;
