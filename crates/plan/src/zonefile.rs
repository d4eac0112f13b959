// SPDX-License-Identifier: Apache-2.0
//! Zone files in TOML.

use crate::problem::{At, Problem, Problems};
use crate::reader::{Table, as_number, kind as kind_of};
use crate::units::{MIB, size};
use crate::zone::*;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

pub const DEFAULT_BRIDGE: &str = "hvbr0";
const MAX_QUEUES: u64 = 8;
/// virtio-blk's serial number, in bytes.
const MAX_SERIAL: usize = 20;

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

fn read_devices(top: &mut Table<'_, '_>, zone: &str) -> Vec<At<AskedDevice>> {
    let mut devices = Vec::new();
    if top.boolean("serial").is_none_or(|serial| serial.value) {
        devices.push(At::derived(AskedDevice {
            device: Device::Serial,
            place: Place::default(),
        }));
    }
    top.tables("console", "a console", |table| {
        let name = table
            .string("name", "write name = \"shell\"")
            .map(|name| name.value);
        push(&mut devices, table, Device::Console(Console { name }));
    });
    top.tables("disk", "a disk", |table| {
        if let Some(disk) = read_disk(table) {
            push(&mut devices, table, Device::Disk(disk));
        }
    });
    let mut number = 0;
    top.tables("network", "a network", |table| {
        let network = read_network(table, zone, number);
        number += 1;
        push(&mut devices, table, Device::Network(network));
    });
    refuse_twice(top, &devices);
    if let Some(last) = devices.get(abi::descriptor::MAX_DEVICES) {
        let obstacle = format!(
            "a zone has at most {} virtual devices, this is one more",
            abi::descriptor::MAX_DEVICES
        );
        top.problems.push(Problem::new(
            "too-many",
            last.span.clone(),
            "this device",
            obstacle,
        ));
    }
    devices
}

fn push(devices: &mut Vec<At<AskedDevice>>, table: &mut Table<'_, '_>, device: Device) {
    let address = table.number("address");
    if let Some(at) = address
        .as_ref()
        .filter(|at| !at.value.is_multiple_of(abi::PAGE_SIZE))
    {
        let at = at.clone();
        wrong(
            table,
            "address",
            &at,
            "is not page-aligned",
            "give a multiple of 0x1000",
        );
    }
    let line = read_line(table);
    let place = Place {
        address: address.map(|at| at.value),
        line,
    };
    devices.push(At::new(AskedDevice { device, place }, table.span.clone()));
}

fn read_line(table: &mut Table<'_, '_>) -> Option<u32> {
    let line = table.number("line")?;
    let number = u32::try_from(line.value)
        .ok()
        .filter(|n| (1..1020).contains(n));
    if number.is_none() {
        wrong(
            table,
            "line",
            &line,
            "is not an interrupt number from 1 to 1019",
            "leave it out, one is chosen",
        );
    }
    number
}

fn refuse_twice(top: &mut Table<'_, '_>, devices: &[At<AskedDevice>]) {
    for (index, later) in devices.iter().enumerate() {
        for earlier in devices.get(..index).unwrap_or_default() {
            let clash = match (&earlier.value.device, &later.value.device) {
                (Device::Disk(a), Device::Disk(b))
                    if a.path == b.path && !(a.readonly && b.readonly) =>
                {
                    Some((
                        format!("disk {}", b.path.display()),
                        "is there twice and written to: it would be destroyed",
                        "make both readonly, or copy the file",
                    ))
                }
                (Device::Network(a), Device::Network(b)) if a.mac == b.mac => Some((
                    format!("mac {}", mac(&b.mac)),
                    "is another network card's of this zone",
                    "leave `mac` out, one is derived",
                )),
                (
                    Device::Network(Network { tap: Some(a), .. }),
                    Device::Network(Network { tap: Some(b), .. }),
                ) if a == b => Some((
                    format!("tap {b}"),
                    "is there twice",
                    "every card needs a tap of its own; use `bridge`",
                )),
                _ => None,
            };
            if let Some((asked, obstacle, advice)) = clash {
                top.problems.push(
                    Problem::new("twice", later.span.clone(), asked, obstacle).advise(advice),
                );
            }
        }
    }
}

