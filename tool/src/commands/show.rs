// SPDX-License-Identifier: Apache-2.0
//! `zone list`, `zone show`, `status`.

use crate::failure::Result;
use crate::output::Output;
use crate::zone0::hypervisor::Hypervisor;
use crate::zone0::record::RunDirectory;
use crate::zone0::sentences::{self, asking};
use crate::zone0::{fault, names};
use abi::inventory::{cpu_state, owner};
use abi::status::ZoneStatus;
use plan::units::size;
use serde_json::{Value, json};

fn kind(status: &ZoneStatus) -> &'static str {
    match status.kind {
        abi::descriptor::kind::MANAGEMENT => "management",
        abi::descriptor::kind::USER => "user",
        abi::descriptor::kind::REALTIME => "realtime",
        _ => "unknown",
    }
}

/// Seconds since the zone was entered.
fn uptime(hypervisor: &Hypervisor, status: &ZoneStatus) -> Option<f64> {
    let machine = hypervisor.machine().ok()?;
    let running = status.entered > 0 && status.stopped <= status.entered;
    let ticks = machine
        .now
        .checked_sub(status.entered)
        .filter(|_| running && machine.tick_frequency > 0)?;
    Some(ticks as f64 / machine.tick_frequency as f64)
}

fn zone_json(hypervisor: &Hypervisor, status: &ZoneStatus) -> Value {
    json!({
        "zone": status.zone,
        "name": names::name_of(status),
        "state": sentences::state(status),
        "kind": kind(status),
        "cpus": status.cpu_count,
        "memory": status.memory,
        "devices": status.device_count,
        "backend": status.backend != 0,
        "starts": status.starts,
        "stopped": sentences::stop_reason(status.stop_reason),
        "uptime": uptime(hypervisor, status),
        "fault": sentences::fault(&status.fault),
    })
}

pub fn list(output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let zones = hypervisor.zones().map_err(asking("list the zones"))?;
    if output.json {
        output.value(
            &zones
                .iter()
                .map(|status| zone_json(&hypervisor, status))
                .collect(),
        );
        return Ok(());
    }
    let rows = zones.iter().map(|status| {
        let backend = match (status.device_count, status.backend) {
            (0, _) => "-",
            (_, 0) => "absent",
            _ => "serves",
        };
        vec![
            status.zone.to_string(),
            names::name_of(status),
            sentences::state(status).to_owned(),
            kind(status).to_owned(),
            status.cpu_count.to_string(),
            size(status.memory),
            backend.to_owned(),
            status.starts.to_string(),
            uptime(&hypervisor, status)
                .map_or_else(|| "-".into(), |seconds| format!("{seconds:.0} s")),
        ]
    });
    output.table(
        &[
            "zone", "name", "state", "kind", "cpus", "memory", "devices", "starts", "up",
        ],
        rows.collect(),
    );
    Ok(())
}

pub fn show(name: &str, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let Some(status) = names::find(&hypervisor, name)? else {
        return match super::zone::last(name) {
            Some(last) => {
                show_last(name, &last, output);
                Ok(())
            }
            None => Err(names::no_such(&hypervisor, name)),
        };
    };
    let directory = RunDirectory::of(name);
    let record = directory.read().filter(|record| record.zone == status.zone);
    let place = sentences::fault(&status.fault).and_then(|_| {
        let guest = std::fs::read(directory.file("device-tree.dtb")).unwrap_or_default();
        fault::place(
            status.fault.address,
            &guest,
            &hypervisor.firmware_tree().unwrap_or_default(),
        )
    });
    if output.json {
        let mut value = zone_json(&hypervisor, &status);
        value["fault_place"] = json!(place);
        value["file"] = json!(record.as_ref().map(|record| &record.kept.file));
        value["decisions"] = json!(record.as_ref().map(|record| &record.decisions));
        output.value(&value);
        return Ok(());
    }
    let mut text = format!(
        "zone {} {name}: {}, {}, {} processors, {}\n",
        status.zone,
        sentences::state(&status),
        kind(&status),
        status.cpu_count,
        size(status.memory)
    );
    if status.stop_reason != 0 {
        text += &format!("it {}\n", sentences::stop_reason(status.stop_reason));
    }
    for line in [sentences::fault(&status.fault), place]
        .into_iter()
        .flatten()
    {
        text += &format!("fault: {line}\n");
    }
    if let Some(record) = &record {
        text += &format!("from {}\n", record.kept.file.display());
    }
    output.text(&text);
    if let Some(record) = record {
        output.text("\n");
        output.table(
            &["what", "guest", "physical", "size", "interrupt", "why"],
            super::describe::rows(&record.decisions),
        );
    }
    Ok(())
}

