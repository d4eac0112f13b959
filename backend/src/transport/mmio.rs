// SPDX-License-Identifier: Apache-2.0
//! The register file of virtio-mmio version 2 (virtio 1.2, 4.2.2): accesses in,
//! effects out.

use super::F_VERSION_1;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where a device's own configuration starts.
pub const CONFIG_SPACE: u32 = 0x100;

const MAGIC_VALUE: u32 = 0x000;
const VERSION: u32 = 0x004;
const DEVICE_ID: u32 = 0x008;
const VENDOR_ID: u32 = 0x00c;
const DEVICE_FEATURES: u32 = 0x010;
const DEVICE_FEATURES_SEL: u32 = 0x014;
const DRIVER_FEATURES: u32 = 0x020;
const DRIVER_FEATURES_SEL: u32 = 0x024;
const QUEUE_SEL: u32 = 0x030;
const QUEUE_NUM_MAX: u32 = 0x034;
const QUEUE_NUM: u32 = 0x038;
const QUEUE_READY: u32 = 0x044;
const QUEUE_NOTIFY: u32 = 0x050;
const INTERRUPT_ACK: u32 = 0x064;
const STATUS: u32 = 0x070;
const QUEUE_DESC_LOW: u32 = 0x080;
const QUEUE_DESC_HIGH: u32 = 0x084;
const QUEUE_DRIVER_LOW: u32 = 0x090;
const QUEUE_DRIVER_HIGH: u32 = 0x094;
const QUEUE_DEVICE_LOW: u32 = 0x0a0;
const QUEUE_DEVICE_HIGH: u32 = 0x0a4;
const SHM_LEN_LOW: u32 = 0x0b0;
const SHM_BASE_HIGH: u32 = 0x0bc;
const CONFIG_GENERATION: u32 = 0x0fc;

const VENDOR: u32 = u32::from_le_bytes(*b"HVSR");

/// Device status bits (virtio 1.2, 2.1).
pub mod status {
    pub const ACKNOWLEDGE: u32 = 1;
    pub const DRIVER: u32 = 2;
    pub const DRIVER_OK: u32 = 4;
    pub const FEATURES_OK: u32 = 8;
    pub const NEEDS_RESET: u32 = 64;
    pub const FAILED: u32 = 128;
    pub const ALL: u32 = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | NEEDS_RESET | FAILED;
}

/// What a guest has set up of one queue.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct QueueRegisters {
    pub descriptors: u64,
    pub driver: u64,
    pub device: u64,
    pub size: u32,
    pub ready: u32,
}

/// Everything but the queues that a new back end must know to go on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct State {
    pub driver_features: u64,
    pub status: u32,
    pub device_features_sel: u32,
    pub driver_features_sel: u32,
    pub queue_sel: u32,
}

/// What the owner of the registers has to do after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    /// Everything was reset.
    Reset,
    /// The driver set DRIVER_OK: queues that are ready may be used.
    Start,
    /// A queue became ready while the device was live.
    QueueReady(usize),
    /// A queue was disabled.
    QueueDisabled(usize),
    Notify(usize),
    /// Bits of InterruptStatus to clear.
    Acknowledge(u32),
    /// A write into the device's configuration.
    Config {
        offset: u32,
        width: u8,
        value: u64,
    },
}

/// The registers of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    device_id: u32,
    features: u64,
    state: State,
    config_generation: u32,
    queues: Vec<QueueRegisters>,
    queue_max: Vec<u16>,
}

impl Registers {
    pub fn new(device_id: u32, features: u64, queue_max: &[u16]) -> Self {
        let mut registers = Self {
            device_id,
            features,
            state: State::default(),
            config_generation: 0,
            queues: Vec::new(),
            queue_max: queue_max.to_vec(),
        };
        registers.reset();
        registers
    }

    /// Takes over what an earlier back end left; false (and a reset) if it can not be.
    pub fn restore(&mut self, state: State, queues: &[QueueRegisters]) -> bool {
        let fits = queues.len() == self.queues.len()
            && queues
                .iter()
                .zip(&self.queue_max)
                .all(|(queue, max)| queue.ready == 0 || Self::size_fits(queue.size, *max))
            && (state.status & status::FEATURES_OK == 0
                || state.driver_features & !self.features == 0);
        if fits {
            self.state = state;
            self.queues.copy_from_slice(queues);
        } else {
            self.reset();
        }
        fits
    }

