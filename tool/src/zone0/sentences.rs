// SPDX-License-Identifier: Apache-2.0
//! Numbers of the ABI as sentences.

use crate::failure::{Code, Failure};
use abi::Error;
use abi::status::{FAULT_WRITE, FaultCause, FaultRecord, State, StopReason, ZoneStatus};
use backend::driver::CallError;
use plan::Problem;

/// What stood in the way, and what would work.
pub fn error(error: Error) -> (&'static str, &'static str) {
    match error {
        Error::NotSupported => (
            "this kernel does not know the call",
            "use the tool that came with the kernel",
        ),
        Error::NotPermitted => (
            "only zone0's manager may do that",
            "run it as root in zone0",
        ),
        Error::InvalidArgument => (
            "the kernel found an argument out of range",
            "use the tool that came with the kernel",
        ),
        Error::BadBuffer => (
            "the kernel could not read the driver's buffer",
            "load the driver that came with the kernel",
        ),
        Error::NoSuchZone => (
            "there is no such zone",
            "`hvisor zone list` shows those there are",
        ),
        Error::WrongState => (
            "the zone's state does not allow it",
            "`hvisor zone list` shows its state",
        ),
        Error::BadDescriptor => (
            "the kernel takes the descriptor for malformed",
            "use the tool that came with the kernel",
        ),
        Error::NameTaken => (
            "a zone of that name exists",
            "stop it, or choose another name",
        ),
        Error::TooManyZones => ("all zone numbers are in use", "stop a zone first"),
        Error::CpuNotFree => (
            "a processor is not free any more",
            "try again; `hvisor status` shows who has it",
        ),
        Error::MemoryNotFree => (
            "some memory is not free any more",
            "try again; `hvisor status` shows who has it",
        ),
        Error::GuestOverlap => (
            "ranges of the zone's own addresses overlap",
            "leave addresses out of [layout]",
        ),
        Error::Misaligned => (
            "an address or size is not page-aligned or out of range",
            "leave addresses out of [layout]",
        ),
        Error::DeviceNotFree => (
            "a device's registers belong to another zone or to hvisor itself",
            "`hvisor plan` shows the windows",
        ),
        Error::LineNotFree => (
            "an interrupt does not exist, or belongs to another zone",
            "`hvisor plan` shows the interrupts",
        ),
        Error::WrongController => (
            "the machine can not give that interrupt controller",
            "leave the controller out of the description",
        ),
        Error::OutOfMemory => ("the kernel's own pools are used up", "stop a zone first"),
        Error::OutOfRange => (
            "an address is outside what the zone owns",
            "give the zone more memory",
        ),
        Error::Busy => ("another command changes the zone just now", "try again"),
        Error::TimedOut => (
            "a processor did not answer in time",
            "`hvisor log` may say why",
        ),
        Error::WrongArchitecture => (
            "the description is for another architecture",
            "plan it on this machine",
        ),
    }
}

pub fn call(asked: &str, failed: &CallError) -> Failure {
    match failed {
        CallError::Refused(refused) => {
            let (obstacle, advice) = error(*refused);
            let code = if *refused == Error::NoSuchZone {
                Code::NoSuchZone
            } else {
                Code::Refused
            };
            Failure::new(
                code,
                Problem::new("hypercall", None, asked, obstacle).advise(advice),
            )
        }
        CallError::Unknown(status) => Failure::refused(
            asked,
            format!("the kernel answered with the unknown status {status}"),
        ),
        CallError::Io(error) => Failure::refused(asked, format!("the driver: {error}")),
    }
}

/// For `map_err` on hypercalls.
pub fn asking(asked: impl Into<String>) -> impl FnOnce(CallError) -> Failure {
    let asked = asked.into();
    move |failed| call(&asked, &failed)
}

pub fn state(status: &ZoneStatus) -> &'static str {
    match State::from_number(status.state) {
        Some(State::Created) => "created",
        Some(State::Running) => "running",
        Some(State::Paused) => "paused",
        Some(State::Stopped) => "stopped",
        None => "unknown",
    }
}

pub fn stop_reason(reason: u32) -> &'static str {
    match StopReason::from_number(reason) {
        Some(StopReason::None) => "not stopped",
        Some(StopReason::Asked) => "stopped by command",
        Some(StopReason::PowerOff) => "powered itself off",
        Some(StopReason::Reset) => "reset itself",
        Some(StopReason::Fault) => "ended by a fault",
        None => "stopped for an unknown reason",
    }
}

/// "processor 0 wrote 4 bytes to 0x9000018 at pc 0x..."
pub fn fault(record: &FaultRecord) -> Option<String> {
    let cause = FaultCause::from_number(record.cause)?;
    let width = if record.width > 0 {
        format!("{} bytes ", record.width)
    } else {
        String::new()
    };
    let direction = if record.flags & FAULT_WRITE != 0 {
        "wrote"
    } else {
        "read"
    };
    let did = match cause {
        FaultCause::None => return None,
        FaultCause::DataAccess => format!(
            "{direction} {width}at {:#x}, which it does not own",
            record.address
        ),
        FaultCause::InstructionFetch => {
            format!("ran into {:#x}, which it does not own", record.address)
        }
        FaultCause::UndecodableAccess => format!(
            "accessed the device register {:#x} by an instruction that says not what it does",
            record.address
        ),
        FaultCause::SystemRegister => format!(
            "{direction} a system register that it may not use (encoding {:#x})",
            record.address
        ),
        FaultCause::Instruction => "used an instruction that zones do not have".into(),
        FaultCause::DeviceAccess => format!(
            "{direction} {width}at the device register {:#x}, which has another width or alignment",
            record.address
        ),
        FaultCause::HardwareError => "was hit by a hardware error".into(),
        FaultCause::UnexpectedExit => {
            "left for the kernel in a way that is not expected here".into()
        }
        FaultCause::Internal => "was found inconsistent by the kernel".into(),
    };
    Some(format!(
        "processor {} {did} (pc {:#x}, syndrome {:#x})",
        record.vcpu, record.pc, record.syndrome
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_two_sentences_of_its_own() {
        let mut seen = Vec::new();
        for one in Error::ALL {
            let (obstacle, advice) = error(*one);
            assert!(!obstacle.is_empty() && !advice.is_empty());
            assert!(!seen.contains(&obstacle), "{obstacle}");
            seen.push(obstacle);
        }
    }

    #[test]
    fn faults() {
        let record = FaultRecord {
            cause: 1,
            flags: FAULT_WRITE,
            width: 4,
            address: 0x900_0018,
            pc: 0x4008_0000,
            ..Default::default()
        };
        let sentence = fault(&record).unwrap();
        assert!(
            sentence.contains("wrote 4 bytes at 0x9000018"),
            "{sentence}"
        );
        assert_eq!(fault(&FaultRecord::default()), None);
    }
}
