// SPDX-License-Identifier: Apache-2.0
//! Where things are: the repository, the cache of what was fetched, the outputs.

use crate::arch::Arch;
use std::env;
use std::path::{Path, PathBuf};

pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// What was fetched: `$HVISOR_CACHE`, or `.cache` in the repository.
pub fn cache() -> PathBuf {
    env::var_os("HVISOR_CACHE").map_or_else(|| repository().join(".cache"), PathBuf::from)
}

pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// Images built for `arch`.
pub fn images(arch: Arch) -> PathBuf {
    target().join("images").join(arch.name())
}

/// Finds `program` in PATH and in the administrator's directories.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}