    fn reset(&mut self) {
        self.state = State::default();
        self.queues = self
            .queue_max
            .iter()
            .map(|max| QueueRegisters {
                size: u32::from(*max),
                ..QueueRegisters::default()
            })
            .collect();
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn queues(&self) -> &[QueueRegisters] {
        &self.queues
    }

    /// Features that both sides agreed on.
    pub fn negotiated(&self) -> u64 {
        self.state.driver_features
    }

    /// The driver is up and the device did not fail it.
    pub fn is_live(&self) -> bool {
        self.state.status & (status::DRIVER_OK | status::NEEDS_RESET) == status::DRIVER_OK
    }

    /// A queue broke: nothing is served until the driver resets the device.
    pub fn set_needs_reset(&mut self) {
        self.state.status |= status::NEEDS_RESET;
    }

    /// The device's configuration is about to change.
    pub fn config_changed(&mut self) {
        self.config_generation = self.config_generation.wrapping_add(1);
    }

    fn size_fits(size: u32, max: u16) -> bool {
        size.is_power_of_two() && size <= u32::from(max)
    }

    fn selected(&self) -> Option<usize> {
        let index = usize::try_from(self.state.queue_sel).ok()?;
        (index < self.queues.len()).then_some(index)
    }

    /// Answers a read; `config` is the device's configuration. Registers that
    /// are not there, and accesses of a wrong width, read 0.
    pub fn read(&self, offset: u32, width: u8, config: &[u8], interrupt_status: u32) -> u64 {
        if let Some(offset) = offset.checked_sub(CONFIG_SPACE) {
            return read_config(config, offset, width);
        }
        if width != 4 {
            return 0;
        }
        let queue = self.selected().and_then(|index| self.queues.get(index));
        let queue_max = self.selected().and_then(|index| self.queue_max.get(index));
        u64::from(match offset {
            MAGIC_VALUE => u32::from_le_bytes(*b"virt"),
            VERSION => 2,
            DEVICE_ID => self.device_id,
            VENDOR_ID => VENDOR,
            DEVICE_FEATURES => half(self.features, self.state.device_features_sel),
            QUEUE_NUM_MAX => queue_max.map_or(0, |max| u32::from(*max)),
            QUEUE_READY => queue.map_or(0, |queue| queue.ready),
            0x060 => interrupt_status,
            STATUS => self.state.status,
            // No shared memory regions.
            SHM_LEN_LOW..=SHM_BASE_HIGH => u32::MAX,
            CONFIG_GENERATION => self.config_generation,
            _ => 0,
        })
    }

    /// Takes a write; writes that are out of place change nothing.
    pub fn write(&mut self, offset: u32, width: u8, value: u64) -> Effect {
        if let Some(offset) = offset.checked_sub(CONFIG_SPACE) {
            return Effect::Config {
                offset,
                width,
                value,
            };
        }
        let Ok(value) = u32::try_from(value) else {
            return Effect::None;
        };
        if width != 4 {
            return Effect::None;
        }
        match offset {
            DEVICE_FEATURES_SEL => self.state.device_features_sel = value,
            DRIVER_FEATURES_SEL => self.state.driver_features_sel = value,
            DRIVER_FEATURES => self.write_features(value),
            QUEUE_SEL => self.state.queue_sel = value,
            QUEUE_NOTIFY => {
                // The kernel posts these; one may come through the ring all the same.
                let index = value as usize;
                if self.is_live() && index < self.queues.len() {
                    return Effect::Notify(index);
                }
            }
            INTERRUPT_ACK => return Effect::Acknowledge(value),
            STATUS => return self.write_status(value),
            _ => return self.write_queue(offset, value),
        }
        Effect::None
    }

    fn write_features(&mut self, value: u32) {
        if self.state.status & status::FEATURES_OK != 0 {
            return;
        }
        let features = &mut self.state.driver_features;
        match self.state.driver_features_sel {
            0 => *features = *features & !0xffff_ffff | u64::from(value),
            1 => *features = *features & 0xffff_ffff | u64::from(value) << 32,
            _ => {}
        }
    }

    fn write_status(&mut self, value: u32) -> Effect {
        if value == 0 {
            self.reset();
            return Effect::Reset;
        }
        let old = self.state.status;
        // A driver sets bits; it clears them only all together.
        let mut new = old | value & status::ALL & !status::NEEDS_RESET;
        let features = self.state.driver_features;
        if features & !self.features != 0 || features & F_VERSION_1 == 0 {
            new &= !status::FEATURES_OK;
        }
        if new & status::FEATURES_OK == 0 {
            new &= !status::DRIVER_OK;
        }
        self.state.status = new;
        let started = !old & new & status::DRIVER_OK != 0 && self.is_live();
        if started { Effect::Start } else { Effect::None }
    }

    fn write_queue(&mut self, offset: u32, value: u32) -> Effect {
        let live = self.is_live();
        let Some(index) = self.selected() else {
            return Effect::None;
        };
        let Some(max) = self.queue_max.get(index).copied() else {
            return Effect::None;
        };
        let Some(queue) = self.queues.get_mut(index) else {
            return Effect::None;
        };
        if offset == QUEUE_READY {
            let ready = value & 1 != 0;
            if ready == (queue.ready != 0) || ready && !Self::size_fits(queue.size, max) {
                return Effect::None;
            }
            queue.ready = u32::from(ready);
            return match (live, ready) {
                (true, true) => Effect::QueueReady(index),
                (true, false) => Effect::QueueDisabled(index),
                (false, _) => Effect::None,
            };
        }
        if queue.ready != 0 {
            return Effect::None;
        }
        match offset {
            QUEUE_NUM => queue.size = value,
            QUEUE_DESC_LOW => set_low(&mut queue.descriptors, value),
            QUEUE_DESC_HIGH => set_high(&mut queue.descriptors, value),
            QUEUE_DRIVER_LOW => set_low(&mut queue.driver, value),
            QUEUE_DRIVER_HIGH => set_high(&mut queue.driver, value),
            QUEUE_DEVICE_LOW => set_low(&mut queue.device, value),
            QUEUE_DEVICE_HIGH => set_high(&mut queue.device, value),
            _ => {}
        }
        Effect::None
    }
}

fn half(value: u64, select: u32) -> u32 {
    match select {
        0 => value as u32,
        1 => (value >> 32) as u32,
        _ => 0,
    }
}

fn set_low(to: &mut u64, value: u32) {
    *to = *to & !0xffff_ffff | u64::from(value);
}

fn set_high(to: &mut u64, value: u32) {
    *to = *to & 0xffff_ffff | u64::from(value) << 32;
}

/// Little-endian bytes of the configuration; those beyond its end are 0.
fn read_config(config: &[u8], offset: u32, width: u8) -> u64 {
    let mut bytes = [0; 8];
    for (index, byte) in bytes.iter_mut().enumerate().take(usize::from(width)) {
        *byte = config.get(offset as usize + index).copied().unwrap_or(0);
    }
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
