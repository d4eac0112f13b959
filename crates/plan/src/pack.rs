// SPDX-License-Identifier: Apache-2.0
//! Packs zone0 and boot zones into a bundle: what `hvisor pack` does.

use crate::arch::{self, Architecture};
use crate::bundle::{self, Zone0Images};
use crate::image::{self, Image};
use crate::machine::{Machine, Zone0Share};
use crate::planner::{Plan, Sources, plan};
use crate::problem::{At, Problem, Problems};
use crate::units::MIB;
use crate::zone::{Kind, Zone};
use std::path::{Path, PathBuf};

/// RAM that booting needs beside the bundle itself: hvisor, firmware's tree.
const BOOT_RESERVE: u64 = 192 * MIB;

/// zone0 by its files.
#[derive(Clone, Debug, Default)]
pub struct Zone0Files {
    pub kernel: PathBuf,
    pub initrd: Option<PathBuf>,
    pub cmdline: String,
    /// 0: all that zones do not take.
    pub cpus: u32,
    /// Bytes; 0: all that zones do not take.
    pub memory: u64,
}

/// Reads a file that a zone names; relative paths start at `base`.
pub fn read_named(base: &Path, named: &At<PathBuf>, what: &str) -> Result<Vec<u8>, Problem> {
    let path = base.join(&named.value);
    std::fs::read(&path).map_err(|error| {
        Problem::new(
            "file",
            named.span.clone(),
            format!("{what} {}", path.display()),
            error.to_string(),
        )
        .advise("relative paths start where the zone file is")
    })
}

/// Reads every file that a zone's start needs.
pub fn read_sources(zone: &Zone, base: &Path, problems: &mut Problems) -> Sources {
    let mut read =
        |named: &Option<At<PathBuf>>, what| problems.take(read_named(base, named.as_ref()?, what));
    Sources {
        kernel: read(&zone.kernel, "kernel"),
        initrd: read(&zone.initrd, "initrd"),
        dtb: read(&zone.dtb, "device tree"),
        seed: None,
    }
}

/// zone0's kernel, unpacked, and the architecture it is for.
pub fn zone0_images(
    files: &Zone0Files,
) -> Result<(Zone0Images, &'static dyn Architecture), Problem> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| {
            Problem::new("file", None, path.display().to_string(), error.to_string())
        })
    };
    let bytes = read(&files.kernel)?;
    let mut refused = String::new();
    for architecture in arch::all() {
        match image::recognise(bytes.clone(), architecture) {
            Ok(found) => {
                if let Image::Linux { bytes, .. } = found.image {
                    let initrd = files.initrd.as_deref().map(read).transpose()?;
                    let images = Zone0Images {
                        kernel: bytes,
                        initrd,
                        cmdline: files.cmdline.clone(),
                        cpus: files.cpus,
                        memory: files.memory,
                    };
                    return Ok((images, architecture));
                }
                refused = format!("is {}, not a Linux Image", found.format);
            }
            Err(why) => refused = why,
        }
    }
    Err(
        Problem::new("kernel", None, files.kernel.display().to_string(), refused)
            .advise("zone0 runs Linux: give its Image, as the distribution ships it"),
    )
}

/// A bundle of zone0 (if any) and of zones planned for the machine that `dtb` describes.
pub fn pack(
    zone0: Option<&Zone0Files>,
    zones: &[(Zone, PathBuf)],
    dtb: Option<&[u8]>,
    seed: Option<[u8; 32]>,
) -> Result<(Vec<u8>, Vec<Plan>), Problems> {
    let fail = |problem| Problems(vec![problem]);
    let images = zone0.map(zone0_images).transpose().map_err(fail)?;
    let plans = match (zones, dtb) {
        ([], _) => Vec::new(),
        (_, None) => {
            return Err(fail(
                Problem::new(
                    "machine",
                    None,
                    "zones to start at boot",
                    "are planned for one machine",
                )
                .advise("give its device tree with --dtb"),
            ));
        }
        (_, Some(dtb)) => plan_boot_zones(zone0, zones, dtb, seed)?,
    };
    if let Some((_, architecture)) = &images
        && let Some(other) = plans
            .iter()
            .find(|plan| plan.descriptor.architecture != architecture.number())
    {
        return Err(fail(Problem::new(
            "architecture",
            None,
            format!("zone {}", other.name),
            format!(
                "is planned for another machine than zone0's kernel, which is for {}",
                architecture.name()
            ),
        )));
    }
    let bundle = bundle::write(images.as_ref().map(|(images, _)| images), &plans)
        .map_err(|why| fail(Problem::new("bundle", None, "the bundle", why)))?;
    Ok((bundle, plans))
}

fn plan_boot_zones(
    zone0: Option<&Zone0Files>,
    zones: &[(Zone, PathBuf)],
    dtb: &[u8],
    seed: Option<[u8; 32]>,
) -> Result<Vec<Plan>, Problems> {
    let mut problems = Problems::default();
    let mut sources = Vec::new();
    for (zone, base) in zones {
        sources.push(Sources {
            seed,
            ..read_sources(zone, base, &mut problems)
        });
    }
    let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let file = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let payload: u64 = sources
        .iter()
        .map(|one| size(&one.kernel) + size(&one.initrd))
        .sum::<u64>()
        + zone0.map_or(0, |files| {
            file(&files.kernel) + files.initrd.as_deref().map_or(0, file)
        });
    let share = Zone0Share {
        cpus: zone0.map_or(0, |files| files.cpus.max(1) as usize),
        memory: zone0.map_or(0, |files| files.memory.max(256 * MIB)),
        boot: (BOOT_RESERVE + payload).next_multiple_of(2 * MIB),
    };
    let mut machine = Machine::from_tree(dtb, share, "the board's device tree")
        .map_err(|problem| Problems(vec![problem]))?;
    let mut plans = Vec::new();
    let mut number = 0;
    // User zones are numbered after zone0, in the order given.
    for ((zone, _), sources) in zones.iter().zip(&sources) {
        number += 1;
        let (plan, found) = plan(zone, &machine, sources);
        for mut problem in found.0 {
            problem.asked = format!("zone {}: {}", zone.name.value, problem.asked);
            problem.span = None;
            problems.push(problem);
        }
        if let Some(plan) = plan {
            machine.occupy(&plan.descriptor, number);
            if zone.kind == Kind::User && !plan.devices.is_empty() && zone0.is_none() {
                problems.push(
                    Problem::new(
                        "no-zone0",
                        None,
                        format!("zone {}", zone.name.value),
                        "has virtual devices that nobody serves without zone0",
                    )
                    .advise("set serial = false and leave disks, networks and consoles out")
                    .as_warning(),
                );
            }
            plans.push(plan);
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(plans)
    }
}