fn show_last(name: &str, last: &Value, output: Output) {
    if output.json {
        output.value(last);
        return;
    }
    let field = |key: &str| last.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut text = format!(
        "zone {name} is gone: it {}\n",
        field("ended").unwrap_or_else(|| "was stopped".into())
    );
    for line in [field("fault"), field("fault_place")].into_iter().flatten() {
        text += &format!("fault: {line}\n");
    }
    if let Some(file) = field("file") {
        text += &format!("from {file}; `hvisor zone start {name}` starts it again\n");
    }
    output.text(&text);
}

pub fn status(output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let inventory = hypervisor
        .inventory()
        .map_err(asking("ask for the machine's inventory"))?;
    let zones = hypervisor.zones().map_err(asking("list the zones"))?;
    let machine = &inventory.machine;
    let architecture = plan::arch::by_number(machine.architecture);
    let of = |number: u32| match number {
        owner::FREE => "free".to_owned(),
        owner::KERNEL => "hvisor and firmware".to_owned(),
        zone => zones
            .iter()
            .find(|status| status.zone == zone)
            .map_or_else(|| format!("zone {zone}"), names::name_of),
    };
    if output.json {
        output.value(&json!({
            "architecture": architecture.map(|one| one.name()),
            "controller": architecture.map(|one| one.controller_name(machine.controller)),
            "kernel": { "size": machine.kernel_size, "pool_used": machine.pool_used, "pool_size": machine.pool_size },
            "tick_frequency": machine.tick_frequency, "zone0_entered": machine.zone0_entered, "now": machine.now,
            "cpus": inventory.cpus.iter().enumerate().map(|(at, cpu)| json!({ "cpu": at, "physical": cpu.physical, "owner": of(cpu.owner), "state": state(cpu.state) })).collect::<Value>(),
            "memory": inventory.memory.iter().map(|piece| json!({ "base": piece.base, "size": piece.size, "owner": of(piece.owner) })).collect::<Value>(),
        }));
        return Ok(());
    }
    let name = architecture.map_or("unknown", |one| one.name());
    let controller = architecture.map_or("unknown", |one| one.controller_name(machine.controller));
    output.text(&format!(
        "{name}, {controller}; hvisor has {}, {} of its {} pool in use; up {:.0} s\n\n",
        size(machine.kernel_size),
        size(machine.pool_used),
        size(machine.pool_size),
        machine.now as f64 / machine.tick_frequency.max(1) as f64
    ));
    let cpus = inventory.cpus.iter().enumerate().map(|(at, cpu)| {
        vec![
            at.to_string(),
            format!("{:#x}", cpu.physical),
            of(cpu.owner),
            state(cpu.state).to_owned(),
        ]
    });
    output.table(&["processor", "number", "owner", "state"], cpus.collect());
    output.text("\n");
    let memory = inventory.memory.iter().map(|piece| {
        vec![
            format!("{:#x}", piece.base),
            size(piece.size),
            of(piece.owner),
        ]
    });
    output.table(&["memory", "size", "owner"], memory.collect());
    Ok(())
}

fn state(number: u32) -> &'static str {
    match number {
        cpu_state::DEAD => "did not come up",
        cpu_state::PARKED => "parked",
        cpu_state::RUNNING => "runs",
        _ => "unknown",
    }
}
