// SPDX-License-Identifier: Apache-2.0
#![allow(dead_code, clippy::unwrap_used)]
use vm_fdt::{FdtReserveEntry, FdtWriter};

/// Controller 1 takes three cells; bus@1000 shifts its children by 0x1000_0000.
pub fn sample() -> Vec<u8> {
    let entries = [FdtReserveEntry::new(0x1000, 0x2000).unwrap()];
    let mut fdt = FdtWriter::new_with_mem_reserv(&entries).unwrap();
    let root = fdt.begin_node("").unwrap();
    fdt.property_u32("#address-cells", 2).unwrap();
    fdt.property_u32("#size-cells", 2).unwrap();
    fdt.property_u32("interrupt-parent", 1).unwrap();
    let node = fdt.begin_node("aliases").unwrap();
    fdt.property_string("serial0", "/bus@1000/serial@20")
        .unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("chosen").unwrap();
    fdt.property_string("stdout-path", "serial0:115200n8")
        .unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("intc@8000").unwrap();
    fdt.property_u32("phandle", 1).unwrap();
    fdt.property_u32("#interrupt-cells", 3).unwrap();
    fdt.property_null("interrupt-controller").unwrap();
    fdt.property_array_u64("reg", &[0x8000, 0x1000]).unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("gpio@9000").unwrap();
    fdt.property_u32("phandle", 2).unwrap();
    fdt.property_u32("#interrupt-cells", 2).unwrap();
    fdt.property_array_u64("reg", &[0x9000, 0x1000]).unwrap();
    fdt.end_node(node).unwrap();
    let bus = fdt.begin_node("bus@1000").unwrap();
    fdt.property_u32("#address-cells", 1).unwrap();
    fdt.property_u32("#size-cells", 1).unwrap();
    // Child 0, parent 0x1000_0000, 0x100 bytes.
    fdt.property_array_u32("ranges", &[0, 0, 0x1000_0000, 0x100])
        .unwrap();
    let node = fdt.begin_node("serial@20").unwrap();
    fdt.property_string_list("compatible", vec!["vendor,uart".into(), "ns16550a".into()])
        .unwrap();
    fdt.property_array_u32("reg", &[0x20, 0x10, 0x200, 0x10])
        .unwrap();
    fdt.property_array_u32("interrupts", &[0, 5, 4, 0, 6, 1])
        .unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("key@30").unwrap();
    fdt.property_string("status", "disabled").unwrap();
    fdt.property_array_u32("interrupts-extended", &[2, 7, 8, 1, 0, 9, 4])
        .unwrap();
    fdt.end_node(node).unwrap();
    fdt.end_node(bus).unwrap();
    fdt.end_node(root).unwrap();
    fdt.finish().unwrap()
}
