// SPDX-License-Identifier: Apache-2.0
//! The configuration space of virtio-blk (virtio 1.2, 5.2.4).

use super::disk::{Disk, SECTOR};
use zerocopy::{Immutable, IntoBytes};

/// Longest list of data segments in a request.
const SEG_MAX: u32 = 254;
/// Sectors of the longest discard or write-zeroes.
const MAX_RANGE: u32 = 1 << 22;

#[derive(Default, IntoBytes, Immutable)]
#[repr(C, packed)]
struct Space {
    capacity: u64,
    size_max: u32,
    seg_max: u32,
    cylinders: u16,
    heads: u8,
    sectors: u8,
    blk_size: u32,
    physical_block_exp: u8,
    alignment_offset: u8,
    min_io_size: u16,
    opt_io_size: u32,
    writeback: u8,
    unused0: u8,
    num_queues: u16,
    max_discard_sectors: u32,
    max_discard_seg: u32,
    discard_sector_alignment: u32,
    max_write_zeroes_sectors: u32,
    max_write_zeroes_seg: u32,
    write_zeroes_may_unmap: u8,
    unused1: [u8; 3],
}

pub fn space(disk: &Disk, queues: u16) -> Vec<u8> {
    // Files are kept in pages.
    const PAGE: u32 = 4096;
    let blocks_per_page = PAGE / disk.block_size.clamp(512, PAGE);
    let space = Space {
        capacity: disk.size / SECTOR,
        seg_max: SEG_MAX,
        blk_size: disk.block_size,
        physical_block_exp: blocks_per_page.trailing_zeros() as u8,
        min_io_size: blocks_per_page as u16,
        num_queues: queues,
        max_discard_sectors: MAX_RANGE,
        max_discard_seg: 1,
        discard_sector_alignment: PAGE / SECTOR as u32,
        max_write_zeroes_sectors: MAX_RANGE,
        max_write_zeroes_seg: 1,
        write_zeroes_may_unmap: u8::from(disk.discard),
        ..Space::default()
    };
    space.as_bytes().to_vec()
}
