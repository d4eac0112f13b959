// SPDX-License-Identifier: Apache-2.0
//! `serial`, `[[console]]`, `[[disk]]`, `[[network]]`.

use super::*;

pub const DEFAULT_BRIDGE: &str = "hvbr0";
/// zone0's own address on it.
const DEFAULT_ADDRESS: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 77, 0, 1), 24);
const MAX_QUEUES: u64 = 8;
/// virtio-blk's serial number, in bytes.
const MAX_SERIAL: usize = 20;
/// Longest name of a network interface, without its NUL.
const MAX_INTERFACE: usize = 15;

pub(super) fn read_devices(top: &mut Table<'_, '_>, zone: &str) -> Vec<At<AskedDevice>> {
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
    let address = table.number("at");
    if let Some(at) = address
        .as_ref()
        .filter(|at| !at.value.is_multiple_of(abi::PAGE_SIZE))
    {
        let at = at.clone();
        wrong(
            table,
            "at",
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
    let (bridge, tap) = (bridge.map(|at| at.value), tap.map(|at| at.value));
    let given = read_address(table);
    let by_default = bridge.is_none() && tap.is_none();
    Network {
        address: given.or(by_default.then_some(DEFAULT_ADDRESS)),
        bridge: if by_default {
            Some(DEFAULT_BRIDGE.to_owned())
        } else {
            bridge
        },
        tap,
        mac,
    }
}

/// "10.77.0.1/24"
fn read_address(table: &mut Table<'_, '_>) -> Option<(Ipv4Addr, u8)> {
    const EXAMPLE: &str = "write address = \"10.77.0.1/24\"";
    let at = table.string("address", EXAMPLE)?;
    let parsed = at.value.split_once('/').and_then(|(address, length)| {
        Some((
            address.parse().ok()?,
            length.parse().ok().filter(|length| *length <= 32)?,
        ))
    });
    if parsed.is_none() {
        wrong(
            table,
            "address",
            &at,
            "is not an IPv4 address and a prefix length",
            EXAMPLE,
        );
    }
    parsed
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
