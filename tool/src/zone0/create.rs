// SPDX-License-Identifier: Apache-2.0
//! From a description to a zone: plan, create, keep, load, start.

use super::hypervisor::Hypervisor;
use super::record::{Kept, Record, RunDirectory, take_turn};
use super::sentences::{asking, call};
use crate::description::Description;
use crate::failure::{Failure, Result};
use abi::Function;
use backend::driver::CallError;
use indicatif::{ProgressBar, ProgressStyle};
use plan::machine::Machine;
use plan::pin::Pins;
use plan::planner::{Plan, Sources};
use plan::{Problems, pack};

/// The running machine.
pub fn machine(hypervisor: &Hypervisor) -> Result<Machine> {
    let inventory = hypervisor
        .inventory()
        .map_err(asking("ask for the machine's inventory"))?;
    let tree = hypervisor
        .firmware_tree()
        .map_err(asking("ask for the firmware's device tree"))?;
    Ok(Machine::from_inventory(&inventory, &tree)?)
}

pub fn seed() -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).is_ok().then_some(seed)
}

/// A zone that was created and is not loaded yet.
pub struct Created {
    pub zone: u32,
    pub plan: Plan,
    pub directory: RunDirectory,
    pub warnings: Problems,
}

/// Plans and creates. A failure leaves nothing behind.
pub fn create(hypervisor: &Hypervisor, description: &Description) -> Result<Created> {
    let _turn = take_turn()?;
    let machine = machine(hypervisor)?;
    let (plan, warnings) = description.plan(&machine, false, seed())?;
    let kept = Kept {
        file: std::path::absolute(&description.path).unwrap_or_else(|_| description.path.clone()),
        text: description.text.clone(),
        virtio: description.virtio.clone(),
        id: description.id,
        pins: Pins::of(&plan),
    };
    let text = kept.to_bytes()?;
    let asked = format!("create zone {}", plan.name);
    let zone = hypervisor
        .create(&plan.descriptor)
        .map_err(asking(&asked))?;
    let directory = RunDirectory::of(&plan.name);
    let record = Record {
        zone,
        name: plan.name.clone(),
        kept,
        devices: plan.devices.clone(),
        decisions: plan.decisions.clone(),
    };
    let written = hypervisor
        .keep(zone, &text)
        .map_err(asking(&asked))
        .and_then(|()| directory.write(&record, &plan));
    if let Err(failure) = written {
        let _ = hypervisor.change(Function::ZoneDestroy, zone);
        directory.remove();
        return Err(failure);
    }
    Ok(Created {
        zone,
        plan,
        directory,
        warnings,
    })
}

/// The plan of a zone that exists, from what was kept: everything where it is.
pub fn replan(hypervisor: &Hypervisor, zone: u32, kept: &Kept) -> Result<Plan> {
    let mut machine = machine(hypervisor)?;
    machine.give_back(zone);
    let (description, problems) = kept.zone();
    let description = description.ok_or_else(|| Failure::from(problems))?;
    let mut problems = Problems::default();
    let sources = Sources {
        seed: seed(),
        ..pack::read_sources(&description, &kept.base(), &mut problems)
    };
    let (plan, found) = plan::plan(&description, &machine, &sources);
    problems.0.extend(found.0);
    if problems.has_errors() {
        return Err(problems.into());
    }
    plan.ok_or_else(|| Failure::refused("plan the zone again", "its description no longer fits"))
}

/// Copies the images; `show` draws a progress bar on a terminal.
pub fn load(hypervisor: &Hypervisor, zone: u32, plan: &Plan, show: bool) -> Result<()> {
    let total = plan.loads.iter().map(|load| load.bytes.len() as u64).sum();
    let bar = if show {
        ProgressBar::new(total)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{msg:12} {wide_bar} {bytes}/{total_bytes}") {
        bar.set_style(style);
    }
    for load in &plan.loads {
        bar.set_message(load.what.clone());
        hypervisor
            .write(zone, load.guest, &load.bytes, |count| bar.inc(count))
            .map_err(asking(format!(
                "load the {} of zone {}",
                load.what, plan.name
            )))?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Stops a zone if it runs, and gives everything back. `Ok` if it is gone.
pub fn destroy(hypervisor: &Hypervisor, zone: u32) -> std::result::Result<(), CallError> {
    match hypervisor.change(Function::ZoneStop, zone) {
        Ok(()) | Err(CallError::Refused(abi::Error::WrongState)) => {}
        Err(CallError::Refused(abi::Error::NoSuchZone)) => return Ok(()),
        Err(error) => return Err(error),
    }
    match hypervisor.change(Function::ZoneDestroy, zone) {
        Ok(()) | Err(CallError::Refused(abi::Error::NoSuchZone)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Undoes a creation whose next step failed.
pub fn undo(hypervisor: &Hypervisor, created: &Created) {
    if let Err(error) = destroy(hypervisor, created.zone) {
        let failure = call("give the zone's resources back", &error);
        for problem in failure.problems.0 {
            eprintln!("{problem}");
        }
    }
    created.directory.remove();
}
