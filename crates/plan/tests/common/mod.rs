// SPDX-License-Identifier: Apache-2.0
//! Boards and files that tests plan for.
#![allow(dead_code, clippy::unwrap_used)]

use dtoolkit::model::DeviceTree;
use plan::machine::{Machine, Zone0Share};
use plan::node::Builder;
use plan::planner::Sources;
use plan::units::{GIB, MIB};

pub const SHARE: Zone0Share = Zone0Share {
    cpus: 1,
    memory: 512 * MIB,
    boot: 64 * MIB,
};

pub fn dtb(root: Builder) -> Vec<u8> {
    let mut tree = DeviceTree::new();
    tree.root = root.into();
    tree.to_dtb()
}

/// Like QEMU's `virt`, with devices that a test may pass through.
pub fn aarch64(cpus: u32, memory: u64, gic: &str) -> Vec<u8> {
    let mut all = Builder::new("cpus")
        .prop("#address-cells", 1u32)
        .prop("#size-cells", 0u32);
    for cpu in 0..cpus {
        all = all.child(
            Builder::new(format!("cpu@{cpu:x}"))
                .prop("device_type", "cpu")
                .prop("compatible", "arm,cortex-a72")
                .prop("reg", cpu)
                .prop("enable-method", "psci"),
        );
    }
    let gic_reg: &[(u64, u64)] = match gic {
        "arm,gic-v3" => &[(0x800_0000, 0x1_0000), (0x80a_0000, 0xf6_0000)],
        _ => &[(0x800_0000, 0x1_0000), (0x801_0000, 0x1_0000)],
    };
    let mut root = Builder::new("")
        .prop("#address-cells", 2u32)
        .prop("#size-cells", 2u32)
        .prop("compatible", "linux,dummy-virt")
        .prop("interrupt-parent", 1u32)
        .child(all)
        .child(
            Builder::new("memory@40000000")
                .prop("device_type", "memory")
                .reg(&[(0x4000_0000, memory)]),
        )
        .child(
            Builder::new("psci")
                .prop("compatible", "arm,psci-1.0")
                .prop("method", "smc"),
        )
        .child(
            Builder::new("timer")
                .prop("compatible", "arm,armv8-timer")
                .flag("always-on")
                .cells("interrupts", &[1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4]),
        )
        .child(
            Builder::new("intc@8000000")
                .prop("compatible", gic)
                .prop("#interrupt-cells", 3u32)
                .flag("interrupt-controller")
                .reg(gic_reg)
                .prop("phandle", 1u32),
        )
        .child(
            Builder::new("apb-pclk")
                .prop("compatible", "fixed-clock")
                .prop("#clock-cells", 0u32)
                .prop("clock-frequency", 24_000_000u32)
                .prop("phandle", 2u32),
        )
        .child(
            Builder::new("odd-clock")
                .prop("compatible", "vendor,clock")
                .prop("#clock-cells", 1u32)
                .prop("phandle", 3u32),
        );
    root = root
        .child(
            Builder::new("pl011@9000000")
                .strings("compatible", &["arm,pl011", "arm,primecell"])
                .reg(&[(0x900_0000, 0x1000)])
                .cells("interrupts", &[0, 1, 4])
                .cells("clocks", &[2, 2])
                .strings("clock-names", &["uartclk", "apb_pclk"]),
        )
        .child(
            Builder::new("serial@9010000")
                .prop("compatible", "vendor,uart")
                .reg(&[(0x901_0000, 0x1000)])
                .cells("interrupts", &[0, 9, 1])
                .cells("clocks", &[3, 7]),
        )
        .child(
            Builder::new("gpio@9020000")
                .prop("compatible", "arm,pl061")
                .reg(&[(0x902_0000, 0x100)])
                .cells("interrupts", &[0, 7, 4]),
        )
        .child(
            Builder::new("rtc@9020800")
                .prop("compatible", "arm,pl031")
                .reg(&[(0x902_0800, 0x100)])
                .cells("interrupts", &[0, 2, 4]),
        )
        .child(
            Builder::new("watchdog@9030000")
                .prop("compatible", "vendor,wdt")
                .reg(&[(0x903_0000, 0x1000)])
                .cells("interrupts", &[1, 3, 4]),
        )
        .child(
            Builder::new("ethernet@a100000")
                .prop("compatible", "vendor,mac")
                .reg(&[(0xa10_0000, 0x2000)])
                .cells("interrupts", &[0, 20, 4]),
        );
    dtb(root)
}

