// SPDX-License-Identifier: Apache-2.0
//! The physical PLIC. Each processor's context is its own; a source's
//! priority is its owner's.

use crate::arch::mmu;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use machine::Plic;

const PENDING_END: u64 = 0x1000;
const ENABLE: usize = 0x2000;
const ENABLE_STRIDE: usize = 0x80;
const CONTEXT: usize = 0x20_0000;
const CONTEXT_STRIDE: usize = 0x1000;
const CLAIM: usize = 4;

static BASE: AtomicUsize = AtomicUsize::new(0);
static SOURCES: AtomicU32 = AtomicU32::new(0);
/// Context of each processor.
static CONTEXTS: [AtomicU32; abi::MAX_CPUS] = [const { AtomicU32::new(u32::MAX) }; abi::MAX_CPUS];

/// Maps it and silences every source.
pub fn init(plic: &Plic) -> Result<(), mmu::Error> {
    let base = mmu::map_device(plic.region.base, PENDING_END)?;
    for context in &plic.contexts {
        let Some(processor) = crate::cpu::find(context.hart) else {
            continue;
        };
        let number = context.context as usize;
        mmu::map_device(
            plic.region
                .base
                .wrapping_add(enable_offset(number, 0) as u64),
            4096,
        )?;
        mmu::map_device(
            plic.region.base.wrapping_add(context_offset(number) as u64),
            4096,
        )?;
        if let Some(slot) = CONTEXTS.get(processor.index as usize) {
            slot.store(context.context, Ordering::Relaxed);
        }
    }
    BASE.store(base, Ordering::Relaxed);
    SOURCES.store(plic.sources, Ordering::Relaxed);
    for source in 1..=plic.sources {
        set_priority(source, 0);
    }
    Ok(())
}

/// This processor's context: nothing enabled, everything above priority 0 taken.
pub fn init_cpu(index: usize) {
    let Some(context) = context(index) else {
        return;
    };
    for word in 0..=(SOURCES.load(Ordering::Relaxed) / 32) {
        write(enable_offset(context, word), 0);
    }
    write(context_offset(context), 0);
}

fn enable_offset(context: usize, word: u32) -> usize {
    ENABLE
        .wrapping_add(ENABLE_STRIDE.wrapping_mul(context))
        .wrapping_add(4 * word as usize)
}

fn context_offset(context: usize) -> usize {
    CONTEXT.wrapping_add(CONTEXT_STRIDE.wrapping_mul(context))
}

fn context(index: usize) -> Option<usize> {
    let context = CONTEXTS.get(index)?.load(Ordering::Relaxed);
    (context != u32::MAX).then_some(context as usize)
}

/// The context of processor `index`.
pub fn context_of(index: usize) -> u32 {
    CONTEXTS
        .get(index)
        .map_or(u32::MAX, |context| context.load(Ordering::Relaxed))
}

fn read(offset: usize) -> u32 {
    let address = BASE.load(Ordering::Relaxed).wrapping_add(offset) as *const u32;
    // SAFETY: a register that `init` mapped.
    unsafe { address.read_volatile() }
}

fn write(offset: usize, value: u32) {
    let address = BASE.load(Ordering::Relaxed).wrapping_add(offset) as *mut u32;
    // SAFETY: as above.
    unsafe { address.write_volatile(value) };
}

fn exists(source: u32) -> bool {
    source != 0 && source <= SOURCES.load(Ordering::Relaxed)
}

pub fn set_priority(source: u32, priority: u8) {
    if exists(source) {
        write(4 * source as usize, priority.into());
    }
}

/// At the context of processor `index`; its zone's lock is held.
pub fn enable(index: usize, source: u32, on: bool) {
    let Some(context) = context(index).filter(|_| exists(source)) else {
        return;
    };
    let offset = enable_offset(context, source / 32);
    let bit = 1 << (source % 32);
    let word = read(offset);
    write(offset, if on { word | bit } else { word & !bit });
}

/// The best pending source of processor `index`, now claimed; 0 for none.
pub fn claim(index: usize) -> u32 {
    context(index).map_or(0, |context| {
        read(context_offset(context).wrapping_add(CLAIM))
    })
}

/// Ends a claim. The PLIC wants the source enabled at that context.
pub fn complete(index: usize, source: u32) {
    let Some(context) = context(index).filter(|_| exists(source)) else {
        return;
    };
    let offset = enable_offset(context, source / 32);
    let bit = 1 << (source % 32);
    let word = read(offset);
    let completion = context_offset(context).wrapping_add(CLAIM);
    if word & bit != 0 {
        write(completion, source);
    } else {
        write(offset, word | bit);
        write(completion, source);
        write(offset, word);
    }
}
