// SPDX-License-Identifier: Apache-2.0
//! The redistributors of a GICv3: a RD and a SGI frame per vCPU, in order.

use crate::bank::Bank;
use crate::deliver::is_private;
use crate::distributor::{IIDR, identification};
use crate::line::NONE;
use crate::{Effects, ListRegisters, REDISTRIBUTOR_SIZE, Vgic};

const IIDR_OFFSET: u32 = 0x04;
const TYPER: u32 = 0x08;
const WAKER: u32 = 0x14;
/// GICR_WAKER.
const PROCESSOR_SLEEP: u64 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;
/// Offset of the SGI frame.
const SGI_FRAME: u32 = 0x1_0000;

impl Vgic {
    /// A read by `vcpu` of the register at `offset` (bytes from the first redistributor's base).
    pub fn redistributor_read<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        offset: u32,
        width: u8,
        machine: &mut M,
    ) -> u64 {
        let (owner, offset) = split(offset);
        if owner >= self.count {
            return 0;
        }
        if offset < SGI_FRAME {
            return self.read_rd(owner, offset, width);
        }
        let Some((bank, first)) = sgi_bank(offset, width) else {
            return 0;
        };
        self.current = vcpu;
        let value = self.read_bank(owner, bank, first, width, machine);
        self.update(vcpu, machine);
        self.current = NONE;
        value.into()
    }

    /// A write by `vcpu`. The calling processor's list registers are up to date afterwards.
    pub fn redistributor_write<M: Effects + ListRegisters>(
        &mut self,
        vcpu: u8,
        offset: u32,
        width: u8,
        value: u64,
        machine: &mut M,
    ) {
        let (owner, offset) = split(offset);
        if owner >= self.count {
            return;
        }
        if offset < SGI_FRAME {
            if let (WAKER, 4, Some(cpu)) = (offset, width, self.cpu_mut(owner)) {
                // Tells only; delivery does not depend on it.
                cpu.asleep = value & PROCESSOR_SLEEP != 0;
            }
            return;
        }
        let Some((bank, first)) = sgi_bank(offset, width) else {
            return;
        };
        self.current = vcpu;
        self.write_bank(owner, bank, first, width, value as u32, machine);
        self.update(vcpu, machine);
        self.current = NONE;
    }

    fn read_rd(&self, owner: u8, offset: u32, width: u8) -> u64 {
        let Some(cpu) = self.cpu(owner) else { return 0 };
        let last = owner.saturating_add(1) == self.count;
        let typer = u64::from(cpu.affinity) << 32 | u64::from(owner) << 8 | u64::from(last) << 4;
        match (offset, width) {
            (TYPER, 8) => typer,
            (TYPER, 4) => typer & 0xffff_ffff,
            (0x0c, 4) => typer >> 32,
            (IIDR_OFFSET, 4) => IIDR.into(),
            (WAKER, 4) if cpu.asleep => PROCESSOR_SLEEP | u64::from(CHILDREN_ASLEEP),
            (_, 4) if offset & 3 == 0 => identification(offset, 0xffd0, 0x3b).into(),
            _ => 0,
        }
    }
}

/// vCPU of the redistributor, offset in it.
fn split(offset: u32) -> (u8, u32) {
    let size = REDISTRIBUTOR_SIZE as u32;
    let owner = u8::try_from(offset >> size.trailing_zeros()).unwrap_or(NONE);
    (owner, offset & size.wrapping_sub(1))
}

fn sgi_bank(offset: u32, width: u8) -> Option<(Bank, u16)> {
    Bank::decode(offset & (SGI_FRAME - 1), width).filter(|&(_, first)| is_private(first))
}
