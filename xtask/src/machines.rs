// SPDX-License-Identifier: Apache-2.0
//! The emulated machines.

use crate::arch::Arch;
use anyhow::{Result, anyhow};

pub struct Machine {
    pub arch: Arch,
    /// Unique within an architecture; the first one is the default.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// QEMU's arguments for the machine itself.
    pub qemu: &'static [&'static str],
    pub cpus: u32,
    /// MiB.
    pub memory: u32,
    /// Of the firmware's console, as zone0's Linux names it.
    pub console: &'static str,
    /// QEMU's device for zone0's disk, if the machine has virtio.
    pub disk: Option<&'static str>,
    /// A board's device tree below Debian's, where QEMU makes none.
    pub device_tree: Option<&'static str>,
    /// The UART of the console, counted from 0.
    pub serial: u32,
}

const VIRT_AARCH64: Machine = Machine {
    arch: Arch::Aarch64,
    name: "virt",
    about: "QEMU's machine with GICv3 and ITS",
    qemu: &[
        "-M",
        "virt,virtualization=on,gic-version=3",
        "-cpu",
        "cortex-a72",
    ],
    cpus: 4,
    memory: 2048,
    console: "ttyAMA0",
    disk: Some("virtio-blk-device"),
    device_tree: None,
    serial: 0,
};

const VIRT_RISCV64: Machine = Machine {
    arch: Arch::Riscv64,
    name: "virt",
    about: "QEMU's machine with AIA and guest interrupt files",
    qemu: &["-M", "virt,aia=aplic-imsic,aia-guests=3", "-cpu", "rv64"],
    console: "ttyS0",
    ..VIRT_AARCH64
};

pub const MACHINES: &[Machine] = &[
    VIRT_AARCH64,
    Machine {
        name: "virt-gicv2",
        about: "QEMU's machine with GICv2",
        qemu: &[
            "-M",
            "virt,virtualization=on,gic-version=2",
            "-cpu",
            "cortex-a72",
        ],
        ..VIRT_AARCH64
    },
    Machine {
        name: "virt-smmu",
        about: "QEMU's machine with GICv3, ITS and SMMUv3",
        qemu: &[
            "-M",
            "virt,virtualization=on,gic-version=3,its=on,iommu=smmuv3",
            "-cpu",
            "cortex-a72",
        ],
        ..VIRT_AARCH64
    },
    Machine {
        name: "zcu102",
        about: "Xilinx ZCU102: GICv2, no virtio",
        qemu: &["-M", "xlnx-zcu102,virtualization=on", "-audio", "none"],
        console: "ttyPS0",
        disk: None,
        device_tree: Some("xilinx/zynqmp-zcu102-rev1.0.dtb"),
        ..VIRT_AARCH64
    },
    Machine {
        name: "imx8mp",
        about: "NXP i.MX8MP EVK: GICv3, no virtio",
        qemu: &["-M", "imx8mp-evk"],
        console: "ttymxc1",
        disk: None,
        device_tree: Some("freescale/imx8mp-evk.dtb"),
        serial: 1,
        ..VIRT_AARCH64
    },
    VIRT_RISCV64,
    Machine {
        name: "virt-plic",
        about: "QEMU's machine with a PLIC",
        qemu: &["-M", "virt,aia=none", "-cpu", "rv64"],
        ..VIRT_RISCV64
    },
    Machine {
        name: "virt-aplic",
        about: "QEMU's machine with an APLIC for wired interrupts only",
        qemu: &["-M", "virt,aia=aplic", "-cpu", "rv64"],
        ..VIRT_RISCV64
    },
    Machine {
        name: "virt-no-sstc",
        about: "QEMU's machine with a PLIC and no Sstc",
        qemu: &["-M", "virt,aia=none", "-cpu", "rva22s64,h=true"],
        ..VIRT_RISCV64
    },
    Machine {
        name: "virt-sv39",
        about: "QEMU's machine with AIA and Sv39x4 only",
        qemu: &[
            "-M",
            "virt,aia=aplic-imsic,aia-guests=3",
            "-cpu",
            "rva23s64",
        ],
        ..VIRT_RISCV64
    },
];

/// The machine called `name`, or the architecture's first.
pub fn find(arch: Arch, name: Option<&str>) -> Result<&'static Machine> {
    let machines = || MACHINES.iter().filter(move |machine| machine.arch == arch);
    machines()
        .find(|machine| name.is_none_or(|name| machine.name == name))
        .ok_or_else(|| {
            let list: Vec<String> = machines()
                .map(|machine| format!("  {}: {}", machine.name, machine.about))
                .collect();
            anyhow!(
                "there is no machine {} for {arch}; there are:\n{}",
                name.unwrap_or_default(),
                list.join("\n")
            )
        })
}
