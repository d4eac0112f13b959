// SPDX-License-Identifier: Apache-2.0
//! Writes the boot bundle.

use crate::planner::Plan;
use abi::bundle::{Entry, Header, MAGIC, MAX_ENTRIES, Zone0, entry};
use abi::descriptor::{Image, MAX_IMAGES};
use zerocopy::IntoBytes;

/// zone0 as the bundle describes it.
#[derive(Clone, Debug, Default)]
pub struct Zone0Images {
    /// Uncompressed, with its Linux header (see [`crate::image::recognise`]).
    pub kernel: Vec<u8>,
    pub initrd: Option<Vec<u8>>,
    pub cmdline: String,
    /// 0: all that zones do not take.
    pub cpus: u32,
    /// Bytes; 0: all that zones do not take.
    pub memory: u64,
}

/// Bytes of a bundle with zone0 (if any) and zones to start at boot.
pub fn write(zone0: Option<&Zone0Images>, zones: &[Plan]) -> Result<Vec<u8>, String> {
    let mut payloads: Vec<(u32, Vec<u8>)> = Vec::new();
    if let Some(zone0) = zone0 {
        let share = Zone0 {
            cpus: zone0.cpus,
            reserved: 0,
            memory: zone0.memory,
        };
        payloads.push((entry::ZONE0, share.as_bytes().to_vec()));
        payloads.push((entry::ZONE0_KERNEL, zone0.kernel.clone()));
        if let Some(initrd) = &zone0.initrd {
            payloads.push((entry::ZONE0_INITRD, initrd.clone()));
        }
        payloads.push((
            entry::ZONE0_COMMAND_LINE,
            zone0.cmdline.clone().into_bytes(),
        ));
    }
    for zone in zones {
        let mut descriptor = zone.descriptor;
        if zone.loads.len() > MAX_IMAGES {
            return Err(format!(
                "zone {} has {} images, a bundle takes {MAX_IMAGES} a zone",
                zone.name,
                zone.loads.len()
            ));
        }
        descriptor.image_count = 0;
        for (slot, load) in descriptor.images.iter_mut().zip(&zone.loads) {
            // Zones often share a kernel: the same bytes are kept once.
            let same = payloads
                .iter()
                .position(|(kind, bytes)| *kind == entry::PAYLOAD && *bytes == load.bytes);
            let at = same.unwrap_or(payloads.len());
            if same.is_none() {
                payloads.push((entry::PAYLOAD, load.bytes.clone()));
            }
            *slot = Image {
                guest: load.guest,
                payload: u32::try_from(at).unwrap_or(u32::MAX),
                reserved: 0,
            };
            descriptor.image_count += 1;
        }
        payloads.push((entry::ZONE, descriptor.as_bytes().to_vec()));
    }
    if payloads.len() > MAX_ENTRIES {
        return Err(format!(
            "{} entries, a bundle has at most {MAX_ENTRIES}",
            payloads.len()
        ));
    }
    Ok(assemble(&payloads))
}

fn assemble(payloads: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let page = |at: usize| at.next_multiple_of(abi::PAGE_SIZE as usize);
    let mut at = page(size_of::<Header>() + payloads.len() * size_of::<Entry>());
    let mut entries = Vec::new();
    for (kind, bytes) in payloads {
        entries.push(Entry {
            kind: *kind,
            reserved: 0,
            offset: at as u64,
            length: bytes.len() as u64,
        });
        at = page(at + bytes.len());
    }
    let header = Header {
        magic: MAGIC,
        version: abi::VERSION,
        count: payloads.len() as u32,
        length: at as u64,
    };
    let mut out = Vec::with_capacity(at);
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(entries.as_bytes());
    for (entry, (_, bytes)) in entries.iter().zip(payloads) {
        out.resize(entry.offset as usize, 0);
        out.extend_from_slice(bytes);
    }
    out.resize(at, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let zone0 = Zone0Images {
            kernel: vec![7; 5000],
            initrd: Some(vec![8; 10]),
            cmdline: "quiet".into(),
            cpus: 2,
            memory: 1 << 30,
        };
        let bytes = write(Some(&zone0), &[]).unwrap();
        let bundle = abi::bundle::Bundle::parse(&bytes).unwrap();
        assert_eq!(bundle.len(), 4);
        assert_eq!(bundle.first(entry::ZONE0_KERNEL), Some(&[7u8; 5000][..]));
        assert_eq!(bundle.first(entry::ZONE0_INITRD), Some(&[8u8; 10][..]));
        assert_eq!(bundle.first(entry::ZONE0_COMMAND_LINE), Some(&b"quiet"[..]));
    }
}
