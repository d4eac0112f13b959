// SPDX-License-Identifier: Apache-2.0
//! A small AArch64 board with a GICv3, written as a boot loader would.
#![allow(dead_code, clippy::unwrap_used)]
use vm_fdt::{FdtReserveEntry, FdtWriter};

pub const MPIDRS: [u64; 4] = [0x0, 0x100, 0x1_0000, 0x1_0100];
pub const GIC: u32 = 1;
const ITS: u32 = 2;
const SMMU: u32 = 3;
const CPU: u32 = 0x10;
const PPI: u32 = 1;

pub struct Board {
    pub compatible: &'static str,
    pub regions: Vec<u64>,
    pub banks: Vec<(u64, u64)>,
    pub bundle: Option<(u64, u64)>,
    pub psci: bool,
    pub cpus: bool,
    /// One more, which is disabled.
    pub disabled_cpu: bool,
    pub stdout: &'static str,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            compatible: "arm,gic-v3",
            regions: vec![
                0x800_0000, 0x1_0000, 0x80a_0000, 0x8_0000, 0x810_0000, 0x2000,
            ],
            banks: vec![(0x8_0000_0000, 0x4000_0000), (0x4000_0000, 0x1000_0000)],
            bundle: Some((0x4800_0000, 0x4900_0000)),
            psci: true,
            cpus: true,
            disabled_cpu: true,
            stdout: "/soc/serial@9000000:115200",
        }
    }
}

impl Board {
    pub fn tree(&self) -> Vec<u8> {
        let reserved = [
            FdtReserveEntry::new(0x4700_0000, 0x1000).unwrap(),
            FdtReserveEntry::new(0x4800_0000, 0x0100_0000).unwrap(),
        ];
        let mut fdt = FdtWriter::new_with_mem_reserv(&reserved).unwrap();
        let root = fdt.begin_node("").unwrap();
        fdt.property_string("model", "test board").unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_u32("interrupt-parent", GIC).unwrap();
        self.chosen(&mut fdt);
        for &(base, size) in &self.banks {
            let node = fdt.begin_node(&format!("memory@{base:x}")).unwrap();
            fdt.property_string("device_type", "memory").unwrap();
            fdt.property_array_u64("reg", &[base, size]).unwrap();
            fdt.end_node(node).unwrap();
        }
        let parent = fdt.begin_node("reserved-memory").unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_null("ranges").unwrap();
        let node = fdt.begin_node("secure@4ff00000").unwrap();
        fdt.property_array_u64("reg", &[0x4ff0_0000, 0x10_0000])
            .unwrap();
        fdt.property_null("no-map").unwrap();
        fdt.end_node(node).unwrap();
        fdt.end_node(parent).unwrap();
        if self.cpus {
            self.processors(&mut fdt);
        }
        if self.psci {
            let node = fdt.begin_node("psci").unwrap();
            fdt.property_string("compatible", "arm,psci-0.2").unwrap();
            fdt.property_string("method", "hvc").unwrap();
            fdt.property_u32("cpu_on", 7).unwrap();
            fdt.end_node(node).unwrap();
        }
        let node = fdt.begin_node("timer").unwrap();
        fdt.property_string("compatible", "arm,armv8-timer")
            .unwrap();
        let ppis: Vec<u32> = [13, 14, 11, 10]
            .into_iter()
            .flat_map(|ppi| [PPI, ppi, 4])
            .collect();
        fdt.property_array_u32("interrupts", &ppis).unwrap();
        fdt.end_node(node).unwrap();
        let node = fdt.begin_node("pmu").unwrap();
        fdt.property_string("compatible", "arm,cortex-a53-pmu")
            .unwrap();
        fdt.end_node(node).unwrap();
        let node = fdt.begin_node("monitor").unwrap();
        fdt.property_string("compatible", "vendor,monitor").unwrap();
        fdt.property_array_u32("interrupts", &[0, 40, 4, 0, 41, 4, 0, 42, 4, 0, 43, 4])
            .unwrap();
        fdt.property_array_u32("interrupt-affinity", &[CPU, CPU + 1, CPU + 2, CPU + 3])
            .unwrap();
        fdt.end_node(node).unwrap();
        self.devices(&mut fdt);
        fdt.end_node(root).unwrap();
        fdt.finish().unwrap()
    }

    fn chosen(&self, fdt: &mut FdtWriter) {
        let node = fdt.begin_node("chosen").unwrap();
        fdt.property_string("bootargs", "hvisor arguments").unwrap();
        fdt.property_string("stdout-path", self.stdout).unwrap();
        fdt.property_u64("kaslr-seed", 0x1234).unwrap();
        if let Some((start, end)) = self.bundle {
            // As 32 bits, like some boot loaders.
            fdt.property_u32("linux,initrd-start", u32::try_from(start).unwrap())
                .unwrap();
            fdt.property_u32("linux,initrd-end", u32::try_from(end).unwrap())
                .unwrap();
        }
        fdt.end_node(node).unwrap();
    }

