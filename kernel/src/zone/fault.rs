// SPDX-License-Identifier: Apache-2.0
//! What a zone did that it may not: recorded, and the zone stopped.

use super::{current, vcpu};
use crate::arch;
use crate::cpu;
use abi::ExitCause;
use abi::status::{FaultCause, FaultRecord, StopReason};

/// Stops this processor's zone with `record` (time and vCPU are filled in) and
/// parks. The first fault of several vCPUs is the one that is kept.
pub fn fault(cause: FaultCause, record: FaultRecord) -> ! {
    cpu::this().count(ExitCause::Fault);
    if let Some((zone, number)) = current() {
        let record = FaultRecord {
            cause: cause.number(),
            vcpu: u32::try_from(number).unwrap_or(0),
            time: arch::cpu::now(),
            ..record
        };
        if zone.stop(StopReason::Fault, Some(record)).is_ok() {
            crate::log!(
                "zone {}: fault {:?} at pc {:#x}, address {:#x}, syndrome {:#x}",
                zone.number(),
                cause,
                record.pc,
                record.address,
                record.syndrome
            );
        }
    }
    vcpu::leave()
}
