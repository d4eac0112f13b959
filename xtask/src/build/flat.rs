// SPDX-License-Identifier: Apache-2.0
//! A position-independent ELF program as the raw image that boot loaders take.

use anyhow::{Context, Result, bail};
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, elf};

/// Bytes from the lowest loaded address on; what only occupies memory (`.bss`)
/// at the end is left out, for the image's header tells its size.
pub fn flatten(program: &[u8]) -> Result<Vec<u8>> {
    let file = ElfFile64::<Endianness>::parse(program).context("not an ELF program of 64 bits")?;
    let endian = file.endian();
    let segments = || {
        file.elf_program_headers()
            .iter()
            .filter(|header| header.p_type(endian) == elf::PT_LOAD)
    };
    let Some(base) = segments().map(|header| header.p_paddr(endian)).min() else {
        bail!("the program has nothing to load");
    };
    let mut image = Vec::new();
    for segment in segments().filter(|segment| segment.p_filesz(endian) > 0) {
        let at = usize::try_from(segment.p_paddr(endian) - base)?;
        let Ok(data) = segment.data(endian, program) else {
            bail!("a segment of the program lies outside its file");
        };
        if image.len() < at + data.len() {
            image.resize(at + data.len(), 0);
        }
        image[at..at + data.len()].copy_from_slice(data);
    }
    Ok(image)
}