/// Like QEMU's `virt` for riscv64; `aia` picks the interrupt controller.
pub fn riscv64(harts: u32, memory: u64, aia: &str) -> Vec<u8> {
    let mut all = Builder::new("cpus")
        .prop("#address-cells", 1u32)
        .prop("#size-cells", 0u32)
        .prop("timebase-frequency", 10_000_000u32);
    let mut external = Vec::new();
    for hart in 0..harts {
        external.extend([0x10 + hart, 9]);
        all = all.child(
            Builder::new(format!("cpu@{hart:x}"))
                .prop("device_type", "cpu")
                .prop("compatible", "riscv")
                .prop("reg", hart)
                .prop("mmu-type", "riscv,sv57")
                .prop("riscv,isa", "rv64imafdch_zicsr_sstc_smaia_ssaia")
                .strings(
                    "riscv,isa-extensions",
                    &["i", "m", "a", "h", "sstc", "smaia", "ssaia"],
                )
                .child(
                    Builder::new("interrupt-controller")
                        .prop("compatible", "riscv,cpu-intc")
                        .prop("#interrupt-cells", 1u32)
                        .flag("interrupt-controller")
                        .prop("phandle", 0x10 + hart),
                ),
        );
    }
    let mut soc = Builder::new("soc")
        .prop("#address-cells", 2u32)
        .prop("#size-cells", 2u32)
        .prop("compatible", "simple-bus")
        .flag("ranges");
    soc = match aia {
        "none" => soc.child(
            Builder::new("plic@c000000")
                .strings("compatible", &["sifive,plic-1.0.0", "riscv,plic0"])
                .prop("#interrupt-cells", 1u32)
                .flag("interrupt-controller")
                .reg(&[(0xc00_0000, 0x60_0000)])
                .prop("riscv,ndev", 95u32)
                .cells("interrupts-extended", &external)
                .prop("phandle", 1u32),
        ),
        _ => {
            let bits = u32::from(aia == "aplic-imsic");
            soc.child(
                Builder::new("interrupt-controller@28000000")
                    .prop("compatible", "riscv,imsics")
                    .prop("#interrupt-cells", 0u32)
                    .flag("interrupt-controller")
                    .reg(&[(0x2800_0000, 0x4000)])
                    .prop("riscv,num-ids", 255u32)
                    .prop("riscv,guest-index-bits", bits)
                    .cells("interrupts-extended", &external)
                    .prop("phandle", 2u32),
            )
            .child(
                Builder::new("interrupt-controller@d000000")
                    .prop("compatible", "riscv,aplic")
                    .prop("#interrupt-cells", 2u32)
                    .flag("interrupt-controller")
                    .reg(&[(0xd00_0000, 0x8000)])
                    .prop("riscv,num-sources", 96u32)
                    .prop("msi-parent", 2u32)
                    .prop("phandle", 1u32),
            )
        }
    };
    let cells: &[u32] = if aia == "none" { &[10] } else { &[10, 4] };
    soc = soc.child(
        Builder::new("serial@10000000")
            .prop("compatible", "ns16550a")
            .reg(&[(0x1000_0000, 0x100)])
            .cells("interrupts", cells)
            .prop("clock-frequency", 3_686_400u32)
            .prop("interrupt-parent", 1u32),
    );
    dtb(Builder::new("")
        .prop("#address-cells", 2u32)
        .prop("#size-cells", 2u32)
        .child(all)
        .child(
            Builder::new("memory@80000000")
                .prop("device_type", "memory")
                .reg(&[(0x8000_0000, memory)]),
        )
        .child(
            Builder::new("reserved-memory")
                .prop("#address-cells", 2u32)
                .prop("#size-cells", 2u32)
                .flag("ranges")
                .child(
                    Builder::new("mmode_resv0@80000000")
                        .reg(&[(0x8000_0000, 0x8_0000)])
                        .flag("no-map"),
                ),
        )
        .child(soc))
}

pub fn machine() -> Machine {
    Machine::from_tree(&aarch64(4, 2 * GIB, "arm,gic-v3"), SHARE, "virt").unwrap()
}

/// A Linux Image of so many bytes in memory.
pub fn linux(magic: &[u8; 4], text_offset: u64, image_size: u64) -> Vec<u8> {
    let mut image = vec![0x5a; 8192];
    image[8..16].copy_from_slice(&text_offset.to_le_bytes());
    image[16..24].copy_from_slice(&image_size.to_le_bytes());
    image[56..60].copy_from_slice(magic);
    image
}

pub fn sources() -> Sources {
    Sources {
        kernel: Some(linux(b"ARM\x64", 0, 40 * MIB)),
        initrd: Some(vec![1; 100_000]),
        dtb: None,
        seed: None,
    }
}

/// The tree with zone0's console named.
pub fn with_console(dtb: &[u8], path: &str) -> Vec<u8> {
    let mut tree = plan::tree::parse(dtb).unwrap();
    tree.root
        .add_child(Builder::new("chosen").prop("stdout-path", path).into());
    tree.to_dtb()
}
