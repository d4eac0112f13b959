// SPDX-License-Identifier: Apache-2.0
//! Writes the `newc` cpio format of initial RAM disks
//! (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).

use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    pub fn directory(&mut self, path: &str) -> Result<()> {
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[])
    }

    pub fn file(&mut self, path: &str, permissions: u32, data: &[u8]) -> Result<()> {
        self.entry(path, FILE | permissions, (0, 0), data)
    }

    pub fn link(&mut self, path: &str, to: &str) -> Result<()> {
        self.entry(path, LINK | 0o777, (0, 0), to.as_bytes())
    }

    /// A character device with its major and minor number.
    pub fn device(&mut self, path: &str, number: (u32, u32)) -> Result<()> {
        self.entry(path, CHARACTER_DEVICE | 0o600, number, &[])
    }

    /// All below `directory`, at the root; names in order, so that the result is repeatable.
    pub fn tree(&mut self, directory: &Path) -> Result<()> {
        self.subtree(directory, "")
    }

    fn subtree(&mut self, directory: &Path, prefix: &str) -> Result<()> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .with_context(|| format!("{} can not be read", directory.display()))?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<std::io::Result<_>>()?;
        names.sort();
        for name in names {
            let path = directory.join(&name);
            let inside = format!("{prefix}{}", name.to_string_lossy());
            let data = path.symlink_metadata()?;
            if data.is_symlink() {
                self.link(&inside, &fs::read_link(&path)?.to_string_lossy())?;
            } else if data.is_dir() {
                self.directory(&inside)?;
                self.subtree(&path, &format!("{inside}/"))?;
            } else {
                self.file(
                    &inside,
                    data.permissions().mode() & 0o777,
                    &fs::read(&path)?,
                )?;
            }
        }
        Ok(())
    }

    /// The archive with its trailer.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.bytes)
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), data: &[u8]) -> Result<()> {
        let Ok(size) = u32::try_from(data.len()) else {
            bail!("{path} is too large for a cpio archive");
        };
        self.entries += 1;
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let name_size = u32::try_from(path.len() + 1)?;
        let fields = [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            size,
            0,
            0,
            device.0,
            device.1,
            name_size,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_sized() {
        let mut archive = Archive::default();
        archive.directory("etc").unwrap();
        archive.file("etc/name", 0o644, b"zone0").unwrap();
        let bytes = archive.finish().unwrap();
        // A header is 110 bytes; "etc\0" ends at 114 and is padded to 116.
        assert_eq!(&bytes[116..122], b"070701");
        // The size is the seventh field.
        assert_eq!(&bytes[116 + 6 + 6 * 8..][..8], b"00000005");
        assert_eq!(&bytes[116 + 110..][..9], b"etc/name\0");
        assert_eq!(
            &bytes[(116usize + 110 + 9).next_multiple_of(4)..][..5],
            b"zone0"
        );
        assert_eq!(bytes.len() % 4, 0);
    }
}
