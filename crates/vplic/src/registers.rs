// SPDX-License-Identifier: Apache-2.0
//! The memory map (specification, chapter 3).

use crate::{Host, MAX_PRIORITY, Plic};
use lineset::next_bit;

const PRIORITY_END: u64 = 0x1000;
const PENDING_END: u64 = 0x1080;
const ENABLE: u64 = 0x2000;
const ENABLE_END: u64 = 0x20_0000;
const CONTEXT: u64 = 0x20_0000;
/// Bytes from the first register to behind the last context's.
pub(crate) const SIZE: u64 = 0x400_0000;

/// An access that is not of 4 bytes, not aligned or outside the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAccess;

enum Register {
    Priority(u32),
    Pending(usize),
    Enable(usize, usize),
    Threshold(usize),
    Claim(usize),
    /// Reserved, or a context that is not there: reads 0.
    Reserved,
}

impl Plic {
    /// Reads the register at `offset` bytes.
    pub fn read(&mut self, offset: u64, width: u8, host: &mut impl Host) -> Result<u32, BadAccess> {
        Ok(match self.register(offset, width)? {
            Register::Priority(source) => self.priority_of(source).into(),
            Register::Pending(index) => self.pending.word(index),
            Register::Enable(vcpu, index) => self
                .contexts
                .get(vcpu)
                .map_or(0, |context| context.enabled.word(index)),
            Register::Threshold(vcpu) => self
                .contexts
                .get(vcpu)
                .map_or(0, |context| context.threshold.into()),
            Register::Claim(vcpu) => self.claim(vcpu, host),
            Register::Reserved => 0,
        })
    }

    /// Writes the register at `offset` bytes. What concerns a source that is
    /// not the zone's has no effect.
    pub fn write(
        &mut self,
        offset: u64,
        width: u8,
        value: u32,
        host: &mut impl Host,
    ) -> Result<(), BadAccess> {
        match self.register(offset, width)? {
            Register::Priority(source) => self.set_priority(source, value, host),
            Register::Enable(vcpu, index) => self.set_enabled(vcpu, index, value, host),
            Register::Threshold(vcpu) => {
                if let Some(context) = self.contexts.get_mut(vcpu) {
                    context.threshold = (value as u8) & MAX_PRIORITY;
                    self.update(vcpu, host);
                }
            }
            Register::Claim(vcpu) => self.complete(vcpu, value, host),
            Register::Pending(_) | Register::Reserved => {}
        }
        Ok(())
    }

    fn register(&self, offset: u64, width: u8) -> Result<Register, BadAccess> {
        if width != 4 || offset & 3 != 0 || offset >= SIZE {
            return Err(BadAccess);
        }
        let word = |bytes: u64| ((bytes & 0x7f) >> 2) as usize;
        Ok(if offset < PRIORITY_END {
            Register::Priority((offset >> 2) as u32)
        } else if offset < PENDING_END {
            Register::Pending(word(offset))
        } else if offset < ENABLE {
            Register::Reserved
        } else if offset < ENABLE_END {
            match self.vcpu(offset.wrapping_sub(ENABLE) >> 7) {
                Some(vcpu) => Register::Enable(vcpu, word(offset)),
                None => Register::Reserved,
            }
        } else {
            match (
                self.vcpu(offset.wrapping_sub(CONTEXT) >> 12),
                offset & 0xfff,
            ) {
                (Some(vcpu), 0) => Register::Threshold(vcpu),
                (Some(vcpu), 4) => Register::Claim(vcpu),
                _ => Register::Reserved,
            }
        })
    }

    /// The vCPU whose S-mode `context` is.
    fn vcpu(&self, context: u64) -> Option<usize> {
        self.numbers
            .iter()
            .take(self.vcpus)
            .position(|&number| u64::from(number) == context)
    }

    fn set_priority(&mut self, source: u32, value: u32, host: &mut impl Host) {
        if !self.owned.contains(source) {
            return;
        }
        let priority = (value as u8) & MAX_PRIORITY;
        if let Some(slot) = self.priority.get_mut(source as usize) {
            *slot = priority;
        }
        if let Some(physical) = self.physical(source) {
            host.priority(physical, priority);
        }
        self.update_enabled(source, host);
    }

    fn set_enabled(&mut self, vcpu: usize, index: usize, value: u32, host: &mut impl Host) {
        let value = value & self.owned.word(index);
        let Some(context) = self.contexts.get_mut(vcpu) else {
            return;
        };
        let before = context.enabled.word(index);
        context.enabled.set_word(index, value);
        let mut changed = (before ^ value) & self.wired.word(index);
        while changed != 0 {
            let source = next_bit(&mut changed, index);
            let on = self
                .contexts
                .get(vcpu)
                .is_some_and(|context| context.enabled.contains(source));
            if let Some(physical) = self.physical(source) {
                host.enable(vcpu, physical, on);
            }
        }
        self.update(vcpu, host);
    }
}
