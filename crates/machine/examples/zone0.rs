// SPDX-License-Identifier: Apache-2.0
//! Writes the tree that zone0 would get with the first two processors and
//! half of the first bank: `zone0 TREE OUT`.
use machine::{Region, Zone0Edits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(tree), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: zone0 TREE OUT".into());
    };
    let tree = std::fs::read(tree)?;
    let machine = machine::discover(&tree)?;
    let cpus: Vec<u64> = machine.cpus.iter().take(2).map(|cpu| cpu.hw_id).collect();
    let bank = machine.memory.first().copied().unwrap_or_default();
    let half = Region {
        base: bank.base,
        size: bank.size / 2,
    };
    let line = machine::free_line(&tree, 288)?.ok_or("no free line")?;
    let edits = Zone0Edits {
        cpus: &cpus,
        memory: &[half],
        initrd: Some(Region {
            base: half.base,
            size: 4096,
        }),
        command_line: "console=hvc0",
        mailbox: Region {
            base: half.end(),
            size: 4096,
        },
        line,
        withheld: &[],
        without_extensions: &[],
        interrupt_files: machine::InterruptFiles::Unchanged,
    };
    let mut bytes = vec![0; tree.len() + 4096];
    let length = machine::zone0_tree(&tree, &edits, &mut bytes)?;
    std::fs::write(out, bytes.get(..length).unwrap_or_default())?;
    Ok(())
}
