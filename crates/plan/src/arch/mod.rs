// SPDX-License-Identifier: Apache-2.0
//! What the planner has to know of an instruction set and its platforms.

mod aarch64;
mod riscv64;

use crate::machine::Machine;
use crate::problem::Problem;
use crate::tree::Index;
use abi::descriptor::Controller;
use dtoolkit::model::DeviceTreeNode;
use std::ops::Range;

/// Phandles of a guest's tree.
pub mod phandle {
    pub const CONTROLLER: u32 = 1;
    pub const MSI: u32 = 2;
    /// Of processor 0's own interrupt controller; the others follow.
    pub const CPU: u32 = 0x100;
    /// Of the first fixed clock; the others follow.
    pub const CLOCK: u32 = 0x200;
}

/// Where things customarily are in a guest's address space.
pub struct Conventions {
    pub ram: u64,
    pub serial: u64,
    /// The first virtio device; the others follow, a page each.
    pub virtio: u64,
    /// Where to look further.
    pub holes: Range<u64>,
    /// First interrupt number that a device can have.
    pub first_line: u32,
    /// Interrupt numbers a modelled controller can have at most.
    pub max_lines: u32,
}

/// A window of the modelled interrupt controller.
pub struct ControllerWindow {
    pub what: &'static str,
    pub preferred: u64,
    pub size: u64,
    pub align: u64,
}

/// A wired interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: u32,
    pub edge: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestCpu {
    pub physical: u64,
    pub guest: u64,
}

/// What an architecture's part of a guest's tree is made from.
pub struct Shape<'a> {
    pub machine: &'a Machine,
    pub firmware: &'a Index<'a>,
    pub cpus: &'a [GuestCpu],
    pub controller: &'a Controller,
}

/// Header of a Linux kernel image, as far as it matters for placing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinuxHeader {
    /// Bytes from a 2 MiB boundary.
    pub text_offset: u64,
    /// Bytes it needs, with what is not in the file.
    pub image_size: u64,
}

pub trait Architecture: Sync {
    /// [`abi::descriptor::architecture`].
    fn number(&self) -> u32;
    fn name(&self) -> &'static str;
    /// e_machine of its ELF files.
    fn elf_machine(&self) -> u16;
    fn conventions(&self) -> &'static Conventions;
    /// Whether the tree is of this architecture.
    fn owns(&self, firmware: &Index<'_>) -> bool;
    /// Kind ([`abi::descriptor::controller`]) and number of lines that zones get on this machine.
    fn controller_of(&self, firmware: &Index<'_>) -> Result<(u32, u32), Problem>;
    fn controller_name(&self, kind: u32) -> &'static str;
    /// In the order of `Controller::regions`.
    fn controller_windows(&self, kind: u32, cpus: usize) -> Vec<ControllerWindow>;
    /// The number that a zone's processor sees of itself.
    fn guest_cpu(&self, index: usize) -> u64;
    /// An interrupt's cells in a guest's tree.
    fn line_cells(&self, kind: u32, line: Line) -> Vec<u32>;
    /// The line that a device's interrupt in the firmware's tree means, or why there is none.
    fn line_from_cells(&self, controller: &DeviceTreeNode, cells: &[u32]) -> Result<Line, String>;
    /// processors, interrupt controllers, timers, firmware interface.
    fn nodes(&self, shape: &Shape<'_>) -> Vec<DeviceTreeNode>;
    fn linux_header(&self, image: &[u8]) -> Option<LinuxHeader>;
    /// First argument registers of a kernel that is handed a device tree.
    fn arguments(&self, dtb: u64) -> [u64; 4];
}

static ALL: [&dyn Architecture; 2] = [&aarch64::Aarch64, &riscv64::Riscv64];

pub fn all() -> impl Iterator<Item = &'static dyn Architecture> {
    ALL.into_iter()
}

pub fn by_number(number: u32) -> Option<&'static dyn Architecture> {
    ALL.into_iter().find(|one| one.number() == number)
}

pub fn by_tree(firmware: &Index<'_>) -> Option<&'static dyn Architecture> {
    ALL.into_iter().find(|one| one.owns(firmware))
}

/// The architecture a Linux image's header names.
pub fn by_image(image: &[u8]) -> Option<&'static dyn Architecture> {
    ALL.into_iter()
        .find(|one| one.linux_header(image).is_some())
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..at.checked_add(8)?)?
        .try_into()
        .ok()
        .map(u64::from_le_bytes)
}

/// The layout that arm64 and riscv share: text_offset at 8, image_size at 16,
/// magic at 56 (Documentation/arch/arm64/booting, arch/riscv/boot-image-header).
fn header_with_magic(image: &[u8], magic: &[u8; 4]) -> Option<LinuxHeader> {
    (image.get(56..60)? == magic).then_some(())?;
    Some(LinuxHeader {
        text_offset: u64_at(image, 8)?,
        image_size: u64_at(image, 16)?,
    })
}
