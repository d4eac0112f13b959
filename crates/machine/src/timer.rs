// SPDX-License-Identifier: Apache-2.0
//! The processors' timers.

use crate::gic::intid;
use devicetree::{Node, Tree};

/// AArch64: INTIDs of the generic timer. RISC-V: the time base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// Ticks per second, where the tree says so.
    pub frequency: Option<u32>,
    /// EL1 physical timer.
    pub physical: Option<u32>,
    /// EL1 virtual timer.
    pub virtual_: Option<u32>,
    /// EL2 physical timer.
    pub hypervisor: Option<u32>,
}

pub(crate) const COMPATIBLE: &[&str] = &["arm,armv8-timer", "arm,armv7-timer"];

/// Order of the interrupts where they have no names.
const PHYSICAL: (usize, &str) = (1, "phys");
const VIRTUAL: (usize, &str) = (2, "virt");
const HYPERVISOR: (usize, &str) = (3, "hyp-phys");

pub(crate) fn timer(tree: &Tree<'_>) -> Timer {
    if let Some(node) = tree
        .nodes()
        .find(|node| node.is_compatible_with(COMPATIBLE))
    {
        return Timer {
            frequency: node.cell("clock-frequency"),
            physical: line(&node, PHYSICAL),
            virtual_: line(&node, VIRTUAL),
            hypervisor: line(&node, HYPERVISOR),
        };
    }
    let Some(cpus) = tree.find("/cpus") else {
        return Timer::default();
    };
    let frequency = cpus.cell("timebase-frequency").or_else(|| {
        cpus.children()
            .find_map(|cpu| cpu.cell("timebase-frequency"))
    });
    Timer {
        frequency,
        ..Timer::default()
    }
}

fn line(node: &Node<'_>, (index, name): (usize, &str)) -> Option<u32> {
    let interrupt = match node.has("interrupt-names") {
        true => node.named_interrupt(name)?,
        false => node.interrupts().nth(index)?,
    };
    intid(&interrupt)
}
