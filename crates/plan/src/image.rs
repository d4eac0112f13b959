// SPDX-License-Identifier: Apache-2.0
//! Kernels as distributions ship them, made ready to be copied into a zone.

use crate::arch::{self, Architecture, LinuxHeader};
use crate::units::{GIB, size};
use std::io::Read;

/// The most a compressed kernel may unpack to.
const MAX_UNPACKED: u64 = GIB;
/// Compressed in something compressed in ... is believed this often.
const MAX_LAYERS: usize = 4;

/// A kernel that was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    Linux {
        bytes: Vec<u8>,
        header: LinuxHeader,
    },
    Elf(Elf),
    /// Anything else; where it goes has to be said.
    Raw(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub address: u64,
    pub bytes: Vec<u8>,
    /// Bytes in memory, at least as many as there are in `bytes`.
    pub memory: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    pub segments: Vec<Segment>,
    /// Physical address of the entry point.
    pub entry: u64,
}

/// The image and how it was found ("EFI zboot, zstd").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    pub image: Image,
    pub format: String,
}

/// Unpacks `bytes` and says what they are.
pub fn recognise(
    mut bytes: Vec<u8>,
    architecture: &dyn Architecture,
) -> Result<Recognised, String> {
    let mut layers = Vec::new();
    for _ in 0..MAX_LAYERS {
        match unpack(&bytes)? {
            None => break,
            Some((inner, layer)) => {
                bytes = inner;
                layers.push(layer);
            }
        }
    }
    let (image, name) = if bytes.starts_with(b"\x7fELF") {
        (Image::Elf(elf(&bytes, architecture)?), "ELF".to_owned())
    } else if let Some(header) = architecture.linux_header(&bytes) {
        (
            Image::Linux { bytes, header },
            format!("Linux Image for {}", architecture.name()),
        )
    } else if let Some(other) = arch::by_image(&bytes) {
        return Err(format!(
            "is a Linux kernel for {}, this machine is {}",
            other.name(),
            architecture.name()
        ));
    } else if bytes.starts_with(b"MZ") {
        return Err("is an EFI program without a Linux header".into());
    } else if bytes.get(0x202..0x206) == Some(b"HdrS") {
        return Err(format!(
            "is a Linux kernel for x86, this machine is {}",
            architecture.name()
        ));
    } else if bytes.starts_with(&[0x27, 0x05, 0x19, 0x56])
        || bytes.starts_with(&[0xd0, 0x0d, 0xfe, 0xed])
    {
        return Err("is a U-Boot uImage or FIT: take the kernel out of it (dumpimage)".into());
    } else {
        (Image::Raw(bytes), "raw binary".to_owned())
    };
    layers.push(name);
    Ok(Recognised {
        image,
        format: layers.join(", "),
    })
}

/// One layer of compression; `None` if there is none.
fn unpack(bytes: &[u8]) -> Result<Option<(Vec<u8>, String)>, String> {
    if let Some((payload, method)) = zboot(bytes)? {
        let inner = decompress(payload, &method)?.ok_or_else(|| {
            format!("is an EFI zboot image compressed by {method}, which is not known here")
        })?;
        return Ok(Some((inner, format!("EFI zboot ({method})"))));
    }
    let method = match bytes {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
        [0x5d, 0, 0, ..] => "lzma",
        _ => return Ok(None),
    };
    Ok(decompress(bytes, method)?.map(|inner| (inner, method.to_owned())))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(u32::from_le_bytes)
}

/// Header of include/linux/efi zboot images: "MZ", "zimg" at 4, payload's
/// offset at 8 and size at 12, name of the compression at 24.
fn zboot(bytes: &[u8]) -> Result<Option<(&[u8], String)>, String> {
    if !bytes.starts_with(b"MZ") || bytes.get(4..8) != Some(b"zimg") {
        return Ok(None);
    }
    let whole = || -> Option<(&[u8], String)> {
        let offset = usize::try_from(u32_at(bytes, 8)?).ok()?;
        let length = usize::try_from(u32_at(bytes, 12)?).ok()?;
        let payload = bytes.get(offset..offset.checked_add(length)?)?;
        Some((
            payload,
            abi::name_from_bytes(bytes.get(24..56)?)?.to_owned(),
        ))
    };
    whole()
        .map(Some)
        .ok_or_else(|| "is a truncated EFI zboot image".into())
}

fn decompress(bytes: &[u8], method: &str) -> Result<Option<Vec<u8>>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("does not unpack ({method}): {error}");
    let mut out = Vec::new();
    match method {
        "gzip" => {
            let mut reader = flate2::read::GzDecoder::new(bytes).take(MAX_UNPACKED + 1);
            reader
                .read_to_end(&mut out)
                .map_err(|error| wrong(&error))?;
        }
        "zstd" | "zstd22" => {
            let reader =
                ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|error| wrong(&error))?;
            reader
                .take(MAX_UNPACKED + 1)
                .read_to_end(&mut out)
                .map_err(|error| wrong(&error))?;
        }
        "xz" | "xzkern" => {
            let mut bounded = Bounded(Vec::new());
            lzma_rs::xz_decompress(&mut std::io::BufReader::new(bytes), &mut bounded)
                .map_err(|error| wrong(&format!("{error:?}")))?;
            out = bounded.0;
        }
        "lzma" => {
            let mut bounded = Bounded(Vec::new());
            lzma_rs::lzma_decompress(&mut std::io::BufReader::new(bytes), &mut bounded)
                .map_err(|error| wrong(&format!("{error:?}")))?;
            out = bounded.0;
        }
        _ => return Ok(None),
    }
    if out.len() as u64 > MAX_UNPACKED {
        return Err(wrong(&format!("more than {}", size(MAX_UNPACKED))));
    }
    Ok(Some(out))
}

