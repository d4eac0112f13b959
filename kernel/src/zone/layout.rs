// SPDX-License-Identifier: Apache-2.0
//! What a zone owns: its checked descriptor, and where its kernel part is.

use crate::cpu;
use abi::descriptor::{ZoneDescriptor, kind};
use ownership::Range;

/// A guest-physical address that a zone named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpa(pub u64);

pub struct Layout {
    pub number: u8,
    pub descriptor: ZoneDescriptor,
    /// Processor index of each vCPU.
    cpus: [u8; abi::MAX_VCPUS],
    /// Frames of [`abi::KEPT_SIZE`], 0 for none.
    pub kept: u64,
}

impl Layout {
    pub const EMPTY: Self = Self {
        number: 0,
        descriptor: ZoneDescriptor::EMPTY,
        cpus: [0; abi::MAX_VCPUS],
        kept: 0,
    };

    /// Of an admitted descriptor: its processors are there.
    pub fn new(number: u8, descriptor: &ZoneDescriptor) -> Self {
        let mut layout = Self {
            number,
            descriptor: *descriptor,
            ..Self::EMPTY
        };
        for (slot, assignment) in layout.cpus.iter_mut().zip(descriptor.cpus()) {
            if let Some(processor) = cpu::find(assignment.physical) {
                *slot = u8::try_from(processor.index).unwrap_or(0);
            }
        }
        layout
    }

    pub fn is_zone0(&self) -> bool {
        self.descriptor.kind == kind::MANAGEMENT
    }

    pub fn vcpu_count(&self) -> usize {
        self.descriptor.cpus().len()
    }

    /// Processor index of vCPU `vcpu`.
    pub fn cpu_index(&self, vcpu: usize) -> Option<usize> {
        (vcpu < self.vcpu_count()).then_some(())?;
        self.cpus.get(vcpu).map(|&index| index.into())
    }

    pub fn cpu_indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.cpus
            .iter()
            .take(self.vcpu_count())
            .map(|&index| index.into())
    }

    /// vCPU with the guest's number of it (MPIDR affinity, hart).
    pub fn vcpu_by_guest_number(&self, number: u64) -> Option<usize> {
        self.descriptor
            .cpus()
            .iter()
            .position(|cpu| cpu.guest == number)
    }

    /// Where `length` bytes of the zone's RAM at `at` are; `None` unless all of
    /// them are in one region.
    pub fn ram(&self, at: Gpa, length: u64) -> Option<u64> {
        self.descriptor.memory().iter().find_map(|region| {
            let range = Range::new(region.guest, region.size)?;
            let offset = at.0.checked_sub(region.guest)?;
            range
                .holds(at.0, length)
                .then(|| region.physical.wrapping_add(offset))
        })
    }

    /// Bytes of RAM.
    pub fn memory_size(&self) -> u64 {
        self.descriptor
            .memory()
            .iter()
            .fold(0, |sum, region| sum.saturating_add(region.size))
    }

    /// Index of the virtual device whose registers hold `at`, and the offset.
    pub fn device(&self, at: Gpa) -> Option<(usize, u32)> {
        self.descriptor
            .devices()
            .iter()
            .enumerate()
            .find_map(|(index, device)| {
                let offset = u32::try_from(at.0.checked_sub(device.guest)?).ok()?;
                (offset < device.size).then_some((index, offset))
            })
    }
}
