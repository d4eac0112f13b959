// SPDX-License-Identifier: Apache-2.0
//! `zone ...`: the life of zones.

use crate::cli::ZoneCommand;
use crate::description::Description;
use crate::failure::{Failure, Result, io};
use crate::output::Output;
use crate::zone0::hypervisor::Hypervisor;
use crate::zone0::names::{self, Target};
use crate::zone0::record::{Kept, Record, RunDirectory, read_last};
use crate::zone0::sentences::{self, asking};
use crate::zone0::{create, supervisor};
use abi::Function;
use abi::status::{State, ZoneStatus};
use backend::driver::CallError;
use serde_json::json;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How long a supervisor may take to clean up after its zone.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(command: &ZoneCommand, output: Output) -> Result<()> {
    match command {
        ZoneCommand::Create { file } => create_only(file, output),
        ZoneCommand::Start { target } => start(target, output),
        ZoneCommand::Stop { name } | ZoneCommand::Destroy { name } => stop(name, output),
        ZoneCommand::Restart { name } => restart(name, output),
        ZoneCommand::Pause { name } => change(name, Function::ZonePause, "paused", output),
        ZoneCommand::Resume { name } => change(name, Function::ZoneResume, "runs again", output),
        ZoneCommand::Adopt { name, file } => adopt(name.as_deref(), file.as_deref(), output),
        ZoneCommand::Shutdown { id } => shutdown(*id, output),
        ZoneCommand::List => super::show::list(output),
        ZoneCommand::Show { name } => super::show::show(name, output),
        ZoneCommand::Stats { name } => super::stats::stats(name.as_deref(), output),
    }
}

fn create_only(file: &std::path::Path, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let created = create_from(&hypervisor, file, output)?;
    supervise(&hypervisor, &created)?;
    say(
        output,
        &created.plan.name,
        created.zone,
        "created",
        "created; `hvisor zone start` starts it",
    );
    Ok(())
}

fn create_from(
    hypervisor: &Hypervisor,
    file: &std::path::Path,
    output: Output,
) -> Result<create::Created> {
    let description = Description::read(file)?;
    let name = description.zone.name.clone();
    if let Some(status) = names::find(hypervisor, &name.value)? {
        let advice = match State::from_number(status.state) {
            Some(State::Created) => format!("`hvisor zone start {}` starts it", name.value),
            Some(State::Paused) => format!("`hvisor zone resume {}` lets it go on", name.value),
            _ => format!("`hvisor zone restart {}` starts it anew", name.value),
        };
        return Err(Failure::refused(
            format!("create zone {}", name.value),
            format!("a zone of that name is {}", sentences::state(&status)),
        )
        .advise(advice));
    }
    let created = create::create(hypervisor, &description)?;
    output.problems(&created.warnings, Some(&description.source()));
    Ok(created)
}

fn supervise(hypervisor: &Hypervisor, created: &create::Created) -> Result<()> {
    supervisor::spawn(&created.directory, &created.plan.name)
        .inspect_err(|_| create::undo(hypervisor, created))
}

fn start(argument: &str, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let target = Target::of(argument);
    if let Target::Name(name) = &target
        && let Some(status) = names::find(&hypervisor, name)?
    {
        return start_again(&hypervisor, name, &status, output);
    }
    let Some(file) = target.file() else {
        return Err(names::no_such(&hypervisor, argument).advise("give its zone file"));
    };
    start_file(&hypervisor, &file, output)
}

fn start_file(hypervisor: &Hypervisor, file: &std::path::Path, output: Output) -> Result<()> {
    let created = create_from(hypervisor, file, output)?;
    let name = &created.plan.name;
    let show = std::io::stderr().is_terminal() && !output.json;
    let started = create::load(hypervisor, created.zone, &created.plan, show)
        .and_then(|()| supervisor::spawn(&created.directory, name))
        .and_then(|()| {
            hypervisor
                .change(Function::ZoneStart, created.zone)
                .map_err(asking(format!("start zone {name}")))
        });
    if let Err(failure) = started {
        create::undo(hypervisor, &created);
        return Err(failure);
    }
    let console = created.plan.devices.iter().any(|one| {
        matches!(
            one.device,
            plan::zone::Device::Serial | plan::zone::Device::Console(_)
        )
    });
    let hint = if console {
        format!("runs; `hvisor console {name}` attaches to it")
    } else {
        "runs".into()
    };
    say(output, name, created.zone, "running", &hint);
    Ok(())
}

