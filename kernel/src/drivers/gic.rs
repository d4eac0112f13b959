// SPDX-License-Identifier: Apache-2.0
//! The physical GIC: one interface over version 2 and version 3.
//!
//! Interrupt priority drop and deactivation are split (EOImode 1): the kernel
//! drops the priority, a zone deactivates its own lines through the list
//! register's hardware bit. Calls about one processor's lines (SGI, PPI) and
//! its interface mean the processor that calls.

/// Answer of [`acknowledge`] when nothing is pending.
pub const SPURIOUS: u32 = 1023;

/// The SGI that means "look into your mailbox".
pub const KICK: u32 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

pub fn version() -> Version {
    Version::V3
}

/// Highest INTID + 1.
pub fn lines() -> u32 {
    0
}

/// V2: physical base of GICV (the virtual CPU interface, 8 KiB, to be mapped
/// into zones at their GICC).
pub fn virtual_interface_base() -> u64 {
    0
}

/// INTID of the highest-priority pending interrupt, now active; V2: with the
/// source processor of an SGI in bits 12..10, to be given back unchanged.
#[inline]
pub fn acknowledge() -> u32 {
    SPURIOUS
}

#[inline]
pub fn drop_priority(_acknowledged: u32) {}

#[inline]
pub fn deactivate(_acknowledged: u32) {}

pub fn enable_line(_intid: u32, _enable: bool) {}

/// To processor `index`; SPIs only.
pub fn route_line(_intid: u32, _index: usize) {}

pub fn configure_line(_intid: u32, _edge: bool) {}

pub fn set_priority(_intid: u32, _priority: u8) {}

#[inline]
pub fn set_pending(_intid: u32) {}

pub fn clear_pending(_intid: u32) {}

pub fn set_active(_intid: u32) {}

pub fn clear_active(_intid: u32) {}

pub fn is_pending(_intid: u32) -> bool {
    false
}

pub fn is_active(_intid: u32) -> bool {
    false
}

/// Sends [`KICK`] to processor `index`.
#[inline]
pub fn send_kick(_index: usize) {}

/// Implemented list registers.
#[inline]
pub fn list_register_count() -> usize {
    4
}

/// In version 3's layout (ICH_LR_EL2) with `V3`, version 2's (GICH_LR) with `V2`.
#[inline]
pub fn read_list_register(_index: usize) -> u64 {
    0
}

#[inline]
pub fn write_list_register(_index: usize, _value: u64) {}

/// ICH_HCR_EL2 or GICH_HCR.
#[inline]
pub fn set_hypervisor_control(_bits: u32) {}

#[inline]
pub fn hypervisor_control() -> u32 {
    0
}

/// ICH_MISR_EL2, GICH_MISR.
#[inline]
pub fn maintenance_status() -> u32 {
    0
}

/// List registers that ended with a maintenance request, a bit each.
#[inline]
pub fn ended_list_registers() -> u64 {
    0
}

/// Empty list registers, a bit each.
#[inline]
pub fn empty_list_registers() -> u64 {
    0
}

/// The virtual interface as a zone sees it: priority mask, enables, active
/// priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtualInterface {
    pub vmcr: u64,
    pub ap0r: [u32; 4],
    pub ap1r: [u32; 4],
}

pub fn save_virtual_interface() -> VirtualInterface {
    VirtualInterface::default()
}

pub fn restore_virtual_interface(_state: &VirtualInterface) {}

/// Nothing pending, active or enabled: empties list registers too.
pub fn clear_virtual_interface() {}
