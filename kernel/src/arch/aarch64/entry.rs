// SPDX-License-Identifier: Apache-2.0
//! From the firmware to Rust: the arm64 Linux image header and what follows.