/// A zone that exists: what is missing for it to run?
fn start_again(
    hypervisor: &Hypervisor,
    name: &str,
    status: &ZoneStatus,
    output: Output,
) -> Result<()> {
    let asked = format!("start zone {name}");
    match State::from_number(status.state) {
        Some(State::Running) => {
            return Err(Failure::refused(asked, "it runs already")
                .advise(format!("`hvisor zone restart {name}` starts it anew")));
        }
        Some(State::Paused) => {
            return Err(Failure::refused(asked, "it is paused")
                .advise(format!("`hvisor zone resume {name}` lets it go on")));
        }
        Some(State::Created) => {}
        _ => hypervisor
            .change(Function::ZoneReset, status.zone)
            .map_err(asking(&asked))?,
    }
    let kept = kept(hypervisor, status)?;
    let plan = create::replan(hypervisor, status.zone, &kept)?;
    create::load(
        hypervisor,
        status.zone,
        &plan,
        std::io::stderr().is_terminal() && !output.json,
    )?;
    let directory = RunDirectory::of(name);
    if !directory.is_supervised() {
        supervisor::spawn(&directory, name)?;
    }
    hypervisor
        .change(Function::ZoneStart, status.zone)
        .map_err(asking(&asked))?;
    say(output, name, status.zone, "running", "runs");
    Ok(())
}

/// What the kernel keeps of the zone's description.
fn kept(hypervisor: &Hypervisor, status: &ZoneStatus) -> Result<Kept> {
    let name = names::name_of(status);
    let bytes = hypervisor
        .kept(status)
        .map_err(asking(format!("read what is kept of zone {name}")))?;
    serde_json::from_slice(&bytes).map_err(|_| {
        Failure::refused(
            format!("manage zone {name}"),
            "the kernel keeps no description of it: it was started by the boot bundle",
        )
        .advise(format!(
            "stop it and start it from its zone file, or `hvisor zone adopt {name} FILE`"
        ))
    })
}

