// SPDX-License-Identifier: Apache-2.0
//! A zone file on disk and the machine it is meant for.

use crate::cli::MachineArgs;
use crate::failure::{Failure, Result, io};
use crate::zone0::record::upstream_virtio;
use crate::zone0::{create, names};
use plan::machine::{Machine, Zone0Share, add_memory};
use plan::planner::{Plan, Sources};
use plan::{Problems, Zone};
use std::path::{Path, PathBuf};

/// RAM that booting needs at either end: hvisor, the bundle, the firmware's tree.
const BOOT: u64 = 64 << 20;

/// A file that was read without errors.
pub struct Description {
    pub zone: Zone,
    pub path: PathBuf,
    pub text: String,
    /// Upstream's virtio file that belongs to it.
    pub virtio: Option<String>,
    /// Upstream's number of the zone.
    pub id: Option<u64>,
    pub warnings: Problems,
}

impl Description {
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(io(format!("read {name}")))?;
        let virtio = virtio_of(path, &text);
        let (parsed, problems) = parse(path, &text, virtio.as_deref());
        match parsed {
            Some((zone, id)) => Ok(Self {
                zone,
                path: path.to_owned(),
                text,
                virtio,
                id,
                warnings: problems,
            }),
            None => Err(Failure::description(problems, &name, &text)),
        }
    }

    /// Where relative paths start.
    pub fn base(&self) -> PathBuf {
        self.path.parent().map(Path::to_owned).unwrap_or_default()
    }

    pub fn source(&self) -> (String, String) {
        (self.path.display().to_string(), self.text.clone())
    }

    pub fn failure(&self, problems: Problems) -> Failure {
        let (name, text) = self.source();
        Failure::description(problems, &name, &text)
    }

    /// Reads the zone's files. On a workstation they may be elsewhere: that is a warning there.
    pub fn sources(&self, workstation: bool, problems: &mut Problems) -> Sources {
        let mut found = Problems::default();
        let sources = plan::pack::read_sources(&self.zone, &self.base(), &mut found);
        for mut problem in found.0 {
            problem.warning = workstation;
            problems.push(problem);
        }
        sources
    }

    pub fn plan(
        &self,
        machine: &Machine,
        workstation: bool,
        seed: Option<[u8; 32]>,
    ) -> Result<(Plan, Problems)> {
        let mut problems = self.warnings.clone();
        let sources = Sources {
            seed,
            ..self.sources(workstation, &mut problems)
        };
        let (plan, found) = plan::plan(&self.zone, machine, &sources);
        for problem in found.0 {
            problems.push(problem);
        }
        match plan.filter(|_| !problems.has_errors()) {
            Some(plan) => Ok((plan, problems)),
            None => Err(self.failure(problems)),
        }
    }
}

fn is_upstream(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// TOML is ours, JSON upstream's (which gives zones a number as well).
pub fn parse(
    path: &Path,
    text: &str,
    virtio: Option<&str>,
) -> (Option<(Zone, Option<u64>)>, Problems) {
    if is_upstream(path) {
        let (upstream, problems) = plan::upstream::read(text, virtio);
        return (
            upstream.map(|upstream| (upstream.zone, upstream.id)),
            problems,
        );
    }
    let (zone, problems) = plan::zonefile::read(text);
    (zone.map(|zone| (zone, None)), problems)
}

/// What `hvisor virtio start` left for this upstream zone.
fn virtio_of(path: &Path, text: &str) -> Option<String> {
    let (upstream, _) = is_upstream(path).then(|| plan::upstream::read(text, None))?;
    std::fs::read_to_string(upstream_virtio(upstream?.id?)).ok()
}

/// The machine that the arguments name.
pub fn machine(arguments: &MachineArgs) -> Result<Machine> {
    let Some(path) = &arguments.dtb else {
        return create::machine(&names::open().map_err(|failure| {
            failure.advise("on a workstation, give a board's device tree with --dtb")
        })?);
    };
    let name = path.display().to_string();
    let mut dtb = std::fs::read(path).map_err(io(format!("read {name}")))?;
    if !arguments.ram.is_empty() {
        dtb = add_memory(&dtb, &arguments.ram)?;
    }
    let share = Zone0Share {
        cpus: arguments.zone0_cpus,
        memory: arguments.zone0_memory,
        boot: BOOT,
    };
    Ok(Machine::from_tree(&dtb, share, &name)?)
}