fn read_disk(table: &mut Table<'_, '_>) -> Option<Disk> {
    let path = path(table, "path");
    if path.is_none() && !table.has("path") {
        missing(
            table,
            "path",
            "a disk is a file or block device of zone0",
            "add path = \"/var/lib/hvisor/disk.img\"",
        );
    }
    let readonly = table.boolean("readonly").is_some_and(|at| at.value);
    let serial = table.string("serial", "write serial = \"disk0\"");
    if let Some(at) = serial.clone()
        && (at.value.len() > MAX_SERIAL || !at.value.bytes().all(|b| b.is_ascii_graphic()))
    {
        wrong(
            table,
            "serial",
            &at,
            format!("is not up to {MAX_SERIAL} printable ASCII characters"),
            "shorten it",
        );
    }
    let queues = table.number("queues");
    if let Some(at) = queues.clone()
        && !(1..=MAX_QUEUES).contains(&at.value)
    {
        wrong(
            table,
            "queues",
            &at,
            format!("is not between 1 and {MAX_QUEUES}"),
            "one a processor is enough",
        );
    }
    let queues = queues
        .and_then(|at| u16::try_from(at.value).ok())
        .unwrap_or(1);
    Some(Disk {
        path: path?.value,
        readonly,
        serial: serial.map(|at| at.value),
        queues,
    })
}

/// Longest name of a network interface, without its NUL.
const MAX_INTERFACE: usize = 15;

fn read_network(table: &mut Table<'_, '_>, zone: &str, number: u8) -> Network {
    let bridge = interface(table, "bridge");
    let tap = interface(table, "tap");
    if let (Some(_), Some(tap)) = (&bridge, &tap) {
        let tap = tap.clone();
        wrong(
            table,
            "tap",
            &tap,
            "stands beside `bridge`",
            "give one: a bridge makes its tap by itself",
        );
    }
    let given = table.string("mac", "write mac = \"02:00:00:00:00:01\"");
    let mut mac = derived_mac(zone, number);
    if let Some(at) = given {
        match parse_mac(&at.value) {
            Some(parsed) if parsed[0] & 1 == 0 => mac = parsed,
            Some(_) => wrong(
                table,
                "mac",
                &at,
                "is a group address",
                "make the first byte even, such as 02",
            ),
            None => wrong(
                table,
                "mac",
                &at,
                "is not six bytes in hex",
                "write mac = \"02:00:00:00:00:01\"",
            ),
        }
    }
    let bridge = match (&bridge, &tap) {
        (None, None) => Some(DEFAULT_BRIDGE.to_owned()),
        _ => bridge.map(|at| at.value),
    };
    Network {
        bridge,
        tap: tap.map(|at| at.value),
        mac,
    }
}

fn interface(table: &mut Table<'_, '_>, key: &'static str) -> Option<At<String>> {
    let name = table.string(key, "write an interface's name in quotes")?;
    let right = (1..=MAX_INTERFACE).contains(&name.value.len())
        && name
            .value
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'/' && b != b':' && b != b'%')
        && name.value != "."
        && name.value != "..";
    if !right {
        wrong(
            table,
            key,
            &name,
            "is not the name of a network interface",
            "up to 15 characters such as hvbr0",
        );
    }
    Some(name)
}

pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts
            .next()
            .filter(|part| part.len() == 2 && !part.starts_with('+'))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

