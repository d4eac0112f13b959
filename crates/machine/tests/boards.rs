// SPDX-License-Identifier: Apache-2.0
//! Real boards' device trees, from the folder that HVISOR_DTBS names
//! (`cargo xtask test` sets it). Without it there is nothing to test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use machine::{
    ConsoleKind, Controller, Isa, Machine, Region, Zone0Edits, board, free_line, zone0_tree,
};
use std::path::{Path, PathBuf};

fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "dtb") {
            out.push(path);
        }
    }
}

/// Every tree in the folders (separated as in PATH); an empty folder fails.
fn trees() -> Option<Vec<PathBuf>> {
    let Some(folders) = std::env::var_os("HVISOR_DTBS") else {
        eprintln!("skipped: HVISOR_DTBS is not set");
        return None;
    };
    let mut found = Vec::new();
    for folder in std::env::split_paths(&folders) {
        let before = found.len();
        collect(&folder, &mut found);
        assert!(
            found.len() > before,
            "HVISOR_DTBS: no device trees under '{}'",
            folder.display()
        );
    }
    assert!(!found.is_empty(), "HVISOR_DTBS is empty");
    Some(found)
}

fn machine(trees: &[PathBuf], name: &str) -> (Vec<u8>, Machine) {
    let path = trees
        .iter()
        .find(|path| path.ends_with(name))
        .unwrap_or_else(|| panic!("HVISOR_DTBS: no {name}"));
    let bytes = std::fs::read(path).unwrap();
    let machine = board(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    (bytes, machine)
}

/// Distributor or controller, redistributors or CPU interface.
fn controller(machine: &Machine) -> (&'static str, u64, u64) {
    match &machine.controller {
        Controller::GicV2(gic) => ("GICv2", gic.distributor.base, gic.cpu.base),
        Controller::GicV3(gic) => (
            "GICv3",
            gic.distributor.base,
            gic.redistributors.first().unwrap().base,
        ),
        Controller::Plic(plic) => ("PLIC", plic.region.base, u64::from(plic.sources)),
        Controller::Aplic(aplic) => ("APLIC", aplic.region.base, u64::from(aplic.sources)),
        Controller::AplicImsic(aplic, imsic) => (
            "IMSIC",
            aplic.region.base,
            imsic.regions.first().unwrap().base,
        ),
    }
}

#[test]
fn boards_are_what_their_manuals_say() {
    use ConsoleKind::{Cadence, Imx, Ns16550};
    let Some(trees) = trees() else { return };
    let few = [0, 1, 2, 3];
    let clusters = [0, 0x100, 0x200, 0x300];
    let rk3588 = [0, 0x100, 0x200, 0x300, 0x400, 0x500, 0x600, 0x700];
    #[rustfmt::skip]
    let expected: [(&str, &[u64], ConsoleKind, u64, _); 6] = [
        ("freescale/imx8mp-evk.dtb", &few, Imx, 0x3089_0000, ("GICv3", 0x3880_0000, 0x3888_0000)),
        ("xilinx/zynqmp-zcu102-rev1.0.dtb", &few, Cadence, 0xff00_0000, ("GICv2", 0xf901_0000, 0xf902_0000)),
        ("rockchip/rk3568-evb1-v10.dtb", &clusters, Ns16550, 0xfe66_0000, ("GICv3", 0xfd40_0000, 0xfd46_0000)),
        ("rockchip/rk3588-ok3588-c.dtb", &rk3588, Ns16550, 0xfeb5_0000, ("GICv3", 0xfe60_0000, 0xfe68_0000)),
        ("ti/k3-am625-sk.dtb", &few, Ns16550, 0x0280_0000, ("GICv3", 0x0180_0000, 0x0188_0000)),
        ("eswin/eic7700-hifive-premier-p550.dtb", &few, Ns16550, 0x5090_0000, ("PLIC", 0x0c00_0000, 520)),
    ];
    for (name, cpus, kind, uart, interrupts) in expected {
        let (_, machine) = machine(&trees, name);
        let found: Vec<_> = machine.cpus.iter().map(|cpu| cpu.hw_id).collect();
        assert_eq!(found, cpus, "{name}");
        let console = machine.console.unwrap();
        assert_eq!((console.kind, console.region.base), (kind, uart), "{name}");
        assert_eq!(controller(&machine), interrupts, "{name}");
    }
}

#[test]
fn risc_v_boards() {
    let Some(trees) = trees() else { return };
    let (_, p550) = machine(&trees, "eswin/eic7700-hifive-premier-p550.dtb");
    assert!(
        p550.cpus
            .iter()
            .all(|cpu| cpu.isa.contains(Isa::H) && !cpu.isa.contains(Isa::SSTC))
    );
    assert_eq!(p550.timer.frequency, Some(1_000_000));
    let (_, k1) = machine(&trees, "spacemit/k1-bananapi-f3.dtb");
    assert!(k1.cpus.len() == 8 && k1.cpus.iter().all(|cpu| !cpu.isa.contains(Isa::H)));
    let (_, k3) = machine(&trees, "spacemit/k3-pico-itx.dtb");
    assert!(
        k3.cpus
            .iter()
            .all(|cpu| cpu.isa.contains(Isa::H | Isa::SSTC | Isa::SSAIA))
    );
    let Controller::AplicImsic(_, imsic) = &k3.controller else {
        panic!("no IMSIC")
    };
    assert_eq!((imsic.harts.len(), imsic.guest_index_bits), (8, 6));
}

/// Every tree that is understood gives zone0 a tree that is one; the others
/// are refused in one line.
#[test]
fn zone0_trees_of_all_boards() {
    let Some(trees) = trees() else { return };
    let mut derived = 0;
    for path in &trees {
        let bytes = std::fs::read(path).unwrap();
        let machine = match board(&bytes) {
            Ok(machine) => machine,
            Err(error) => {
                assert!(!error.to_string().contains('\n'));
                continue;
            }
        };
        let cpus: Vec<u64> = machine.cpus.iter().take(2).map(|cpu| cpu.hw_id).collect();
        let line = free_line(&bytes, 1020)
            .unwrap()
            .unwrap_or_else(|| panic!("{}: no free line", path.display()));
        let edits = Zone0Edits {
            cpus: &cpus,
            memory: &[Region {
                base: 0x4000_0000,
                size: 0x1000_0000,
            }],
            initrd: None,
            command_line: "console=hvc0",
            mailbox: Region {
                base: 0x5000_0000,
                size: 4096,
            },
            line,
            withheld: &[],
            without_extensions: &[],
            interrupt_files: machine::InterruptFiles::Unchanged,
        };
        let mut out = vec![0; bytes.len() + 4096];
        let length = zone0_tree(&bytes, &edits, &mut out)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tree = devicetree::Tree::new(out.get(..length).unwrap()).unwrap();
        let left = tree
            .find("/cpus")
            .unwrap()
            .children()
            .filter(|node| node.base_name() == "cpu")
            .count();
        assert_eq!(left, cpus.len(), "{}", path.display());
        derived += 1;
    }
    assert!(
        derived * 10 > trees.len() * 9,
        "{derived} of {} trees are understood",
        trees.len()
    );
}
