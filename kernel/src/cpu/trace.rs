// SPDX-License-Identifier: Apache-2.0
//! The last exits of one processor.

use abi::counters::{TRACE_ENTRIES, TraceEntry};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

const WORDS: usize = 4;
const _: () = assert!(size_of::<TraceEntry>() == WORDS * 8);

/// Bytes of the memory behind it.
pub const SIZE: usize = TRACE_ENTRIES * WORDS * 8;

/// A ring with one writer, the processor itself, and readers anywhere.
pub struct Trace {
    /// `[[AtomicU64; WORDS]; TRACE_ENTRIES]`, or 0.
    entries: AtomicUsize,
    /// Position after the last entry.
    end: AtomicU64,
}

impl Trace {
    pub const fn new() -> Self {
        Self {
            entries: AtomicUsize::new(0),
            end: AtomicU64::new(0),
        }
    }

    /// Gives it [`SIZE`] zeroed bytes that are its own for ever.
    pub fn attach(&self, memory: u64) {
        self.entries.store(memory as usize, Ordering::Release);
    }

    fn slot(&self, position: u64) -> Option<&[AtomicU64; WORDS]> {
        let base = self.entries.load(Ordering::Acquire) as *const [AtomicU64; WORDS];
        if base.is_null() {
            return None;
        }
        // SAFETY: `attach` was given SIZE bytes; the index is less than TRACE_ENTRIES.
        Some(unsafe { &*base.add(position as usize % TRACE_ENTRIES) })
    }

    /// On the processor itself only.
    #[inline]
    pub fn push(&self, entry: &TraceEntry) {
        let end = self.end.load(Ordering::Relaxed);
        let Some([time, pc, cause, detail]) = self.slot(end) else {
            return;
        };
        // A reader that sees a new word sees that the old entry is gone.
        self.end.store(end.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        time.store(entry.time, Ordering::Relaxed);
        pc.store(entry.pc, Ordering::Relaxed);
        cause.store(
            u64::from(entry.cause) | u64::from(entry.zone) << 32,
            Ordering::Relaxed,
        );
        detail.store(entry.detail, Ordering::Relaxed);
    }

    /// Position after the last entry.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// The entry at `position`; `None` if it is gone, or not there yet. The
    /// last one may be half written while its processor is in an exit, so it
    /// is not given.
    pub fn get(&self, position: u64) -> Option<TraceEntry> {
        let end = self.end();
        if position.wrapping_add(1) >= end || end.wrapping_sub(position) >= TRACE_ENTRIES as u64 {
            return None;
        }
        let [time, pc, cause, detail] = self.slot(position)?;
        let packed = cause.load(Ordering::Relaxed);
        let entry = TraceEntry {
            time: time.load(Ordering::Relaxed),
            pc: pc.load(Ordering::Relaxed),
            cause: packed as u32,
            zone: (packed >> 32) as u32,
            detail: detail.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        (self.end().wrapping_sub(position) < TRACE_ENTRIES as u64).then_some(entry)
    }

    /// Position of the oldest entry that [`Self::get`] knows.
    pub fn start(&self) -> u64 {
        self.end()
            .saturating_sub((TRACE_ENTRIES as u64).wrapping_sub(1))
    }
}
