// SPDX-License-Identifier: Apache-2.0
//! Devices of the machine that a zone is to own.

use crate::arch::Line;
use crate::machine::Machine;
use crate::problem::{At, Problem, Problems, Span};
use crate::tree::{self, Index};
use crate::zone::{Dma, Passthrough};
use abi::PAGE_SIZE;
use abi::inventory::owner;
use dtoolkit::Node;

/// A device found in the firmware's tree and free to be given.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its entry in the index.
    pub entry: usize,
    pub path: String,
    /// Its registers, as the tree has them.
    pub reg: Vec<(u64, u64)>,
    /// The pages they are in: base, size.
    pub windows: Vec<(u64, u64)>,
    pub lines: Vec<Line>,
    pub clocks: Vec<u32>,
    pub span: Span,
}

/// Generic names (Devicetree Specification, 2.2.2) of devices that do no DMA
/// of their own. All others may.
const WITHOUT_DMA: &[&str] = &[
    "serial",
    "uart",
    "rtc",
    "gpio",
    "watchdog",
    "timer",
    "pwm",
    "i2c",
    "spi",
    "can",
    "adc",
    "mailbox",
    "hwrng",
    "rng",
    "pl061",
    "pl031",
    "pl011",
    "pinctrl",
    "led-controller",
    "temperature-sensor",
];
/// What is never handed over.
const OURS: &[&str] = &[
    "interrupt-controller",
    "intc",
    "cpus",
    "cpu",
    "memory",
    "psci",
    "iommu",
    "smmu",
    "clint",
    "plic",
    "aplic",
    "imsics",
    "msi-controller",
    "its",
    "soc",
    "chosen",
];

pub fn find(
    machine: &Machine,
    index: &Index<'_>,
    asked: &[At<Passthrough>],
    dma: Dma,
    problems: &mut Problems,
) -> Vec<Found> {
    let mut found = Vec::new();
    for device in asked {
        found.extend(problems.take(find_one(machine, index, device, dma)));
    }
    let entries: Vec<usize> = found.iter().map(|device| device.entry).collect();
    for device in &found {
        check_shared_pages(index, device, &entries, problems);
    }
    found
}

fn find_one(
    machine: &Machine,
    index: &Index<'_>,
    asked: &At<Passthrough>,
    dma: Dma,
) -> Result<Found, Problem> {
    let path = &asked.value.path;
    let no = |code, why: String| {
        Problem::new(
            code,
            asked.span.clone(),
            format!("pass {path} through"),
            why,
        )
    };
    let at = index.find(path).ok_or_else(|| {
        no(
            "no-device",
            "the machine's device tree has no such node".into(),
        )
        .advise(similar(index, path))
    })?;
    let entry = index
        .get(at)
        .ok_or_else(|| no("no-device", "no such node".into()))?;
    let generic = entry.node.name_without_address();
    if OURS.contains(&generic) || generic == "timer" && index.reg(at).is_none() {
        return Err(no(
            "not-a-device",
            format!("a {generic} is not a device that can be given away"),
        )
        .advise("every zone gets one of its own"));
    }
    if zone0_console(machine, index) == Some(at) {
        return Err(no("zone0-console", "it is zone0's console".into()).advise(
            "pass another serial port through, or move zone0's console (stdout-path) first",
        ));
    }
    let reg = index.reg(at).filter(|reg| !reg.is_empty()).ok_or_else(|| {
        no(
            "no-registers",
            "it has no registers that the processor can reach".into(),
        )
        .advise("name the device itself, not a bus or a device behind one")
    })?;
    if may_dma(index, at) && dma == Dma::Refuse {
        return Err(no("dma", "it may do DMA, and no IOMMU confines it here: it could write anywhere".into())
            .advise("if you trust it and its driver, say dma = \"identity\": the zone's RAM is then at its physical addresses"));
    }
    let windows = windows_of(&reg).ok_or_else(|| {
        no(
            "no-registers",
            "its registers wrap around the address space".into(),
        )
    })?;
    for (base, size) in &windows {
        if let Some(other) = machine.taken_mmio.iter().find(|piece| {
            piece.owner != 0 && piece.owner != owner::FREE && piece.overlaps(*base, *size)
        }) {
            return Err(no(
                "device-taken",
                format!(
                    "its registers at {base:#x} belong to {}",
                    owner_name(other.owner)
                ),
            )
            .advise("stop that zone first"));
        }
        if machine
            .memory
            .iter()
            .any(|piece| piece.overlaps(*base, *size))
        {
            return Err(no(
                "device-is-ram",
                format!("its registers at {base:#x} are RAM"),
            ));
        }
    }
    let lines = lines_of(machine, index, at).map_err(|why| {
        no("interrupt", why)
            .advise("only interrupts that are wired to the root controller can be passed on")
    })?;
    for line in &lines {
        if let Some((number, other)) = machine
            .taken_lines
            .iter()
            .find(|(number, other)| *number == line.number && *other != 0 && *other != owner::FREE)
        {
            return Err(no(
                "line-taken",
                format!("its interrupt {number} belongs to {}", owner_name(*other)),
            )
            .advise("stop that zone first"));
        }
    }
    Ok(Found {
        entry: at,
        path: entry.path.clone(),
        reg,
        windows,
        lines,
        clocks: asked.value.clocks.clone(),
        span: asked.span.clone(),
    })
}

