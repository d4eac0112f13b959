// SPDX-License-Identifier: Apache-2.0
//! A 16550 whose other end is a console's hub.

use crate::console::SharedHub;
use std::convert::Infallible;
use vm_superio::serial::{NoEvents, SerialState};
use vm_superio::{Serial, Trigger};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const IER: u8 = 1;
const IER_RECEIVED: u8 = 1 << 0;
const IIR_NONE: u8 = 1 << 0;
const IIR_RECEIVED: u8 = 1 << 2;
const LCR_DLAB: u8 = 1 << 7;
const LSR_DATA_READY: u8 = 1 << 0;

/// The line's level is computed from the registers after each access.
#[derive(Debug)]
struct Computed;

impl Trigger for Computed {
    type E = Infallible;
    fn trigger(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// What a successor must know of the registers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Kept {
    divisor: [u8; 2],
    interrupt_enable: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    used: u8,
    reserved: u8,
}

pub struct Port {
    uart: Serial<Computed, NoEvents, Vec<u8>>,
    hub: SharedHub,
    /// Its number, to the hub.
    device: u32,
}

impl Port {
    pub fn new(hub: SharedHub, device: u32) -> Self {
        Self {
            uart: Serial::new(Computed, Vec::new()),
            hub,
            device,
        }
    }

    pub fn kept(&self) -> Kept {
        let state = self.uart.state();
        Kept {
            divisor: [state.baud_divisor_low, state.baud_divisor_high],
            interrupt_enable: state.interrupt_enable,
            line_control: state.line_control,
            modem_control: state.modem_control,
            scratch: state.scratch,
            used: 1,
            reserved: 0,
        }
    }

    /// Goes on where another left; false if that one never served it.
    pub fn restore(&mut self, kept: &Kept) -> bool {
        let [baud_divisor_low, baud_divisor_high] = kept.divisor;
        let state = SerialState {
            baud_divisor_low,
            baud_divisor_high,
            interrupt_enable: kept.interrupt_enable,
            line_control: kept.line_control,
            modem_control: kept.modem_control,
            scratch: kept.scratch,
            ..SerialState::default()
        };
        if kept.used == 0 {
            return false;
        }
        if let Ok(uart) = Serial::from_state(&state, Computed, NoEvents, Vec::new()) {
            self.uart = uart;
            // A transmit interrupt may have been lost; one more does no harm.
            if state.line_control & LCR_DLAB == 0 {
                let _ = self.uart.write(IER, state.interrupt_enable);
            }
        }
        true
    }

    pub fn reset(&mut self) {
        self.uart = Serial::new(Computed, Vec::new());
    }

    /// A program in the guest has the line open: it listens.
    pub fn listens(&self) -> bool {
        self.uart.state().interrupt_enable & IER_RECEIVED != 0
    }

    pub fn read(&mut self, offset: u32) -> u64 {
        let value = u8::try_from(offset).map_or(0, |offset| self.uart.read(offset));
        self.settle();
        u64::from(value)
    }

    pub fn write(&mut self, offset: u32, value: u64) {
        if let Ok(offset) = u8::try_from(offset) {
            // Only the low byte is on the bus; our writer can not fail.
            let _ = self.uart.write(offset, value as u8);
        }
        self.settle();
    }

    /// Received data keeps its interrupt up until all is read: the crate's model
    /// raises it once for each arrival and forgets it when it was identified.
    fn settle(&mut self) {
        let state = self.uart.state();
        if state.line_status & LSR_DATA_READY != 0
            && state.interrupt_enable & IER_RECEIVED != 0
            && state.interrupt_identification & IIR_RECEIVED == 0
            && state.line_control & LCR_DLAB == 0
        {
            let _ = self.uart.write(IER, state.interrupt_enable);
        }
    }

    /// Takes input from the hub as far as the FIFO has room.
    pub fn receive(&mut self) {
        let room = self.uart.fifo_capacity();
        let bytes = self.hub.borrow_mut().take_input(room);
        if !bytes.is_empty() {
            // In loopback mode input is lost, as on the wire.
            let _ = self.uart.enqueue_raw_bytes(&bytes);
            self.settle();
        }
    }

    /// Hands what the guest wrote to the hub.
    pub fn flush(&mut self) {
        let output = self.uart.writer_mut();
        if !output.is_empty() {
            self.hub.borrow_mut().output(self.device, output);
            output.clear();
        }
    }

    /// The interrupt line.
    pub fn level(&self) -> bool {
        self.uart.state().interrupt_identification & IIR_NONE == 0
    }

    /// The line status register, which the kernel answers.
    pub fn line_status(&self) -> u32 {
        u32::from(self.uart.state().line_status)
    }
}
