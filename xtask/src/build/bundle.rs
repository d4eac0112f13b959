// SPDX-License-Identifier: Apache-2.0
//! The boot bundle with nothing but zone0 in it.

use abi::bundle::{Entry, Header, MAGIC, Zone0, entry};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use zerocopy::IntoBytes;

/// zone0's part of a bundle. 0 processors or bytes: all that there are.
pub struct Zone0Images<'a> {
    pub cpus: u32,
    pub memory: u64,
    pub kernel: &'a Path,
    pub initrd: &'a Path,
    pub command_line: &'a str,
}

pub fn pack(zone0: &Zone0Images) -> Result<Vec<u8>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("{} can not be read", path.display()));
    let settings = Zone0 {
        cpus: zone0.cpus,
        reserved: 0,
        memory: zone0.memory,
    };
    pack_entries(&[
        (entry::ZONE0, settings.as_bytes().to_vec()),
        (entry::ZONE0_KERNEL, read(zone0.kernel)?),
        (entry::ZONE0_INITRD, read(zone0.initrd)?),
        (
            entry::ZONE0_COMMAND_LINE,
            zone0.command_line.as_bytes().to_vec(),
        ),
    ])
}

fn pack_entries(payloads: &[(u32, Vec<u8>)]) -> Result<Vec<u8>> {
    let page = usize::try_from(abi::PAGE_SIZE)?;
    let mut end = size_of::<Header>() + payloads.len() * size_of::<Entry>();
    let mut entries = Vec::new();
    for (kind, payload) in payloads {
        let offset = end.next_multiple_of(page);
        end = offset + payload.len();
        entries.push(Entry {
            kind: *kind,
            reserved: 0,
            offset: offset as u64,
            length: payload.len() as u64,
        });
    }
    let header = Header {
        magic: MAGIC,
        version: abi::VERSION,
        count: u32::try_from(payloads.len())?,
        length: end as u64,
    };
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(
        entries
            .iter()
            .flat_map(|entry| entry.as_bytes().iter().copied()),
    );
    for (_, payload) in payloads {
        bytes.resize(bytes.len().next_multiple_of(page), 0);
        bytes.extend_from_slice(payload);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::bundle::Bundle;

    #[test]
    fn the_kernel_finds_what_was_packed() {
        let payloads = [
            (entry::ZONE0_KERNEL, vec![1; 5000]),
            (entry::PAYLOAD, vec![2; 3]),
        ];
        let bytes = pack_entries(&payloads).unwrap();
        let bundle = Bundle::parse(&bytes).unwrap();
        assert_eq!(bundle.len(), 2);
        assert_eq!(bundle.first(entry::ZONE0_KERNEL), Some(&[1; 5000][..]));
        assert_eq!(bundle.entry(1), Some((entry::PAYLOAD, &[2; 3][..])));
    }
}