    fn processors(&self, fdt: &mut FdtWriter) {
        let cpus = fdt.begin_node("cpus").unwrap();
        fdt.property_u32("#address-cells", 1).unwrap();
        fdt.property_u32("#size-cells", 0).unwrap();
        let map = fdt.begin_node("cpu-map").unwrap();
        fdt.end_node(map).unwrap();
        for (index, mpidr) in (0u32..).zip(MPIDRS) {
            let node = fdt.begin_node(&format!("cpu@{mpidr:x}")).unwrap();
            fdt.property_string("device_type", "cpu").unwrap();
            fdt.property_u32("reg", u32::try_from(mpidr).unwrap())
                .unwrap();
            fdt.property_string("enable-method", "psci").unwrap();
            fdt.property_u32("cpu-idle-states", 0x99).unwrap();
            fdt.property_u32("phandle", CPU + index).unwrap();
            fdt.end_node(node).unwrap();
        }
        if self.disabled_cpu {
            let node = fdt.begin_node("cpu@666").unwrap();
            fdt.property_string("device_type", "cpu").unwrap();
            fdt.property_string("status", "disabled").unwrap();
            fdt.property_u32("reg", 0x666).unwrap();
            fdt.end_node(node).unwrap();
        }
        fdt.end_node(cpus).unwrap();
    }

    fn devices(&self, fdt: &mut FdtWriter) {
        let soc = fdt.begin_node("soc").unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_null("ranges").unwrap();
        let gic = fdt.begin_node("intc@8000000").unwrap();
        fdt.property_string("compatible", self.compatible).unwrap();
        fdt.property_null("interrupt-controller").unwrap();
        fdt.property_u32("#interrupt-cells", 3).unwrap();
        fdt.property_u32("#address-cells", 2).unwrap();
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_null("ranges").unwrap();
        fdt.property_u32("phandle", GIC).unwrap();
        fdt.property_array_u64("reg", &self.regions).unwrap();
        fdt.property_array_u32("interrupts", &[PPI, 9, 4]).unwrap();
        let its = fdt.begin_node("its@8080000").unwrap();
        fdt.property_string("compatible", "arm,gic-v3-its").unwrap();
        fdt.property_u32("phandle", ITS).unwrap();
        fdt.property_array_u64("reg", &[0x808_0000, 0x2_0000])
            .unwrap();
        fdt.end_node(its).unwrap();
        fdt.end_node(gic).unwrap();
        let node = fdt.begin_node("serial@9000000").unwrap();
        fdt.property_string_list(
            "compatible",
            vec!["arm,pl011".into(), "arm,primecell".into()],
        )
        .unwrap();
        fdt.property_array_u64("reg", &[0x900_0000, 0x1000])
            .unwrap();
        fdt.property_array_u32("interrupts", &[0, 1, 4]).unwrap();
        fdt.end_node(node).unwrap();
        let node = fdt.begin_node("iommu@9050000").unwrap();
        fdt.property_string("compatible", "arm,smmu-v3").unwrap();
        fdt.property_u32("phandle", SMMU).unwrap();
        fdt.property_array_u64("reg", &[0x905_0000, 0x2_0000])
            .unwrap();
        fdt.end_node(node).unwrap();
        let node = fdt.begin_node("dma@9100000").unwrap();
        fdt.property_array_u64("reg", &[0x910_0000, 0x1000])
            .unwrap();
        fdt.property_array_u32("interrupts", &[0, 254, 4]).unwrap();
        fdt.property_array_u32("iommus", &[SMMU, 0]).unwrap();
        fdt.end_node(node).unwrap();
        let node = fdt.begin_node("pcie@10000000").unwrap();
        fdt.property_u32("#address-cells", 3).unwrap();
        fdt.property_u32("#size-cells", 2).unwrap();
        fdt.property_u32("#interrupt-cells", 1).unwrap();
        fdt.property_array_u64("reg", &[0x1000_0000, 0x10_0000])
            .unwrap();
        fdt.property_array_u32("msi-map", &[0, ITS, 0, 0x1_0000])
            .unwrap();
        fdt.property_array_u32("iommu-map", &[0, SMMU, 0, 0x1_0000])
            .unwrap();
        fdt.property_array_u32("interrupt-map-mask", &[0, 0, 0, 7])
            .unwrap();
        // Child address and pin, parent, parent's address, its specifier.
        fdt.property_array_u32("interrupt-map", &[0, 0, 0, 1, GIC, 0, 0, 0, 253, 4])
            .unwrap();
        fdt.end_node(node).unwrap();
        fdt.end_node(soc).unwrap();
    }
}
