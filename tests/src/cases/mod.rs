// SPDX-License-Identifier: Apache-2.0
//! The cases, one file per subject.

mod boot;

use crate::case::Case;

/// Machines of each architecture that run everything.
const VIRT: &[&str] = &["aarch64/virt"];

pub fn all() -> impl Iterator<Item = &'static Case> {
    [boot::CASES].into_iter().flatten()
}
