// SPDX-License-Identifier: Apache-2.0
//! Exceptions of the kernel itself.

use super::vectors::Registers;
use super::{csr, fetch};

/// Returns only from a guest fetch that faulted; anything else is our own defect.
pub extern "C" fn kernel_trap(registers: &mut Registers) {
    if let Some(next) = fetch::recover(registers.pc) {
        registers.pc = next;
        return;
    }
    defect(registers)
}

/// The kernel's own defect: nothing can be trusted any more.
fn defect(registers: &Registers) -> ! {
    crate::panic::exception(
        format_args!(
            "exception: scause {:#x}, stval {:#x}, sp {:#x}, ra {:#x}",
            csr::read!("scause"),
            csr::read!("stval"),
            registers.get(2),
            registers.get(1)
        ),
        registers.pc,
        registers.get(8),
    )
}
