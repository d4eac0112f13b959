// SPDX-License-Identifier: Apache-2.0
//! The firmware's console.

use crate::memory::{Region, region};
use devicetree::Tree;

/// Which driver it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleKind {
    Pl011,
    /// 16550 and what is compatible with it.
    Ns16550,
    /// NXP i.MX.
    Imx,
    /// Cadence UART of the Zynq family.
    Cadence,
    SiFive,
}

/// A UART that the firmware has set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Console {
    pub kind: ConsoleKind,
    pub region: Region,
    /// 16550: a register is at its number << this.
    pub reg_shift: u32,
    /// 16550: bytes of a register access (1 or 4).
    pub io_width: u32,
}

/// 16550s by `compatible`, with the register shift and access width that hold
/// where the node has no `reg-shift` and `reg-io-width` (0: not known).
const KINDS: &[(&str, ConsoleKind, u32, u32)] = &[
    ("arm,pl011", ConsoleKind::Pl011, 0, 4),
    ("arm,sbsa-uart", ConsoleKind::Pl011, 0, 4),
    ("snps,dw-apb-uart", ConsoleKind::Ns16550, 2, 4),
    ("ti,am654-uart", ConsoleKind::Ns16550, 2, 4),
    ("ti,omap4-uart", ConsoleKind::Ns16550, 2, 4),
    ("brcm,bcm2835-aux-uart", ConsoleKind::Ns16550, 2, 4),
    ("spacemit,k1-uart", ConsoleKind::Ns16550, 2, 4),
    ("intel,xscale-uart", ConsoleKind::Ns16550, 2, 4),
    ("ns16550a", ConsoleKind::Ns16550, 0, 1),
    ("ns16550", ConsoleKind::Ns16550, 0, 1),
    ("fsl,imx6q-uart", ConsoleKind::Imx, 0, 4),
    ("fsl,imx21-uart", ConsoleKind::Imx, 0, 4),
    ("xlnx,xuartps", ConsoleKind::Cadence, 0, 4),
    ("xlnx,zynqmp-uart", ConsoleKind::Cadence, 0, 4),
    ("cdns,uart-r1p8", ConsoleKind::Cadence, 0, 4),
    ("cdns,uart-r1p12", ConsoleKind::Cadence, 0, 4),
    ("sifive,uart0", ConsoleKind::SiFive, 0, 4),
];

/// `stdout-path`, if it is a UART that hvisor knows.
pub(crate) fn console(tree: &Tree<'_>) -> Option<Console> {
    let (node, _) = tree.stdout()?;
    let &(_, kind, shift, width) = node
        .strings("compatible")
        .find_map(|found| KINDS.iter().find(|(known, ..)| *known == found))?;
    let mut region = region(&node, 0).ok()?;
    let offset = u64::from(node.cell("reg-offset").unwrap_or(0));
    region.size = region.size.checked_sub(offset)?;
    region.base = region.base.checked_add(offset)?;
    let reg_shift = node.cell("reg-shift").unwrap_or(shift);
    let io_width = node.cell("reg-io-width").unwrap_or(width);
    (reg_shift <= 4 && matches!(io_width, 1 | 2 | 4)).then_some(())?;
    Some(Console {
        kind,
        region,
        reg_shift,
        io_width,
    })
}

/// The console alone, of a tree that may be wrong in all else.
pub fn find_console(tree: &[u8]) -> Option<Console> {
    console(&Tree::new(tree).ok()?)
}
