// SPDX-License-Identifier: Apache-2.0
//! The cases, one file per subject.

mod boot;
mod hostile;
mod kernel_memory;
mod life;
mod zones;

use crate::case::Case;

/// Machines of each architecture that run everything.
const VIRT: &[&str] = &["aarch64/virt"];

pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        boot::CASES,
        zones::CASES,
        life::CASES,
        hostile::CASES,
        kernel_memory::CASES,
    ]
    .into_iter()
    .flatten()
}
