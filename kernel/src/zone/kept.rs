// SPDX-License-Identifier: Apache-2.0
//! Text that a zone's manager leaves with the kernel, so that it finds it again
//! after zone0's crash.

use super::Zone;
use abi::{Error, KEPT_SIZE};

impl Zone {
    /// Address of `length` kept bytes at `offset`.
    pub fn kept(&self, offset: u64, length: u64) -> Result<u64, Error> {
        let base = self.layout().kept;
        let end = offset.checked_add(length).ok_or(Error::InvalidArgument)?;
        if base == 0 || end > KEPT_SIZE {
            return Err(Error::InvalidArgument);
        }
        Ok(base.wrapping_add(offset))
    }
}
