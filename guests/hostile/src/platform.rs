// SPDX-License-Identifier: Apache-2.0
//! What the zone's device tree says.

use devicetree::{Node, Tree};

/// Windows of registers that are kept.
const MAX_WINDOWS: usize = 16;

#[derive(Clone, Copy, Default)]
pub struct Window {
    pub base: u64,
    pub size: u64,
}

pub struct Platform {
    pub command_line: &'static str,
    /// The first piece of RAM.
    pub ram: Window,
    /// The interrupt controller's register windows.
    pub controller: [Window; 3],
    /// The guest's numbers of its processors.
    pub cpus: [u64; abi::MAX_VCPUS],
    pub cpu_count: usize,
    pub virtio: [Window; MAX_WINDOWS],
    pub virtio_count: usize,
    /// GICv2, which has no system registers.
    pub controller_v2: bool,
}

impl Platform {
    /// Reads the tree at `address`, or `None`.
    pub fn new(address: u64) -> Option<Self> {
        // SAFETY: the zone's tree was put there for us, with its size in the header.
        let header = unsafe { core::slice::from_raw_parts(address as *const u8, 40) };
        let size = Tree::size(header)?;
        // SAFETY: as above.
        let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, size) };
        let tree = Tree::new(bytes).ok()?;
        let mut platform = Self {
            command_line: "",
            ram: Window::default(),
            controller: [Window::default(); 3],
            cpus: [0; abi::MAX_VCPUS],
            cpu_count: 0,
            virtio: [Window::default(); MAX_WINDOWS],
            virtio_count: 0,
            controller_v2: false,
        };
        for node in tree.nodes() {
            platform.take(&node);
        }
        Some(platform)
    }

    fn take(&mut self, node: &Node<'static>) {
        let window = |index| {
            node.region(index).map(|region| Window {
                base: region.address,
                size: region.size,
            })
        };
        if node.name() == "chosen" {
            self.command_line = node.text("bootargs").unwrap_or("");
        }
        match node.text("device_type") {
            Some("memory") if self.ram.size == 0 => self.ram = window(0).unwrap_or_default(),
            Some("cpu") => {
                if let (Some(slot), Some(number)) =
                    (self.cpus.get_mut(self.cpu_count), node.number("reg"))
                {
                    *slot = number;
                    self.cpu_count += 1;
                }
            }
            _ => {}
        }
        if node.has("interrupt-controller") && node.has("reg") && self.controller[0].size == 0 {
            for (index, slot) in self.controller.iter_mut().enumerate() {
                *slot = window(index).unwrap_or_default();
            }
            self.controller_v2 = node.is_compatible_with(&["arm,cortex-a15-gic", "arm,gic-400"]);
        }
        if node.is_compatible("virtio,mmio")
            && let (Some(slot), Some(found)) = (self.virtio.get_mut(self.virtio_count), window(0))
        {
            *slot = found;
            self.virtio_count += 1;
        }
        let status = if node.is_compatible_with(&["ns16550a", "ns16550"]) {
            5
        } else if node.is_compatible("arm,pl011") {
            0
        } else {
            return;
        };
        if let Some(port) = window(0) {
            crate::console::set(port.base, status);
        }
    }

    /// The number behind `name=` on the command line, decimal or 0x.
    pub fn option(&self, name: &str) -> Option<u64> {
        let value = self
            .command_line
            .split_ascii_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
        match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        }
    }

    /// RAM that nothing of this program or its tree is in: a MiB in the middle.
    pub fn scratch(&self) -> Window {
        let size = 1 << 20;
        Window {
            base: (self.ram.base + self.ram.size / 2) & !(size - 1),
            size,
        }
    }

    pub fn ram(&self) -> (u64, u64) {
        (self.ram.base, self.ram.size)
    }
}
