// SPDX-License-Identifier: Apache-2.0
//! Zone files in TOML.

mod devices;
mod layout;

pub use devices::{DEFAULT_BRIDGE, derived_mac, mac, parse_mac};

use crate::problem::{At, Problem, Problems};
use crate::reader::{Table, as_number, kind as kind_of};
use crate::units::{MIB, size};
use crate::zone::*;
use devices::read_devices;
use layout::{read_layout, read_passthrough};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// Reads a zone file. Without errors there is a zone; warnings may come with it.
pub fn read(text: &str) -> (Option<Zone>, Problems) {
    let mut problems = Problems::default();
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.push(
            Problem::new("toml", error.span(), "this line", error.message())
                .advise("zone files are TOML: key = value, text in quotes, [[disk]] starts a disk"),
        );
    }
    let mut top = Table::new(document.get_ref(), "", None, &mut problems);
    let zone = read_zone(&mut top);
    top.finish();
    let zone = zone.filter(|_| !problems.has_errors());
    (zone, problems)
}

fn read_zone(top: &mut Table<'_, '_>) -> Option<Zone> {
    let name = read_name(top);
    let kind = match top.string("kind", "write kind = \"user\"") {
        None => Kind::User,
        Some(text) => match text.value.as_str() {
            "user" => Kind::User,
            "realtime" => Kind::Realtime,
            _ => {
                wrong(
                    top,
                    "kind",
                    &text,
                    "is neither \"user\" nor \"realtime\"",
                    "a user zone runs Linux, a realtime zone an RTOS or bare metal",
                );
                Kind::User
            }
        },
    };
    let cpus = read_cpus(top);
    let memory = read_memory(top);
    let kernel = path(top, "kernel");
    if kernel.is_none() && !top.has("kernel") {
        missing(
            top,
            "kernel",
            "a zone needs something to run",
            "add kernel = \"/boot/vmlinuz\"",
        );
    }
    let initrd = path(top, "initrd");
    let dtb = path(top, "dtb");
    let cmdline = top
        .string("cmdline", "write cmdline = \"console=ttyS0\"")
        .unwrap_or_default();
    if cmdline.value.len() > 2047 {
        wrong(
            top,
            "cmdline",
            &cmdline,
            "is longer than 2047 bytes, the most Linux takes",
            "shorten it",
        );
    }
    let load = top.number("load");
    let entry = top.number("entry");
    let on_reset = match top.string("on_reset", "write on_reset = \"restart\"") {
        None => OnReset::default(),
        Some(text) => match text.value.as_str() {
            "restart" => OnReset::Restart,
            "destroy" => OnReset::Destroy,
            _ => {
                wrong(
                    top,
                    "on_reset",
                    &text,
                    "is neither \"restart\" nor \"destroy\"",
                    "\"restart\" is what a machine does",
                );
                OnReset::default()
            }
        },
    };
    let dma = match top.string("dma", "write dma = \"identity\"") {
        None => At::default(),
        Some(text) => {
            if text.value != "identity" {
                wrong(
                    top,
                    "dma",
                    &text,
                    "is not \"identity\"",
                    "\"identity\" gives the zone RAM at its physical addresses and trusts its devices' DMA",
                );
            }
            At::new(Dma::Identity, text.span)
        }
    };
    let devices = read_devices(top, name.as_ref().map_or("", |name| name.value.as_str()));
    let passthrough = read_passthrough(top);
    let layout = read_layout(top);
    Some(Zone {
        name: name?,
        kind,
        cpus: cpus?,
        memory: memory?,
        kernel,
        initrd,
        dtb,
        cmdline: cmdline.value,
        load,
        entry,
        devices,
        passthrough,
        dma,
        on_reset,
        layout,
    })
}

fn wrong<T>(
    table: &mut Table<'_, '_>,
    key: &str,
    at: &At<T>,
    obstacle: impl Into<String>,
    advice: &str,
) {
    table.wrong(key, at.span.clone().unwrap_or_default(), obstacle, advice);
}

fn missing(table: &mut Table<'_, '_>, key: &str, obstacle: &str, advice: &str) {
    let span = table.span.clone();
    table.problems.push(
        Problem::new("missing", span, format!("`{key}` is missing"), obstacle).advise(advice),
    );
}