/// The firmware's console, if there is a zone0 to use it.
pub fn zone0_console(machine: &Machine, index: &Index<'_>) -> Option<usize> {
    if !machine.cpus.iter().any(|cpu| cpu.owner == 0) {
        return None;
    }
    let chosen = index.get(index.find("/chosen")?)?.node;
    let named = tree::strings(chosen, "stdout-path").into_iter().next()?;
    let path = named.split(':').next().unwrap_or_default().to_owned();
    if path.starts_with('/') {
        return index.find(&path);
    }
    let aliases = index.get(index.find("/aliases")?)?.node;
    index.find(tree::strings(aliases, &path).first()?)
}

pub fn owner_name(owner: u32) -> String {
    match owner {
        owner::FREE => "nobody".into(),
        owner::KERNEL => "hvisor or the firmware".into(),
        zone => format!("zone {zone}"),
    }
}

fn similar(index: &Index<'_>, path: &str) -> String {
    let best = index
        .entries
        .iter()
        .filter(|entry| entry.node.property("reg").is_some())
        .map(|entry| (strsim::damerau_levenshtein(&entry.path, path), &entry.path))
        .min();
    match best {
        Some((distance, best)) if distance <= 4 + path.len() / 2 => format!("did you mean {best}?"),
        _ => "`ls -R /sys/firmware/devicetree/base` shows the paths".into(),
    }
}

fn may_dma(index: &Index<'_>, at: usize) -> bool {
    let Some(entry) = index.get(at) else {
        return true;
    };
    let marked = ["dma-coherent", "dma-ranges", "iommus"]
        .iter()
        .any(|name| entry.node.property(name).is_some());
    marked || !WITHOUT_DMA.contains(&entry.node.name_without_address())
}

/// Page-aligned, ascending, adjacent ones joined.
pub fn windows_of(reg: &[(u64, u64)]) -> Option<Vec<(u64, u64)>> {
    let mut pages: Vec<(u64, u64)> = Vec::new();
    for (base, size) in reg.iter().filter(|(_, size)| *size > 0) {
        let end = base
            .checked_add(*size)?
            .checked_next_multiple_of(PAGE_SIZE)?;
        pages.push((base & !(PAGE_SIZE - 1), end));
    }
    pages.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (base, end) in pages {
        match joined.last_mut() {
            Some((_, last)) if base <= *last => *last = end.max(*last),
            _ => joined.push((base, end)),
        }
    }
    Some(
        joined
            .into_iter()
            .map(|(base, end)| (base, end - base))
            .collect(),
    )
}

fn lines_of(machine: &Machine, index: &Index<'_>, at: usize) -> Result<Vec<Line>, String> {
    let interrupts = index
        .interrupts(at)
        .ok_or("its interrupts can not be read")?;
    interrupts
        .iter()
        .map(|one| {
            let controller = index
                .get(one.controller)
                .ok_or("its interrupt goes nowhere")?;
            let line = machine
                .architecture
                .line_from_cells(controller.node, &one.cells)?;
            if line.number >= machine.lines {
                Err(format!(
                    "its interrupt {} is more than the controller has",
                    line.number
                ))
            } else {
                Ok(line)
            }
        })
        .collect()
}

