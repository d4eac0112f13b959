// SPDX-License-Identifier: Apache-2.0
//! The trees that QEMU makes, where it is installed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use machine::{Controller, Isa, Machine, Zone0Edits, discover, free_line, zone0_tree};
use std::process::Command;

/// The tree of `machine`; `None` without that QEMU.
fn tree(qemu: &str, name: &str, machine: &str, rest: &[&str]) -> Option<Vec<u8>> {
    let path = std::env::temp_dir().join(format!("hvisor-{}-{name}.dtb", std::process::id()));
    let dump = format!("{machine},dumpdtb={}", path.display());
    let status = Command::new(qemu)
        .args(["-nodefaults", "-display", "none", "-M", &dump])
        .args(rest)
        .output();
    let Ok(output) = status else {
        eprintln!("skipped: no {qemu}");
        return None;
    };
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|_| panic!("{qemu}: {}", String::from_utf8_lossy(&output.stderr)));
    std::fs::remove_file(path).unwrap();
    Some(bytes)
}

fn aarch64(name: &str, machine: &str, rest: &[&str]) -> Option<Machine> {
    let machine = format!("virt,virtualization=on,{machine}");
    let rest: Vec<&str> = ["-cpu", "cortex-a72", "-m", "2G"]
        .iter()
        .chain(rest)
        .copied()
        .collect();
    tree("qemu-system-aarch64", name, &machine, &rest).map(|bytes| discover(&bytes).unwrap())
}

#[test]
fn virt_gicv3() {
    let Some(machine) = aarch64("gic3", "gic-version=3", &["-smp", "4"]) else {
        return;
    };
    let Controller::GicV3(gic) = &machine.controller else {
        panic!("{:?}", machine.controller)
    };
    assert_eq!(
        (gic.distributor.base, gic.its.len(), gic.maintenance),
        (0x800_0000, 1, 25)
    );
    assert_eq!(gic.redistributors.first().unwrap().base, 0x80a_0000);
    assert_eq!(
        (machine.timer.virtual_, machine.timer.hypervisor),
        (Some(27), Some(26))
    );
    assert_eq!(machine.memory.first().unwrap().base, 0x4000_0000);
}

#[test]
fn virt_gicv2() {
    let Some(machine) = aarch64("gic2", "gic-version=2", &["-smp", "2"]) else {
        return;
    };
    let Controller::GicV2(gic) = &machine.controller else {
        panic!("{:?}", machine.controller)
    };
    assert_eq!(
        (gic.cpu.base, gic.hypervisor.base, gic.virtual_cpu.base),
        (0x801_0000, 0x803_0000, 0x804_0000)
    );
}

#[test]
fn virt_with_clusters() {
    let rest = ["-smp", "20,sockets=1,clusters=2,cores=10"];
    let Some(machine) = aarch64("clusters", "gic-version=3", &rest) else {
        return;
    };
    // QEMU counts 16 processors to an Aff1.
    assert_eq!(machine.cpus.get(16).unwrap().hw_id, 0x100);
    assert_eq!(machine.cpus.len(), 20);
}

#[test]
fn virt_riscv64() {
    for (name, machine) in [
        ("plic", "virt,aia=none"),
        ("aplic", "virt,aia=aplic"),
        ("imsic", "virt,aia=aplic-imsic,aia-guests=3"),
    ] {
        let Some(bytes) = tree(
            "qemu-system-riscv64",
            name,
            machine,
            &["-cpu", "rv64", "-smp", "4"],
        ) else {
            return;
        };
        let machine = discover(&bytes).unwrap();
        assert!(
            machine
                .cpus
                .iter()
                .all(|cpu| cpu.isa.contains(Isa::H | Isa::SSTC))
        );
        match (name, &machine.controller) {
            ("plic", Controller::Plic(plic)) => {
                let contexts: Vec<_> = plic
                    .contexts
                    .iter()
                    .map(|context| (context.hart, context.context))
                    .collect();
                assert_eq!(contexts, [(0, 1), (1, 3), (2, 5), (3, 7)]);
            }
            ("aplic", Controller::Aplic(aplic)) => assert_eq!(aplic.harts.as_slice(), [0, 1, 2, 3]),
            ("imsic", Controller::AplicImsic(_, imsic)) => {
                assert_eq!(
                    (imsic.guest_index_bits, imsic.regions.first().unwrap().base),
                    (2, 0x2800_0000)
                );
            }
            _ => panic!("{name}: {:?}", machine.controller),
        }
        zone0_has_no_hypervisor(&bytes, &machine);
    }
}

fn zone0_has_no_hypervisor(bytes: &[u8], machine: &Machine) {
    let edits = Zone0Edits {
        cpus: &[1, 3],
        memory: machine.memory.as_slice(),
        initrd: None,
        command_line: "",
        mailbox: machine::Region {
            base: 0x1000,
            size: 4096,
        },
        line: free_line(bytes, 1024).unwrap().unwrap(),
        withheld: &[],
        without_extensions: &["sstc"],
        interrupt_files: machine::InterruptFiles::Unchanged,
    };
    let mut out = vec![0; bytes.len() + 4096];
    let length = zone0_tree(bytes, &edits, &mut out).unwrap();
    let derived = discover(out.get(..length).unwrap()).unwrap();
    assert_eq!(
        derived.cpus.iter().map(|cpu| cpu.hw_id).collect::<Vec<_>>(),
        [1, 3]
    );
    assert!(
        derived
            .cpus
            .iter()
            .all(|cpu| !cpu.isa.intersects(Isa::H | Isa::SSTC))
    );
    if let Controller::Plic(plic) = &derived.controller {
        // Contexts keep their numbers.
        let contexts: Vec<_> = plic
            .contexts
            .iter()
            .map(|context| (context.hart, context.context))
            .collect();
        assert_eq!(contexts, [(1, 3), (3, 7)]);
    }
    let tree = devicetree::Tree::new(out.get(..length).unwrap()).unwrap();
    for cpu in tree
        .find("/cpus")
        .unwrap()
        .children()
        .filter(|node| node.base_name() == "cpu")
    {
        let isa = cpu.text("riscv,isa").unwrap();
        assert!(!isa.split('_').next().unwrap().contains('h'), "{isa}");
        assert!(!isa.contains("_sh") && !isa.contains("_sstc"), "{isa}");
    }
}
