// SPDX-License-Identifier: Apache-2.0
//! A device tree of any bytes is read, discovered and edited without a panic.
//! Seeds: device trees of real boards (`cargo xtask setup` fetches them).
#![no_main]

use libfuzzer_sys::fuzz_target;
use machine::{Region, Zone0Edits, board, free_line, zone0_tree};

fuzz_target!(|bytes: &[u8]| {
    let Ok(machine) = board(bytes) else { return };
    let line = free_line(bytes, 1020).ok().flatten().unwrap_or(1);
    let cpus: Vec<u64> = machine.cpus.iter().skip(1).map(|cpu| cpu.hw_id).collect();
    let edits = Zone0Edits {
        cpus: &cpus,
        memory: machine.memory.as_slice(),
        initrd: machine.bundle,
        command_line: machine.command_line.as_str(),
        mailbox: Region { base: 0x1000, size: 0x1000 },
        line,
        withheld: machine.memory.as_slice(),
        without_extensions: &["sstc"],
        interrupt_files: machine::InterruptFiles::Unchanged,
    };
    let mut out = vec![0; bytes.len() * 2 + 4096];
    if let Ok(length) = zone0_tree(bytes, &edits, &mut out) {
        devicetree::Tree::new(&out[..length]).expect("zone0's tree is one");
    }
});
