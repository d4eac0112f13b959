// SPDX-License-Identifier: Apache-2.0
//! Single accesses to any address. What a zone may not do ends the zone, not
//! this program's soundness: it has no other state than its own.

/// `width`: 1, 2, 4 or 8 bytes.
pub fn read(address: u64, width: u8) -> u64 {
    // SAFETY: every address is allowed here by the purpose of the program.
    unsafe {
        match width {
            1 => (address as *const u8).read_volatile().into(),
            2 => (address as *const u16).read_volatile().into(),
            4 => (address as *const u32).read_volatile().into(),
            _ => (address as *const u64).read_volatile(),
        }
    }
}

pub fn write(address: u64, width: u8, value: u64) {
    // SAFETY: as in `read`; addresses of RAM are those of `platform::Platform::scratch`.
    unsafe {
        match width {
            1 => (address as *mut u8).write_volatile(value as u8),
            2 => (address as *mut u16).write_volatile(value as u16),
            4 => (address as *mut u32).write_volatile(value as u32),
            _ => (address as *mut u64).write_volatile(value),
        }
    }
}

/// Every offset of a window of registers, aligned, in every width; then random
/// ones, misaligned too.
pub fn sweep(base: u64, size: u64, random: &mut crate::random::Random) {
    for width in [1u8, 2, 4, 8] {
        for offset in (0..size).step_by(width.into()) {
            let value = read(base + offset, width);
            write(base + offset, width, value);
        }
    }
    sweep_random(base, size, 20_000, random);
}

pub fn sweep_random(base: u64, size: u64, count: u64, random: &mut crate::random::Random) {
    for _ in 0..count {
        let width = 1 << random.below(4);
        let offset = random.below(size - 7);
        if random.below(2) == 0 {
            read(base + offset, width);
        } else {
            write(base + offset, width, random.argument((0, 1 << 40)));
        }
    }
}
