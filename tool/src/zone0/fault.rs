// SPDX-License-Identifier: Apache-2.0
//! Which device's register an address is in.

use plan::tree::{self, Index};

/// Says what lies at `address` in the zone's own tree and, for what is not
/// there, in the machine's.
pub fn place(address: u64, guest_tree: &[u8], firmware_tree: &[u8]) -> Option<String> {
    if let Some((path, offset)) = device_at(guest_tree, address) {
        return Some(format!(
            "{address:#x} is register {offset:#x} of {path} in the zone's device tree"
        ));
    }
    let (path, offset) = device_at(firmware_tree, address)?;
    Some(format!(
        "{address:#x} is register {offset:#x} of {path} on this machine, which is not the zone's; `passthrough = [\"{path}\"]` would give it"
    ))
}

fn device_at(dtb: &[u8], address: u64) -> Option<(String, u64)> {
    let parsed = tree::parse(dtb).ok()?;
    let index = Index::new(&parsed);
    let mut best: Option<(u64, String, u64)> = None;
    for (at, entry) in index.entries.iter().enumerate() {
        for (base, size) in index.reg(at).unwrap_or_default() {
            let Some(offset) = address.checked_sub(base).filter(|offset| *offset < size) else {
                continue;
            };
            // The smallest window is the most exact one.
            if best
                .as_ref()
                .is_none_or(|(smallest, _, _)| size < *smallest)
            {
                best = Some((size, entry.path.clone(), offset));
            }
        }
    }
    best.map(|(_, path, offset)| (path, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtoolkit::model::DeviceTree;
    use plan::node::Builder;

    fn tree(name: &str, base: u64) -> Vec<u8> {
        let mut tree = DeviceTree::new();
        let root = Builder::new("")
            .prop("#address-cells", 2u32)
            .prop("#size-cells", 2u32);
        tree.root = root
            .child(Builder::new(format!("{name}@{base:x}")).reg(&[(base, 0x1000)]))
            .into();
        tree.to_dtb()
    }

    #[test]
    fn names_the_device_and_its_register() {
        let (guest, firmware) = (tree("serial", 0x900_0000), tree("rtc", 0xa00_0000));
        assert_eq!(
            place(0x900_0018, &guest, &firmware).unwrap(),
            "0x9000018 is register 0x18 of /serial@9000000 in the zone's device tree"
        );
        assert!(
            place(0xa00_0004, &guest, &firmware)
                .unwrap()
                .contains("/rtc@a000000 on this machine")
        );
        assert_eq!(place(0xb00_0000, &guest, &firmware), None);
    }
}
