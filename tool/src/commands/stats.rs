// SPDX-License-Identifier: Apache-2.0
//! `zone stats`, `trace`, `log`: what the kernel counts and writes down.

use crate::failure::Result;
use crate::output::Output;
use crate::zone0::names;
use crate::zone0::sentences::asking;
use abi::ExitCause;
use abi::counters::CpuCounters;
use serde_json::{Value, json};
use std::time::Duration;

/// How often followed output is asked for.
const PERIOD: Duration = Duration::from_millis(200);

pub fn stats(name: Option<&str>, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let only = name
        .map(|name| names::must_find(&hypervisor, name))
        .transpose()?;
    let zones = hypervisor.zones().map_err(asking("list the zones"))?;
    let mut counters: Vec<CpuCounters> = Vec::new();
    for cpu in 0..abi::MAX_CPUS {
        let Some(one) = hypervisor
            .counters(cpu)
            .map_err(asking("read the counters"))?
        else {
            break;
        };
        if only.as_ref().is_none_or(|status| status.zone == one.zone) {
            counters.push(one);
        }
    }
    let zone_name = |zone: u32| {
        zones
            .iter()
            .find(|status| status.zone == zone)
            .map_or_else(|| "-".into(), names::name_of)
    };
    if output.json {
        let value: Value = counters
            .iter()
            .map(|one| {
                let exits: serde_json::Map<String, Value> = ExitCause::ALL.iter().zip(one.exits).map(|(cause, count)| (cause.name().to_owned(), count.into())).collect();
                json!({ "physical": one.physical, "zone": zone_name(one.zone), "vcpu": one.vcpu, "exits": exits })
            })
            .collect();
        output.value(&value);
        return Ok(());
    }
    let mut header = vec!["exits by cause".to_owned()];
    header.extend(
        counters
            .iter()
            .map(|one| format!("{}/{}", zone_name(one.zone), one.vcpu)),
    );
    let titles: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut rows = Vec::new();
    for (index, cause) in ExitCause::ALL.iter().enumerate() {
        let counts: Vec<u64> = counters
            .iter()
            .filter_map(|one| one.exits.get(index).copied())
            .collect();
        if counts.iter().any(|count| *count > 0) {
            let mut row = vec![cause.name().to_owned()];
            row.extend(counts.iter().map(u64::to_string));
            rows.push(row);
        }
    }
    let mut total = vec!["all".to_owned()];
    total.extend(
        counters
            .iter()
            .map(|one| one.exits.iter().sum::<u64>().to_string()),
    );
    rows.push(total);
    output.table(&titles, rows);
    Ok(())
}

pub fn log(follow: bool, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let mut position = 0;
    loop {
        let (header, text) = hypervisor.log(position).map_err(asking("read the log"))?;
        if header.position > position && position > 0 {
            output.text("[some of the log was overwritten before it was read]\n");
        }
        let read = text.len() as u64;
        position = header.position + read;
        output.text(&String::from_utf8_lossy(&text));
        match (position < header.end && read > 0, follow) {
            (true, _) => {}
            (false, true) => std::thread::sleep(PERIOD),
            (false, false) => return Ok(()),
        }
    }
}

pub fn trace(only: Option<usize>, output: Output) -> Result<()> {
    let hypervisor = names::open()?;
    let frequency = hypervisor
        .machine()
        .map_err(asking("ask for the machine"))?
        .tick_frequency
        .max(1);
    let mut entries = Vec::new();
    for cpu in only.map_or(0..abi::MAX_CPUS, |cpu| cpu..cpu + 1) {
        if hypervisor
            .counters(cpu)
            .map_err(asking("read the counters"))?
            .is_none()
        {
            break;
        }
        let (_, found) = hypervisor.trace(cpu, 0).map_err(asking("read the trace"))?;
        entries.extend(found.into_iter().map(|entry| (cpu, entry)));
    }
    entries.sort_by_key(|(_, entry)| entry.time);
    let cause = |number: u32| ExitCause::from_number(number).map_or("unknown", ExitCause::name);
    if output.json {
        let list = entries.iter().map(|(cpu, entry)| json!({ "cpu": cpu, "time": entry.time, "zone": entry.zone, "cause": cause(entry.cause), "pc": entry.pc, "detail": entry.detail }));
        output.value(&list.collect());
        return Ok(());
    }
    let rows = entries.iter().map(|(cpu, entry)| {
        let seconds = entry.time as f64 / frequency as f64;
        vec![
            format!("{seconds:.6}"),
            cpu.to_string(),
            entry.zone.to_string(),
            cause(entry.cause).to_owned(),
            format!("{:#x}", entry.pc),
            format!("{:#x}", entry.detail),
        ]
    });
    output.table(
        &["seconds", "processor", "zone", "cause", "pc", "detail"],
        rows.collect(),
    );
    Ok(())
}
