// SPDX-License-Identifier: Apache-2.0
//! Upstream hvisor's JSON: a zone file and a virtio file, as the same [`Zone`].
//!
//! Guest addresses, interrupt numbers and the guest's own device tree are kept
//! as they are; physical addresses of RAM are chosen anew.

use crate::problem::{At, Problem, Problems};
use crate::units::parse_number;
use crate::zone::*;
use crate::zonefile::{derived_mac, name_is_right, parse_mac};
use serde_json::Value;
use std::path::PathBuf;

/// A zone, and the number that upstream's commands call it by.
pub struct Upstream {
    pub zone: Zone,
    pub id: Option<u64>,
}

/// Reads a zone file and, if there is one, the virtio file that names the zone.
pub fn read(text: &str, virtio: Option<&str>) -> (Option<Upstream>, Problems) {
    let mut reader = Reader {
        problems: Problems::default(),
    };
    let upstream = reader.zone(text, virtio);
    let problems = reader.problems;
    (upstream.filter(|_| !problems.has_errors()), problems)
}

/// The zones' numbers in a virtio file.
pub fn virtio_ids(text: &str) -> Result<Vec<u64>, Problem> {
    let file = parse(text, "the virtio file")?;
    let zones = list(&file, "zones");
    if zones.is_empty() {
        return Err(
            Problem::new("json", None, "the virtio file", "names no zones")
                .advise("it has the form { \"zones\": [{ \"id\": 1, \"devices\": [...] }] }"),
        );
    }
    Ok(zones
        .iter()
        .filter_map(|zone| number(zone.get("id")?))
        .collect())
}

fn parse(text: &str, what: &str) -> Result<Value, Problem> {
    serde_json::from_str(text).map_err(|error| {
        let line = text
            .lines()
            .take(error.line().saturating_sub(1))
            .map(|line| line.len() + 1)
            .sum::<usize>();
        let at = (line + error.column()).min(text.len());
        Problem::new(
            "json",
            Some(at.saturating_sub(1)..at),
            what,
            error.to_string(),
        )
    })
}

/// A number, or a string in decimal or hex.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| parse_number(value.as_str()?))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn text_of(value: &Value, key: &str) -> Option<String> {
    value
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty() && *text != "null")
        .map(str::to_owned)
}

struct Reader {
    problems: Problems,
}

impl Reader {
    fn wrong(&mut self, asked: impl Into<String>, obstacle: impl Into<String>) {
        self.problems
            .push(Problem::new("upstream", None, asked, obstacle));
    }

    fn warn(&mut self, asked: impl Into<String>, obstacle: impl Into<String>) {
        self.problems
            .push(Problem::new("upstream", None, asked, obstacle).as_warning());
    }

    fn number(&mut self, value: &Value, key: &str) -> Option<u64> {
        let found = value.get(key)?;
        let parsed = number(found);
        if parsed.is_none() {
            self.wrong(format!("`{key}`"), format!("{found} is not a number"));
        }
        parsed
    }