/// Waits until the kernel no longer knows the zone.
fn wait_gone(hypervisor: &Hypervisor, name: &str, zone: u32) -> Result<bool> {
    let until = Instant::now() + PATIENCE;
    let directory = RunDirectory::of(name);
    loop {
        let gone = match hypervisor.status(zone) {
            Ok(status) => names::name_of(&status) != name,
            Err(CallError::Refused(abi::Error::NoSuchZone)) => true,
            Err(error) => {
                return Err(sentences::call(
                    &format!("wait for the end of zone {name}"),
                    &error,
                ));
            }
        };
        if gone && !directory.path().exists() {
            return Ok(true);
        }
        if Instant::now() > until || !directory.is_supervised() {
            return Ok(gone);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stop_zone(hypervisor: &Hypervisor, name: &str, status: &ZoneStatus) -> Result<()> {
    let asked = format!("stop zone {name}");
    let directory = RunDirectory::of(name);
    if directory.is_supervised() && State::from_number(status.state) != Some(State::Created) {
        match hypervisor.change(Function::ZoneStop, status.zone) {
            Ok(()) | Err(CallError::Refused(abi::Error::WrongState | abi::Error::NoSuchZone)) => {}
            Err(error) => return Err(sentences::call(&asked, &error)),
        }
        if wait_gone(hypervisor, name, status.zone)? {
            return Ok(());
        }
    }
    create::destroy(hypervisor, status.zone).map_err(asking(asked))?;
    if !wait_gone(hypervisor, name, status.zone)? || !directory.is_supervised() {
        directory.remove();
    }
    Ok(())
}

fn stop(name: &str, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let status = names::must_find_managed(&hypervisor, name)?;
    stop_zone(&hypervisor, name, &status)?;
    say(
        output,
        name,
        status.zone,
        "gone",
        "is stopped; all it had is free again",
    );
    Ok(())
}

fn restart(name: &str, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let status = names::must_find_managed(&hypervisor, name)?;
    let file = kept(&hypervisor, &status)?.file;
    if !file.exists() {
        return Err(Failure::refused(
            format!("restart zone {name}"),
            format!("its file {} is gone", file.display()),
        )
        .advise("stop it, then start it from another file"));
    }
    // What is wrong with the file should not cost the zone that runs.
    let description = Description::read(&file)?;
    if description.zone.name.value != name {
        return Err(Failure::refused(
            format!("restart zone {name}"),
            format!(
                "{} is now zone {}",
                file.display(),
                description.zone.name.value
            ),
        )
        .advise("stop the one and start the other"));
    }
    stop_zone(&hypervisor, name, &status)?;
    start_file(&hypervisor, &file, output)
}

fn change(name: &str, function: Function, done: &str, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let status = names::must_find_managed(&hypervisor, name)?;
    let verb = if function == Function::ZonePause {
        "pause"
    } else {
        "resume"
    };
    hypervisor.change(function, status.zone).map_err(|error| {
        let failure = sentences::call(&format!("{verb} zone {name}"), &error);
        failure.advise(format!("it is {}", sentences::state(&status)))
    })?;
    say(
        output,
        name,
        status.zone,
        if verb == "pause" { "paused" } else { "running" },
        done,
    );
    Ok(())
}

/// Takes up the management of zones that a former zone0 started.
fn adopt(name: Option<&str>, file: Option<&std::path::Path>, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let zones = match name {
        Some(name) => vec![names::must_find_managed(&hypervisor, name)?],
        None => hypervisor
            .zones()
            .map_err(asking("list the zones"))?
            .into_iter()
            .filter(|status| status.zone != 0)
            .collect(),
    };
    for status in zones {
        let name = names::name_of(&status);
        if RunDirectory::of(&name).is_supervised() {
            continue;
        }
        match adopt_one(&hypervisor, &status, file) {
            Ok(()) => say(
                output,
                &name,
                status.zone,
                sentences::state(&status),
                "is managed again",
            ),
            Err(failure) => output.problems(&failure.problems, failure.source.as_ref()),
        }
    }
    Ok(())
}

fn adopt_one(
    hypervisor: &Hypervisor,
    status: &ZoneStatus,
    file: Option<&std::path::Path>,
) -> Result<()> {
    let kept = match file {
        None => kept(hypervisor, status)?,
        Some(file) => {
            return Err(Failure::refused(
                format!("adopt zone {}", names::name_of(status)),
                format!("{} was not what it was created from", file.display()),
            )
            .advise("stop it and start it from the file"));
        }
    };
    let plan = create::replan(hypervisor, status.zone, &kept)?;
    let record = Record {
        zone: status.zone,
        name: names::name_of(status),
        kept,
        devices: plan.devices.clone(),
        decisions: plan.decisions.clone(),
    };
    let directory = RunDirectory::of(&record.name);
    directory.write(&record, &plan)?;
    supervisor::spawn(&directory, &record.name)
}

/// Upstream's `zone shutdown -id N`.
fn shutdown(id: u64, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    for status in hypervisor.zones().map_err(asking("list the zones"))? {
        let name = names::name_of(&status);
        let upstream = RunDirectory::of(&name)
            .read()
            .and_then(|record| record.kept.id);
        if status.zone != 0 && upstream.unwrap_or(status.zone.into()) == id {
            return stop(&name, output);
        }
    }
    Err(names::no_such(&hypervisor, &id.to_string()))
}

/// Upstream's `virtio start FILE`: remembers devices until their zone is started.
pub fn virtio_start(file: &std::path::Path, output: Output) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(io(format!("read {}", file.display())))?;
    let ids = plan::upstream::virtio_ids(&text)?;
    for id in &ids {
        let path = crate::zone0::record::upstream_virtio(*id);
        let asked = format!("write {}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io(asked.clone()))?;
        }
        std::fs::write(&path, &text).map_err(io(asked))?;
    }
    let list: Vec<String> = ids.iter().map(u64::to_string).collect();
    if output.json {
        output.value(&json!({ "zones": ids }));
    }
    output.done(&format!(
        "devices of zone {} are served as soon as it is started",
        list.join(", ")
    ));
    Ok(())
}

fn say(output: Output, name: &str, zone: u32, state: &str, sentence: &str) {
    if output.json {
        output.value(&json!({ "name": name, "zone": zone, "state": state }));
    } else {
        output.done(&format!("zone {name} {sentence}"));
    }
}

/// How the zone ended that there is no more.
pub fn last(name: &str) -> Option<serde_json::Value> {
    read_last(name)
}
