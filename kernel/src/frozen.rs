// SPDX-License-Identifier: Apache-2.0
//! Data that changes only while nobody else can look at it.

use core::cell::UnsafeCell;

/// Read without a lock; replaced by one who has made sure that there is no
/// reader.
pub struct Frozen<T>(UnsafeCell<T>);

// SAFETY: shared references only, but for `thaw`, whose caller excludes them.
unsafe impl<T: Send + Sync> Sync for Frozen<T> {}

impl<T> Frozen<T> {
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub fn get(&self) -> &T {
        // SAFETY: no `&mut` exists beside this, see `thaw`.
        unsafe { &*self.0.get() }
    }

    /// # Safety
    /// No reference from `get` is alive, and none is made while this one is.
    #[expect(clippy::mut_from_ref, reason = "the caller excludes readers")]
    pub unsafe fn thaw(&self) -> &mut T {
        // SAFETY: by the caller's promise.
        unsafe { &mut *self.0.get() }
    }
}