/// Refuses pages in which another device's registers are as well.
fn check_shared_pages(index: &Index<'_>, device: &Found, given: &[usize], problems: &mut Problems) {
    for (at, other) in index.entries.iter().enumerate() {
        let related = given
            .iter()
            .any(|one| is_above(index, *one, at) || is_above(index, at, *one));
        if related || other.node.property("reg").is_none() {
            continue;
        }
        for (base, size) in index.reg(at).unwrap_or_default() {
            let shared = device.windows.iter().find(|(window, length)| {
                base < window + length && *window < base.saturating_add(size) && size > 0
            });
            if let Some((window, _)) = shared {
                let page = (*window).max(base & !(PAGE_SIZE - 1));
                problems.push(
                    Problem::new(
                        "shared-page",
                        device.span.clone(),
                        format!("pass {} through", device.path),
                        format!("{} is in the same page at {page:#x}", other.path),
                    )
                    .advise(format!(
                        "pass {} through as well, or leave both: a page has one owner",
                        other.path
                    )),
                );
            }
        }
    }
}

/// Whether `above` is `below` or one of its parents.
fn is_above(index: &Index<'_>, above: usize, below: usize) -> bool {
    let mut next = Some(below);
    while let Some(at) = next {
        if at == above {
            return true;
        }
        next = index.get(at).and_then(|entry| entry.parent);
    }
    false
}

/// Properties that say nothing true in another tree: references to nodes that are not there.
const REFERENCES: &[&str] = &[
    "phandle",
    "linux,phandle",
    "reg",
    "ranges",
    "status",
    "interrupts",
    "interrupts-extended",
    "interrupt-parent",
    "clocks",
    "clock-names",
    "resets",
    "reset-names",
    "power-domains",
    "power-domain-names",
    "iommus",
    "dmas",
    "dma-names",
    "interconnects",
    "interconnect-names",
    "phys",
    "phy-names",
    "phy-handle",
    "assigned-clocks",
    "assigned-clock-rates",
    "assigned-clock-parents",
    "memory-region",
    "mboxes",
    "hwlocks",
    "nvmem-cells",
    "nvmem-cell-names",
    "operating-points-v2",
    "msi-parent",
    "msi-map",
    "iommu-map",
    "access-controllers",
    "syscon",
];

/// Whether a property may be copied into a guest's tree as it is.
pub fn may_copy(name: &str) -> bool {
    !REFERENCES.contains(&name)
        && !name.starts_with("pinctrl-")
        && !name.ends_with("-supply")
        && !name.ends_with("-gpios")
        && !name.ends_with("-gpio")
}

/// Rates in Hz of the node's clocks: by hand, of fixed clocks in the tree, or
/// the node's own `clock-frequency`. `None` where a rate is not known.
pub fn clock_rates(index: &Index<'_>, device: &Found) -> Vec<Option<u32>> {
    let Some(node) = index.get(device.entry).map(|entry| entry.node) else {
        return Vec::new();
    };
    let all = tree::bytes(node, "clocks")
        .map(tree::cells)
        .unwrap_or_default();
    let mut rest = all.as_slice();
    let mut rates = Vec::new();
    while let Some((phandle, after)) = rest.split_first() {
        let provider = index
            .by_phandle(*phandle)
            .and_then(|at| index.get(at))
            .map(|entry| entry.node);
        let width = provider
            .and_then(|node| tree::u32_of(node, "#clock-cells"))
            .unwrap_or(0);
        rest = after
            .get(usize::try_from(width).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        let fixed = provider
            .filter(|node| tree::is_compatible(node, &["fixed-clock"]))
            .and_then(|node| tree::u32_of(node, "clock-frequency"));
        let by_hand = device.clocks.get(rates.len()).copied();
        rates.push(by_hand.or(fixed).or(tree::u32_of(node, "clock-frequency")));
    }
    rates
}