    fn zone(&mut self, text: &str, virtio: Option<&str>) -> Option<Upstream> {
        let parsed = parse(text, "the zone file");
        let file = self.problems.take(parsed)?;
        let id = self.number(&file, "zone_id");
        let name = self.name(&file, id);
        let cpus: Vec<usize> = list(&file, "cpus")
            .iter()
            .filter_map(|cpu| usize::try_from(number(cpu)?).ok())
            .collect();
        if cpus.is_empty() {
            self.wrong("`cpus`", "names no processors");
        }
        let mut layout = Layout::default();
        let ram = self.regions(&file, &mut layout);
        if ram.is_empty() {
            self.wrong("`memory_regions`", "has no region of type ram");
        }
        let devices = match (virtio, id) {
            (Some(virtio), Some(id)) => self.devices(virtio, id, &name),
            _ => Vec::new(),
        };
        if devices.is_empty()
            && list(&file, "memory_regions")
                .iter()
                .any(|region| text_of(region, "type").as_deref() == Some("virtio"))
        {
            self.warn("regions of type virtio", "no virtio file names this zone: run `hvisor virtio start FILE` first, the zone has no virtual devices");
        }
        let lines: Vec<u32> = devices
            .iter()
            .filter_map(|device| device.value.place.line)
            .collect();
        let interrupts = list(&file, "interrupts")
            .iter()
            .filter_map(|line| u32::try_from(number(line)?).ok());
        layout.lines = interrupts
            .filter(|line| *line >= 32 && !lines.contains(line))
            .map(At::derived)
            .collect();
        self.controller(&file, &mut layout);
        let to_guest = |physical: u64| {
            let inside = ram
                .iter()
                .find(|one| (one.1..one.1.saturating_add(one.2)).contains(&physical));
            inside.map_or(physical, |(guest, base, _)| guest + (physical - base))
        };
        let load = self.number(&file, "kernel_load_paddr").map(to_guest);
        layout.dtb = self
            .number(&file, "dtb_load_paddr")
            .map(to_guest)
            .map(At::derived);
        let entry = self.number(&file, "entry_point");
        let path = |key: &str| text_of(&file, key).map(|path| At::derived(PathBuf::from(path)));
        if path("kernel_filepath").is_none() {
            self.wrong("`kernel_filepath`", "is missing");
        }
        self.not_yet(&file);
        Some(Upstream {
            zone: Zone {
                name: At::derived(name),
                kind: Kind::User,
                cpus: At::derived(Cpus::These(cpus)),
                memory: At::derived(ram.iter().map(|(_, _, size)| size).sum()),
                kernel: path("kernel_filepath"),
                initrd: None,
                dtb: path("dtb_filepath"),
                cmdline: text_of(&file, "kernel_args").unwrap_or_default(),
                load: load.map(At::derived),
                entry: entry.map(At::derived),
                devices,
                passthrough: Vec::new(),
                dma: At::derived(Dma::Refuse),
                on_reset: OnReset::Restart,
                layout,
            },
            id,
        })
    }

    /// Upstream allows any name; ours are for files and commands.
    fn name(&mut self, file: &Value, id: Option<u64>) -> String {
        let given = text_of(file, "name").unwrap_or_else(|| format!("zone{}", id.unwrap_or(1)));
        let mut name: String = given
            .to_ascii_lowercase()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        name = name
            .trim_start_matches(['-', '_'])
            .chars()
            .take(abi::descriptor::NAME_SIZE - 1)
            .collect();
        if !name_is_right(&name) {
            self.wrong(format!("name \"{given}\""), "can not be made a zone's name");
        }
        name
    }

    /// RAM as (guest, physical, size).
    fn regions(&mut self, file: &Value, layout: &mut Layout) -> Vec<(u64, u64, u64)> {
        let mut ram = Vec::new();
        for region in list(file, "memory_regions") {
            let range = (
                self.number(region, "virtual_start"),
                self.number(region, "physical_start"),
                self.number(region, "size"),
            );
            let (Some(guest), Some(physical), Some(size)) = range else {
                self.wrong(
                    "a region of `memory_regions`",
                    "lacks physical_start, virtual_start or size",
                );
                continue;
            };
            let end_fits = |base: u64| base.checked_add(size).is_some_and(|end| end <= 1 << 48);
            let kind = text_of(region, "type").unwrap_or_default();
            let aligned = (guest | physical | size).is_multiple_of(abi::PAGE_SIZE) && size > 0;
            if !end_fits(guest) || !end_fits(physical) || !aligned && kind != "virtio" {
                self.wrong(
                    format!("region at {guest:#x}"),
                    "is not whole pages below 2^48",
                );
                continue;
            }
            match kind.as_str() {
                "ram" => {
                    ram.push((guest, physical, size));
                    layout.memory.push(At::derived(FixedMemory {
                        guest,
                        physical: None,
                        size,
                    }));
                }
                "io" => layout.mmio.push(At::derived(FixedMmio {
                    guest,
                    physical,
                    size,
                    optional: true,
                })),
                // The devices themselves are in the virtio file.
                "virtio" => {}
                other => self.wrong(
                    format!("region at {guest:#x}"),
                    format!("has the unknown type \"{other}\""),
                ),
            }
        }
        ram
    }

