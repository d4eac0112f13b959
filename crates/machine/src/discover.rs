// SPDX-License-Identifier: Apache-2.0
use crate::{
    Console, Controller, Cpu, Error, MAX_MEMORY, MAX_RESERVED, Problem, Psci, Region, Reserved,
    Timer, console, controller, cpu, firmware, memory, timer,
};
use abi::MAX_CPUS;
use arrayvec::{ArrayString, ArrayVec};
use devicetree::Tree;

/// Bytes of a command line that are kept, as Linux does.
pub const MAX_COMMAND_LINE: usize = 2048;

/// The machine as its firmware describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    pub model: ArrayString<64>,
    /// In the tree's order.
    pub cpus: ArrayVec<Cpu, MAX_CPUS>,
    /// Ascending, not overlapping; what is reserved of it is still in it.
    pub memory: ArrayVec<Region, MAX_MEMORY>,
    pub reserved: ArrayVec<Reserved, MAX_RESERVED>,
    /// What was loaded in the place of an initrd.
    pub bundle: Option<Region>,
    pub console: Option<Console>,
    pub psci: Option<Psci>,
    pub controller: Controller,
    pub timer: Timer,
    /// `bootargs` of `/chosen`, cut at [`MAX_COMMAND_LINE`].
    pub command_line: ArrayString<MAX_COMMAND_LINE>,
}

fn kept<const N: usize>(text: &str) -> ArrayString<N> {
    let mut out = ArrayString::new();
    for character in text.chars() {
        if out.try_push(character).is_err() {
            break;
        }
    }
    out
}

/// What a booted machine's tree says.
pub fn discover(tree: &[u8]) -> Result<Machine, Error> {
    let machine = board(tree)?;
    match machine.memory.is_empty() {
        true => Err(Error::new("memory", "reg", Problem::NoSuchNode)),
        false => Ok(machine),
    }
}

/// As [`discover`], for a tree that no boot loader has completed: it may lack memory.
pub fn board(tree: &[u8]) -> Result<Machine, Error> {
    let tree = Tree::new(tree)?;
    let root = tree.root();
    let bootargs = tree
        .find("/chosen")
        .and_then(|chosen| chosen.text("bootargs"));
    let mut machine = Machine {
        model: kept(
            root.text("model")
                .or_else(|| root.text("compatible"))
                .unwrap_or(""),
        ),
        cpus: ArrayVec::new(),
        memory: ArrayVec::new(),
        reserved: ArrayVec::new(),
        bundle: memory::bundle(&tree)?,
        console: console::console(&tree),
        psci: firmware::psci(&tree)?,
        controller: controller::controller_of(&tree)?,
        timer: timer::timer(&tree),
        command_line: kept(bootargs.unwrap_or("")),
    };
    cpu::cpus(&tree, &mut machine.cpus)?;
    memory::banks(&tree, &mut machine.memory)?;
    memory::reserved(&tree, &mut machine.reserved)?;
    Ok(machine)
}
