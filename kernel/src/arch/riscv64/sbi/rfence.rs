// SPDX-License-Identifier: Apache-2.0
//! RFENCE: the firmware fences the zone's harts, for the zone's VMID.

use super::{Answer, selected};
use crate::arch::isa::firmware;
use crate::cpu;
use crate::zone::Zone;
use core::sync::atomic::Ordering;
use rv64::sbi::{HartMask, error, function};

/// The hypervisor's fences (functions 3 to 6) are for a guest that has the H extension: none.
pub fn call(zone: &Zone, function: u64, arguments: [u64; 5]) -> Answer {
    let [mask, base, start, size, asid] = arguments;
    let fence = match function {
        function::FENCE_I => function::FENCE_I,
        function::SFENCE_VMA => function::HFENCE_VVMA,
        function::SFENCE_VMA_ASID => function::HFENCE_VVMA_ASID,
        _ => return Err(error::NOT_SUPPORTED),
    };
    let selected = selected(zone, HartMask { mask, base })?;
    let mut batch = Batch {
        fence,
        start,
        size,
        asid,
        mask: 0,
        base: 0,
    };
    for (vcpu, index) in zone.layout().cpu_indices().enumerate() {
        if selected >> vcpu & 1 != 0
            && let Some(processor) = cpu::get(index)
        {
            batch.add(processor.physical.load(Ordering::Relaxed))?;
        }
    }
    batch.send()?;
    Ok(0)
}

/// Physical harts of one call to the firmware: 64 from the first on.
struct Batch {
    fence: u64,
    start: u64,
    size: u64,
    asid: u64,
    mask: u64,
    base: u64,
}

impl Batch {
    fn add(&mut self, hart: u64) -> Result<(), i64> {
        let offset = hart.wrapping_sub(self.base);
        if self.mask != 0 && offset < 64 {
            self.mask |= 1 << offset;
            return Ok(());
        }
        self.send()?;
        self.base = hart;
        self.mask = 1;
        Ok(())
    }

    fn send(&mut self) -> Result<(), i64> {
        if self.mask == 0 {
            return Ok(());
        }
        let fenced = firmware::remote_fence(
            self.fence, self.mask, self.base, self.start, self.size, self.asid,
        );
        self.mask = 0;
        fenced.map_err(|error| error.0)
    }
}
