// SPDX-License-Identifier: Apache-2.0
//! Zones by name, and what commands' arguments mean.

use super::hypervisor::Hypervisor;
use super::record::{RunDirectory, configuration, read_last};
use super::sentences::asking;
use crate::failure::{Code, Failure, Result};
use abi::status::ZoneStatus;
use plan::Problem;
use std::path::{Path, PathBuf};

/// Opens the driver, or says why this can not be zone0.
pub fn open() -> Result<Hypervisor> {
    let not_zone0 = |obstacle: String, advice: &str| {
        Failure::new(
            Code::NotZone0,
            Problem::new("not-zone0", None, "manage zones", obstacle).advise(advice),
        )
    };
    let hypervisor = Hypervisor::open().map_err(|error| {
        not_zone0(
            format!("{}: {error}", backend::driver::PATH),
            "in zone0, as root: modprobe hvisor",
        )
    })?;
    let version = hypervisor
        .version()
        .map_err(asking("ask the kernel for its version"))?;
    if version != u64::from(abi::VERSION) {
        let obstacle = format!(
            "the kernel speaks version {version}, this tool version {}",
            abi::VERSION
        );
        return Err(not_zone0(
            obstacle,
            "use the tool that came with the kernel",
        ));
    }
    Ok(hypervisor)
}

pub fn name_of(status: &ZoneStatus) -> String {
    abi::name_from_bytes(&status.name).unwrap_or("?").to_owned()
}

/// The zone of that name, if the kernel has it.
pub fn find(hypervisor: &Hypervisor, name: &str) -> Result<Option<ZoneStatus>> {
    let zones = hypervisor.zones().map_err(asking("list the zones"))?;
    Ok(zones.into_iter().find(|status| name_of(status) == name))
}

pub fn no_such(hypervisor: &Hypervisor, name: &str) -> Failure {
    let names: Vec<String> = hypervisor
        .zones()
        .unwrap_or_default()
        .iter()
        .map(name_of)
        .collect();
    let near = names
        .iter()
        .map(|other| (strsim_distance(other, name), other))
        .min();
    let advice = match near {
        Some((distance, other)) if distance <= 2 => format!("did you mean {other}?"),
        _ => "`hvisor zone list` shows those there are".into(),
    };
    Failure::new(
        Code::NoSuchZone,
        Problem::new(
            "no-such-zone",
            None,
            format!("zone {name}"),
            "does not exist",
        )
        .advise(advice),
    )
}

/// Characters that differ when both are laid side by side; good enough for typing errors.
fn strsim_distance(a: &str, b: &str) -> usize {
    let differing = a.chars().zip(b.chars()).filter(|(a, b)| a != b).count();
    differing + a.chars().count().abs_diff(b.chars().count())
}

pub fn must_find(hypervisor: &Hypervisor, name: &str) -> Result<ZoneStatus> {
    find(hypervisor, name)?.ok_or_else(|| no_such(hypervisor, name))
}

/// A zone that commands may change: not zone0.
pub fn must_find_managed(hypervisor: &Hypervisor, name: &str) -> Result<ZoneStatus> {
    let status = must_find(hypervisor, name)?;
    if status.zone == 0 {
        return Err(
            Failure::refused("change zone0", "it is the zone that manages the others")
                .advise("shut it down as any Linux: poweroff"),
        );
    }
    Ok(status)
}

/// What `zone start X` means.
pub enum Target {
    File(PathBuf),
    Name(String),
}

impl Target {
    pub fn of(argument: &str) -> Self {
        let path = Path::new(argument);
        let looks_like_file = argument.contains('/') || path.extension().is_some();
        if looks_like_file {
            Self::File(path.to_owned())
        } else {
            Self::Name(argument.to_owned())
        }
    }

    /// The file of a name that is no zone now: where it was last, or by custom.
    pub fn file(&self) -> Option<PathBuf> {
        let name = match self {
            Self::File(path) => return Some(path.clone()),
            Self::Name(name) => name,
        };
        let last =
            read_last(name).and_then(|last| Some(PathBuf::from(last.get("file")?.as_str()?)));
        let custom = configuration().join(format!("{name}.toml"));
        let kept = RunDirectory::of(name).read().map(|record| record.kept.file);
        [last, kept, Some(custom)]
            .into_iter()
            .flatten()
            .find(|path| path.exists())
    }
}
