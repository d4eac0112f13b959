// SPDX-License-Identifier: Apache-2.0
//! What the model asks of the machine.

use crate::ListRegister;

/// The physical distributor, and the zone's other processors. Only ever asked
/// for lines that were added as hardware lines.
pub trait Effects {
    /// A physical SPI of the zone.
    fn enable_line(&mut self, intid: u16, enable: bool);
    /// From now on that SPI goes to the processor of `vcpu`.
    fn route_line(&mut self, intid: u16, vcpu: u8);
    /// Trigger mode of that SPI.
    fn configure_line(&mut self, intid: u16, edge: bool);
    /// A physical PPI of the processor of `vcpu`.
    fn enable_private(&mut self, vcpu: u8, intid: u16, enable: bool);
    /// Ends the active state of an interrupt that [`crate::Vgic::hardware_interrupt`]
    /// reported; `vcpu` matters for PPIs.
    fn deactivate(&mut self, vcpu: u8, intid: u16);
    /// Whether the physical interrupt is pending.
    fn is_pending(&mut self, vcpu: u8, intid: u16) -> bool;
    /// Clears a pending state latched in the physical distributor.
    fn clear_pending(&mut self, vcpu: u8, intid: u16);
    /// `vcpu`, which is not the caller, has something to look at: it shall
    /// leave its guest and call [`crate::Vgic::synchronize`].
    fn kick(&mut self, vcpu: u8);
}

/// The virtual CPU interface of the processor that runs the call.
pub trait ListRegisters {
    /// A bit per list register that holds no valid interrupt: ELRSR | EISR.
    fn finished(&mut self) -> u32;
    fn read(&mut self, index: u8) -> ListRegister;
    fn write(&mut self, index: u8, value: ListRegister);
    fn clear(&mut self, index: u8);
    /// The "no pending" maintenance interrupt (HCR.NPIE). Only called when it changes.
    fn set_refill(&mut self, wanted: bool);
}