/// Whether the kernel takes `name` for a zone.
pub fn name_is_right(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    first && rest && name.len() < abi::descriptor::NAME_SIZE && name != "zone0"
}

fn read_name(top: &mut Table<'_, '_>) -> Option<At<String>> {
    let Some(name) = top.string("name", "write name = \"linux1\"") else {
        if !top.has("name") {
            missing(
                top,
                "name",
                "every zone has a name of its own",
                "add name = \"linux1\"",
            );
        }
        return None;
    };
    if name.value == "zone0" {
        wrong(
            top,
            "name",
            &name,
            "is the managing zone's",
            "choose another name",
        );
    } else if !name_is_right(&name.value) {
        wrong(
            top,
            "name",
            &name,
            "is not a zone's name",
            "up to 31 of a-z, 0-9, _ and -, the first a letter or digit",
        );
    }
    Some(name)
}

fn read_cpus(top: &mut Table<'_, '_>) -> Option<At<Cpus>> {
    const ADVICE: &str =
        "write cpus = 2 for any two, or cpus = [2, 3] for these as `hvisor status` counts them";
    let Some(value) = top.value("cpus") else {
        return Some(At::derived(Cpus::Any(1)));
    };
    let span = value.span();
    if let DeValue::Array(list) = value.get_ref() {
        let mut these = Vec::new();
        for item in list.iter() {
            match as_number(item.get_ref())
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| *n < abi::MAX_CPUS)
            {
                None => top.wrong(
                    "cpus",
                    item.span(),
                    format!(
                        "is not a processor's number from 0 to {}",
                        abi::MAX_CPUS - 1
                    ),
                    ADVICE,
                ),
                Some(n) if these.contains(&n) => top.wrong(
                    "cpus",
                    item.span(),
                    format!("names processor {n} twice"),
                    "name each once",
                ),
                Some(n) => these.push(n),
            }
        }
        if list.is_empty() {
            top.wrong("cpus", span.clone(), "is empty", ADVICE);
        } else if list.len() > abi::MAX_VCPUS {
            top.wrong(
                "cpus",
                span.clone(),
                format!("has more than {} processors", abi::MAX_VCPUS),
                ADVICE,
            );
        }
        return Some(At::new(Cpus::These(these), Some(span)));
    }
    match as_number(value.get_ref()).and_then(|n| usize::try_from(n).ok()) {
        Some(n) if (1..=abi::MAX_VCPUS).contains(&n) => Some(At::new(Cpus::Any(n), Some(span))),
        Some(_) => {
            top.wrong(
                "cpus",
                span,
                format!("is not between 1 and {}", abi::MAX_VCPUS),
                ADVICE,
            );
            None
        }
        None => {
            top.wrong(
                "cpus",
                span,
                format!(
                    "is {}, neither a number nor a list",
                    kind_of(value.get_ref())
                ),
                ADVICE,
            );
            None
        }
    }
}

fn read_memory(top: &mut Table<'_, '_>) -> Option<At<u64>> {
    if !top.has("memory") {
        missing(
            top,
            "memory",
            "a zone owns its memory",
            "add memory = \"512 MiB\"",
        );
        return None;
    }
    let memory = top.size("memory")?;
    if memory.value == 0 || !memory.value.is_multiple_of(abi::PAGE_SIZE) {
        wrong(
            top,
            "memory",
            &memory,
            "is not a multiple of 4 KiB above 0",
            "give a multiple of 2 MiB: it is mapped in large blocks",
        );
    } else if memory.value > 1 << 46 {
        wrong(
            top,
            "memory",
            &memory,
            format!("is {}: no machine has that", size(memory.value)),
            "give less",
        );
    } else if !memory.value.is_multiple_of(2 * MIB) {
        let problem = Problem::new(
            "slow",
            memory.span.clone(),
            "`memory`",
            "is not a multiple of 2 MiB: its end is mapped in 4 KiB pages",
        );
        top.problems
            .push(problem.advise("round it to 2 MiB").as_warning());
    }
    Some(memory)
}

fn path(table: &mut Table<'_, '_>, key: &'static str) -> Option<At<PathBuf>> {
    let text = table.string(key, "write a path in quotes")?;
    if text.value.is_empty() {
        wrong(table, key, &text, "is empty", "write a path");
        return None;
    }
    Some(At::new(text.value.into(), text.span))
}