/// A sink that refuses to grow beyond what a kernel can be.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if (self.0.len() + bytes.len()) as u64 > MAX_UNPACKED {
            return Err(std::io::Error::other("too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// ELF-64, little-endian, executable or position-independent (System V gABI, chapters 4 and 5).
fn elf(bytes: &[u8], architecture: &dyn Architecture) -> Result<Elf, String> {
    const LOAD: u32 = 1;
    let truncated = || "is a truncated ELF file".to_owned();
    let u16_at = |at: usize| {
        bytes
            .get(at..at + 2)?
            .try_into()
            .ok()
            .map(u16::from_le_bytes)
    };
    let u64_at = |at: usize| {
        bytes
            .get(at..at.checked_add(8)?)?
            .try_into()
            .ok()
            .map(u64::from_le_bytes)
    };
    if bytes.get(4..6) != Some(&[2, 1]) {
        return Err("is not a 64-bit little-endian ELF file".into());
    }
    if u16_at(18) != Some(architecture.elf_machine()) {
        return Err(format!(
            "is an ELF file for another machine than {}",
            architecture.name()
        ));
    }
    let entry = u64_at(24).ok_or_else(truncated)?;
    let table = u64_at(32)
        .and_then(|at| usize::try_from(at).ok())
        .ok_or_else(truncated)?;
    let (width, count) = (
        usize::from(u16_at(54).ok_or_else(truncated)?),
        usize::from(u16_at(56).ok_or_else(truncated)?),
    );
    let mut segments = Vec::new();
    let mut physical_entry = None;
    for index in 0..count.min(64) {
        let header = table.checked_add(index * width).ok_or_else(truncated)?;
        let field = |offset: usize| u64_at(header.checked_add(offset)?);
        if u32_at(bytes, header) != Some(LOAD) {
            continue;
        }
        let read = || -> Option<(Segment, u64)> {
            let offset = usize::try_from(field(8)?).ok()?;
            let (virt, phys) = (field(16)?, field(24)?);
            let (file, memory) = (field(32)?, field(40)?);
            let bytes = bytes
                .get(offset..offset.checked_add(usize::try_from(file).ok()?)?)?
                .to_vec();
            Some((
                Segment {
                    address: phys,
                    bytes,
                    memory: memory.max(file),
                },
                virt,
            ))
        };
        let (segment, virt) = read().ok_or_else(truncated)?;
        if let Some(offset) = entry
            .checked_sub(virt)
            .filter(|offset| *offset < segment.memory)
        {
            physical_entry = segment.address.checked_add(offset);
        }
        if segment.memory > 0 {
            segments.push(segment);
        }
    }
    if segments.is_empty() {
        return Err("is an ELF file that loads nothing (an object file?)".into());
    }
    Ok(Elf {
        segments,
        entry: physical_entry.ok_or("is an ELF file whose entry is in none of its segments")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn arm64_image() -> Vec<u8> {
        let mut image = vec![0u8; 4096];
        image[16..24].copy_from_slice(&0x20_0000u64.to_le_bytes());
        image[56..60].copy_from_slice(b"ARM\x64");
        image
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zboot_of(payload: &[u8], method: &str) -> Vec<u8> {
        let mut image = vec![0u8; 64];
        image[..2].copy_from_slice(b"MZ");
        image[4..8].copy_from_slice(b"zimg");
        image[8..12].copy_from_slice(&64u32.to_le_bytes());
        image[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        image[24..24 + method.len()].copy_from_slice(method.as_bytes());
        image.extend_from_slice(payload);
        image
    }

    fn aarch64() -> &'static dyn Architecture {
        arch::by_number(abi::descriptor::architecture::AARCH64).unwrap()
    }

    #[test]
    fn every_wrapping() {
        let plain = arm64_image();
        let mut xz = Vec::new();
        lzma_rs::xz_compress(&mut plain.as_slice(), &mut xz).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(
            plain.as_slice(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        for (bytes, format) in [
            (plain.clone(), "Linux Image for aarch64"),
            (gzip(&plain), "gzip, Linux Image for aarch64"),
            (xz.clone(), "xz, Linux Image for aarch64"),
            (zstd.clone(), "zstd, Linux Image for aarch64"),
            (
                zboot_of(&gzip(&plain), "gzip"),
                "EFI zboot (gzip), Linux Image for aarch64",
            ),
            (
                zboot_of(&zstd, "zstd22"),
                "EFI zboot (zstd22), Linux Image for aarch64",
            ),
            (
                zboot_of(&xz, "xzkern"),
                "EFI zboot (xzkern), Linux Image for aarch64",
            ),
        ] {
            let found = recognise(bytes, aarch64()).unwrap();
            assert_eq!(found.format, format);
            let header = LinuxHeader {
                text_offset: 0,
                image_size: 0x20_0000,
            };
            assert_eq!(
                found.image,
                Image::Linux {
                    bytes: plain.clone(),
                    header
                }
            );
        }
    }

    #[test]
    fn what_is_refused() {
        let mut riscv = arm64_image();
        riscv[56..60].copy_from_slice(b"RSC\x05");
        let zip = gzip(&arm64_image());
        for (bytes, reason) in [
            (riscv, "for riscv64"),
            (zip[..zip.len() / 2].to_vec(), "does not unpack"),
            (zboot_of(b"abc", "rot13"), "rot13"),
            (b"MZ\0\0zimg".to_vec(), "truncated"),
            (b"MZ................".to_vec(), "EFI program"),
            (b"\x7fELF\x01\x01".to_vec(), "64-bit"),
            (vec![0x27, 0x05, 0x19, 0x56, 0], "uImage"),
        ] {
            let error = recognise(bytes, aarch64()).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