pub fn mac(mac: &[u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Locally administered, the same for the same zone and card (FNV-1a of both).
pub fn derived_mac(zone: &str, number: u8) -> [u8; 6] {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in zone.bytes().chain([0, number]) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let [a, b, c, d, ..] = hash.to_le_bytes();
    [0x02, 0x68, a, b, c, d]
}

fn read_passthrough(top: &mut Table<'_, '_>) -> Vec<At<Passthrough>> {
    const ADVICE: &str = "write passthrough = [\"/soc/serial@1000\"], or { path = \"/soc/serial@1000\", clocks = [24000000] }";
    let mut list: Vec<At<Passthrough>> = Vec::new();
    for value in top.array("passthrough", ADVICE) {
        let span = Some(value.span());
        let device = match value.get_ref() {
            DeValue::String(path) => Some(Passthrough {
                path: path.to_string(),
                clocks: Vec::new(),
            }),
            DeValue::Table(table) => {
                let mut inner =
                    Table::new(table, "a passed-through device", span.clone(), top.problems);
                let path = inner.string("path", ADVICE);
                let clocks = inner
                    .array("clocks", ADVICE)
                    .iter()
                    .filter_map(|value| u32::try_from(as_number(value.get_ref())?).ok())
                    .collect();
                if path.is_none() && !inner.has("path") {
                    missing(
                        &mut inner,
                        "path",
                        "a device is named by its path in the firmware's device tree",
                        ADVICE,
                    );
                }
                inner.finish();
                path.map(|path| Passthrough {
                    path: path.value,
                    clocks,
                })
            }
            other => {
                top.wrong(
                    "passthrough",
                    value.span(),
                    format!("holds {}, not paths", kind_of(other)),
                    ADVICE,
                );
                None
            }
        };
        let Some(device) = device else { continue };
        if list.iter().any(|earlier| earlier.value.path == device.path) {
            top.wrong(
                "passthrough",
                value.span(),
                format!("names {} twice", device.path),
                "name each device once",
            );
        }
        list.push(At::new(device, span));
    }
    list
}

fn read_layout(top: &mut Table<'_, '_>) -> Layout {
    let mut layout = Layout::default();
    top.table("layout", "[layout]", |table| {
        layout.ram = table.number("ram");
        layout.dtb = table.number("dtb");
        layout.initrd = table.number("initrd");
        table.tables("memory", "[[layout.memory]]", |table| {
            if let Some((guest, physical, size)) = read_range(table) {
                layout.memory.push(At::new(
                    FixedMemory {
                        guest,
                        physical,
                        size,
                    },
                    table.span.clone(),
                ));
            }
        });
        table.tables("mmio", "[[layout.mmio]]", |table| {
            if let Some((guest, physical, size)) = read_range(table) {
                layout.mmio.push(At::new(
                    FixedMmio {
                        guest,
                        physical,
                        size,
                    },
                    table.span.clone(),
                ));
            }
        });
        for (key, into) in [("lines", true), ("controller", false)] {
            for value in table.array(key, "write a list of numbers") {
                match as_number(value.get_ref()) {
                    Some(n) if !into => layout.controller.push(At::new(n, Some(value.span()))),
                    Some(n) if (1..1020).contains(&n) => layout.lines.push(At::new(
                        u32::try_from(n).unwrap_or_default(),
                        Some(value.span()),
                    )),
                    _ => table.wrong(
                        key,
                        value.span(),
                        "holds something that is no such number",
                        "interrupt numbers are 1 to 1019",
                    ),
                }
            }
        }
    });
    layout
}

/// guest (the same as physical if not given), physical, size.
fn read_range(table: &mut Table<'_, '_>) -> Option<(u64, u64, u64)> {
    const ADVICE: &str =
        "write physical = 0x8000_0000, size = \"64 MiB\" and, if it differs, guest";
    let physical = table.number("physical");
    let size = table.size("size");
    let guest = table.number("guest").or_else(|| physical.clone());
    let (Some(physical), Some(size), Some(guest)) = (physical, size, guest) else {
        missing(table, "physical or size", "a range needs both", ADVICE);
        return None;
    };
    for (key, at) in [("physical", &physical), ("size", &size), ("guest", &guest)] {
        if !at.value.is_multiple_of(abi::PAGE_SIZE) || (key == "size" && at.value == 0) {
            wrong(
                table,
                key,
                at,
                "is not a multiple of 4 KiB above 0",
                "ownership is by pages",
            );
            return None;
        }
    }
    for (key, at) in [("physical", &physical), ("guest", &guest)] {
        if at
            .value
            .checked_add(size.value)
            .is_none_or(|end| end > 1 << 48)
        {
            wrong(table, key, at, "ends beyond 2^48", "no such address");
            return None;
        }
    }
    Some((guest.value, physical.value, size.value))
}
