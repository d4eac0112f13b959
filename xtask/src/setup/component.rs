// SPDX-License-Identifier: Apache-2.0
//! A directory of the cache that is there whole, or not at all.

use crate::paths;
use crate::progress::{Step, step};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The stamp: a hash of what the component was made from.
const STAMP: &str = ".stamp";

/// Returns the component's directory; `make` fills a new one unless it is
/// there already, made from the same `recipe`.
pub fn component(
    name: &str,
    recipe: &str,
    make: impl FnOnce(&Step, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let directory = paths::cache().join(name);
    let stamp = format!("{:x}\n", Sha256::digest(recipe.as_bytes()));
    let is_current = || fs::read_to_string(directory.join(STAMP)).is_ok_and(|found| found == stamp);
    if is_current() {
        return Ok(directory);
    }
    fs::create_dir_all(paths::cache())?;
    // Several worktrees may share a cache.
    let lock = File::create(paths::cache().join("lock"))?;
    lock.lock().context("the cache can not be locked")?;
    if is_current() {
        return Ok(directory);
    }
    step(name, |step| {
        let partial = paths::cache().join(format!("{name}.partial"));
        remove(&partial)?;
        fs::create_dir_all(&partial)?;
        make(step, &partial)?;
        fs::write(partial.join(STAMP), &stamp)?;
        remove(&directory)?;
        fs::rename(&partial, &directory)?;
        Ok(())
    })
    .with_context(|| format!("{name} could not be set up"))?;
    Ok(directory)
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("{} can not be removed", directory.display()))?;
    }
    Ok(())
}