    fn controller(&mut self, file: &Value, layout: &mut Layout) {
        let Some(arch) = file.get("arch_config") else {
            return;
        };
        let keys: &[&str] = match arch.get("gic_version").and_then(Value::as_str) {
            Some("v2") => &["gicd_base", "gicc_base"],
            _ if arch.get("plic_base").is_some() => &["plic_base"],
            _ if arch.get("aplic_base").is_some() => &["aplic_base"],
            _ => &["gicd_base", "gicr_base"],
        };
        let bases: Vec<u64> = keys
            .iter()
            .filter_map(|key| self.number(arch, key))
            .collect();
        if bases.len() == keys.len() {
            layout.controller = bases.into_iter().map(At::derived).collect();
        }
    }

    fn not_yet(&mut self, file: &Value) {
        for key in ["ivc_configs", "alloc_pci_devs", "modules"] {
            if !list(file, key).is_empty() {
                self.warn(format!("`{key}`"), "is not supported here and left out");
            }
        }
    }

    fn devices(&mut self, text: &str, id: u64, name: &str) -> Vec<At<AskedDevice>> {
        let parsed = parse(text, "the virtio file");
        let Some(file) = self.problems.take(parsed) else {
            return Vec::new();
        };
        let zone = list(&file, "zones")
            .iter()
            .find(|zone| zone.get("id").and_then(number) == Some(id));
        let mut devices = Vec::new();
        let mut networks = 0;
        for device in zone.map(|zone| list(zone, "devices")).unwrap_or_default() {
            if text_of(device, "status").as_deref() == Some("disable") {
                continue;
            }
            let kind = text_of(device, "type").unwrap_or_default();
            let address = self.number(device, "addr");
            let line = self
                .number(device, "irq")
                .and_then(|line| u32::try_from(line).ok());
            let made = match kind.as_str() {
                "blk" => text_of(device, "img").map(|path| {
                    Device::Disk(Disk {
                        path: path.into(),
                        readonly: false,
                        serial: None,
                        queues: 1,
                    })
                }),
                "console" => Some(Device::Console(Console { name: None })),
                "net" => {
                    networks += 1;
                    let mac = self
                        .mac(device)
                        .unwrap_or_else(|| derived_mac(name, networks));
                    Some(Device::Network(Network {
                        bridge: None,
                        tap: text_of(device, "tap"),
                        mac,
                        address: None,
                    }))
                }
                "gpu" => {
                    self.warn("a gpu", "has no back end here and is left out");
                    continue;
                }
                _ => None,
            };
            match made {
                Some(device) => devices.push(At::derived(AskedDevice {
                    device,
                    place: Place { address, line },
                })),
                None => self.wrong(
                    format!("a device of type \"{kind}\""),
                    "is not known, or lacks its img or tap",
                ),
            }
        }
        devices
    }

    /// A list of strings such as "0x00", or one string.
    fn mac(&mut self, device: &Value) -> Option<[u8; 6]> {
        let given = device.get("mac")?;
        if let Some(mac) = given.as_str().and_then(parse_mac) {
            return Some(mac);
        }
        let bytes: Vec<u8> = given
            .as_array()?
            .iter()
            .filter_map(|byte| u8::try_from(number(byte)?).ok())
            .collect();
        let mac: Option<[u8; 6]> = bytes.try_into().ok();
        if mac.is_none() {
            self.wrong("`mac`", "is not six bytes");
        }
        mac
    }
}
