// SPDX-License-Identifier: Apache-2.0
//! Kernel modules, in the order in which they can be loaded.

use crate::command;
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Module {
    pub name: String,
    path: PathBuf,
}

/// `wanted` and all they depend on, each after its own dependencies. What is
/// built into the kernel is left out, and so is a `?NAME` that does not exist.
pub fn closure(directory: &Path, wanted: &[&str]) -> Result<Vec<Module>> {
    let text = fs::read_to_string(directory.join("modules.dep"))
        .with_context(|| format!("{} has no modules.dep", directory.display()))?;
    let builtin = fs::read_to_string(directory.join("modules.builtin"))?;
    let mut dependencies = HashMap::new();
    for line in text.lines() {
        let Some((path, rest)) = line.split_once(':') else {
            continue;
        };
        dependencies.insert(
            name(path),
            (path, rest.split_whitespace().map(name).collect::<Vec<_>>()),
        );
    }
    let builtin: Vec<String> = builtin.lines().map(name).collect();
    let mut order = Vec::new();
    for module in wanted {
        let (module, optional) = module
            .strip_prefix('?')
            .map_or((*module, false), |module| (module, true));
        if !optional
            && !dependencies.contains_key(module)
            && !builtin.iter().any(|name| name == module)
        {
            bail!(
                "this kernel has no module {module}: {}",
                directory.display()
            );
        }
        visit(module, &dependencies, &mut order);
    }
    Ok(order
        .into_iter()
        .filter_map(|name| {
            let path = directory.join(dependencies.get(&name)?.0);
            Some(Module { name, path })
        })
        .collect())
}

fn visit(
    module: &str,
    dependencies: &HashMap<String, (&str, Vec<String>)>,
    order: &mut Vec<String>,
) {
    if order.iter().any(|name| name == module) {
        return;
    }
    if let Some((_, needed)) = dependencies.get(module) {
        for needed in needed {
            visit(needed, dependencies, order);
        }
        order.push(module.to_owned());
    }
}

impl Module {
    /// The module, uncompressed.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        if self
            .path
            .extension()
            .is_some_and(|extension| extension == "xz")
        {
            return command::bytes(
                Command::new("xz")
                    .args(["--decompress", "--stdout"])
                    .arg(&self.path),
            );
        }
        fs::read(&self.path).with_context(|| format!("{} can not be read", self.path.display()))
    }
}

/// `kernel/drivers/net/virtio_net.ko.xz` is `virtio_net`.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first() {
        let directory = std::env::temp_dir().join(format!("hvisor-modules-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join("modules.dep"),
            "k/virtio_net.ko.xz: k/net-failover.ko.xz k/failover.ko.xz\nk/net-failover.ko.xz: k/failover.ko.xz\nk/failover.ko.xz:\n",
        )
        .unwrap();
        fs::write(directory.join("modules.builtin"), "kernel/fs/ext4.ko\n").unwrap();
        let found = closure(&directory, &["virtio_net", "ext4", "?none"]).unwrap();
        let names: Vec<&str> = found.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["failover", "net_failover", "virtio_net"]);
        assert!(closure(&directory, &["nothing"]).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
