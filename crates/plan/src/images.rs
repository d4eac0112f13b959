// SPDX-License-Identifier: Apache-2.0
//! Where kernel, initrd and device tree go in a zone's RAM.

use crate::guesttree::{self, Guest};
use crate::image::{self, Elf, Image};
use crate::planner::{Ram, Sources};
use crate::problem::{At, Problem, Problems, Span};
use crate::space::Space;
use crate::units::{MIB, align_down, size};
use crate::zone::Zone;
use abi::PAGE_SIZE;

/// Linux maps its device tree in one 2 MiB block (Documentation/arch/arm64/booting).
const MAX_DTB: u64 = 2 * MIB;

/// Bytes and where they are copied to before the zone starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    pub what: String,
    pub guest: u64,
    pub bytes: Vec<u8>,
    pub why: String,
}

pub struct Placed {
    pub entry: u64,
    pub arguments: [u64; 4],
    pub dtb: Vec<u8>,
    pub loads: Vec<Load>,
    pub format: Option<String>,
}

/// A zone's RAM as images see it: guest ranges, adjacent ones joined, and what is in them.
struct Room {
    areas: Vec<(u64, u64)>,
    space: Space,
}

pub fn place(guest: &Guest<'_>, sources: &Sources, problems: &mut Problems) -> Option<Placed> {
    let zone = guest.zone;
    let mut room = Room {
        areas: joined(guest.ram),
        space: Space::default(),
    };
    let mut loads = Vec::new();
    let first = room.areas.first()?.0;
    let kernel_span = zone.kernel.as_ref().and_then(|at| at.span.clone());
    let (mut entry, mut format) = (zone.entry.as_ref().map_or(first, |at| at.value), None);
    let mut linux = true;
    if let Some(bytes) = &sources.kernel {
        let asked = zone
            .kernel
            .as_ref()
            .map_or(String::new(), |at| format!("kernel {}", at.value.display()));
        let recognised = match image::recognise(bytes.clone(), guest.shape.machine.architecture) {
            Ok(recognised) => recognised,
            Err(why) => {
                problems.push(Problem::new("kernel", kernel_span, asked, why).advise("Linux Image (plain, gzip, xz, zstd, EFI zboot), ELF, or a raw binary with `load` and `entry`"));
                return None;
            }
        };
        linux = matches!(recognised.image, Image::Linux { .. });
        format = Some(recognised.format.clone());
        let placed = match recognised.image {
            Image::Linux { bytes, header } => place_linux(
                zone,
                &mut room,
                bytes,
                header.text_offset,
                header.image_size,
                kernel_span,
            ),
            Image::Elf(elf) => place_elf(zone, &mut room, elf, kernel_span),
            Image::Raw(bytes) => place_raw(zone, &mut room, bytes, kernel_span),
        };
        let (images, start) = problems.take(placed)?;
        loads.extend(images);
        entry = zone.entry.as_ref().map_or(start, |at| at.value);
        if !room
            .areas
            .iter()
            .any(|(base, end)| (*base..*end).contains(&entry))
        {
            let span = zone.entry.as_ref().and_then(|at| at.span.clone());
            problems.push(
                Problem::new(
                    "entry",
                    span,
                    format!("start at {entry:#x}"),
                    "is not in the zone's RAM",
                )
                .advise(format!("RAM is from {first:#x}")),
            );
        }
    }
    let mut initrd = None;
    if let Some(bytes) = &sources.initrd {
        let load = problems.take(place_initrd(zone, &mut room, bytes))?;
        initrd = Some((load.guest, load.guest + bytes.len() as u64));
        loads.push(load);
    }
    let (dtb, load) = place_dtb(guest, &mut room, sources, initrd, linux, problems)?;
    let arguments = guest.shape.machine.architecture.arguments(load.guest);
    loads.push(load);
    Some(Placed {
        entry,
        arguments,
        dtb,
        loads,
        format,
    })
}

fn joined(ram: &[Ram]) -> Vec<(u64, u64)> {
    let mut areas: Vec<(u64, u64)> = Vec::new();
    for piece in ram {
        match areas.last_mut() {
            Some((_, end)) if *end == piece.guest => *end += piece.size,
            _ => areas.push((piece.guest, piece.guest.saturating_add(piece.size))),
        }
    }
    areas
}

impl Room {
    fn largest(&self) -> u64 {
        self.areas
            .iter()
            .map(|(base, end)| end - base)
            .max()
            .unwrap_or_default()
    }

    fn claim(&mut self, base: u64, length: u64, what: &str, span: &Span) -> Result<(), Problem> {
        let asked = format!("{what} at {base:#x}");
        let end = base.saturating_add(length);
        if !self
            .areas
            .iter()
            .any(|(from, until)| *from <= base && end <= *until)
        {
            let ram: Vec<String> = self
                .areas
                .iter()
                .map(|(from, until)| format!("{from:#x} to {until:#x}"))
                .collect();
            return Err(Problem::new(
                "does-not-fit",
                span.clone(),
                asked,
                format!("with {} is not inside the zone's RAM", size(length)),
            )
            .advise(format!("RAM is {}", ram.join(", "))));
        }
        self.space.claim(base, length, what).map_err(|other| {
            Problem::new(
                "does-not-fit",
                span.clone(),
                asked,
                format!("overlaps {} at {:#x}", other.what, other.base),
            )
            .advise("give the zone more memory, or leave the addresses out")
        })
    }

    /// The highest free place.
    fn top(&mut self, length: u64, align: u64, what: &str) -> Option<u64> {
        for (base, end) in self.areas.clone().into_iter().rev() {
            let mut at = align_down(end.checked_sub(length)?, align);
            while at >= base {
                match self.space.claim(at, length, what) {
                    Ok(()) => return Some(at),
                    Err(other) => match other.base.checked_sub(length) {
                        Some(below) => at = align_down(below, align),
                        None => break,
                    },
                }
            }
        }
        None
    }
}

type Images = Result<(Vec<Load>, u64), Problem>;

fn no_room(what: &str, need: u64, room: &Room, span: Span) -> Problem {
    Problem::new(
        "does-not-fit",
        span,
        what,
        format!(
            "needs {}, the zone's RAM is {}",
            size(need),
            size(room.largest())
        ),
    )
    .advise(format!(
        "set memory = \"{}\" or more",
        size((need * 2).next_multiple_of(64 * MIB))
    ))
}

fn place_linux(
    zone: &Zone,
    room: &mut Room,
    bytes: Vec<u8>,
    text_offset: u64,
    image_size: u64,
    span: Span,
) -> Images {
    let need = image_size.max(bytes.len() as u64);
    let at = match &zone.load {
        Some(load) => load.value,
        None => {
            let fits = |(base, end): &(u64, u64)| {
                let start = base
                    .checked_next_multiple_of(2 * MIB)?
                    .checked_add(text_offset)?;
                (start.checked_add(need)? <= *end).then_some(start)
            };
            room.areas.iter().find_map(fits).ok_or_else(|| {
                no_room(
                    "the kernel",
                    need.saturating_add(text_offset),
                    room,
                    span.clone(),
                )
            })?
        }
    };
    if at
        .checked_sub(text_offset)
        .is_none_or(|base| !base.is_multiple_of(2 * MIB))
    {
        let span = zone.load.as_ref().and_then(|at| at.span.clone());
        return Err(Problem::new(
            "does-not-fit",
            span,
            format!("kernel at {at:#x}"),
            format!("Linux wants a multiple of 2 MiB and {text_offset:#x} more"),
        )
        .advise("leave `load` out"));
    }
    room.claim(at, need, "kernel", &span)?;
    let why = format!(
        "2 MiB-aligned and {text_offset:#x} more, {} in memory",
        size(need)
    );
    Ok((
        vec![Load {
            what: "kernel".into(),
            guest: at,
            bytes,
            why,
        }],
        at,
    ))
}

fn place_elf(zone: &Zone, room: &mut Room, elf: Elf, span: Span) -> Images {
    if let Some(load) = &zone.load {
        return Err(Problem::new(
            "kernel",
            load.span.clone(),
            "`load`",
            "an ELF file says itself where it goes",
        )
        .advise("leave `load` out, or set `ram` in [layout]"));
    }
    let mut loads = Vec::new();
    for segment in elf.segments {
        room.claim(
            segment.address,
            segment.memory,
            "a segment of the kernel",
            &span,
        )
        .map_err(|problem| {
            let advice = format!(
                "link it for the zone's RAM, or set `ram = {:#x}` in [layout]",
                align_down(segment.address, 2 * MIB)
            );
            problem.advise(advice)
        })?;
        if !segment.bytes.is_empty() {
            loads.push(Load {
                what: "kernel".into(),
                guest: segment.address,
                bytes: segment.bytes,
                why: "where its ELF header says".into(),
            });
        }
    }
    Ok((loads, elf.entry))
}

fn place_raw(zone: &Zone, room: &mut Room, bytes: Vec<u8>, span: Span) -> Images {
    let (load, entry) = (zone.load.as_ref(), zone.entry.as_ref());
    let Some(at) = load.or(entry).map(|at| at.value) else {
        return Err(Problem::new(
            "kernel",
            span,
            "this kernel",
            "is a raw binary: it does not say where it goes or starts",
        )
        .advise("add load = 0x4000_0000 and, if it starts elsewhere, entry"));
    };
    room.claim(
        at,
        bytes.len() as u64,
        "kernel",
        &load.or(entry).map_or(span, |at| at.span.clone()),
    )?;
    Ok((
        vec![Load {
            what: "kernel".into(),
            guest: at,
            bytes,
            why: "fixed in the zone file".into(),
        }],
        at,
    ))
}

fn place_initrd(zone: &Zone, room: &mut Room, bytes: &[u8]) -> Result<Load, Problem> {
    let span = zone.initrd.as_ref().and_then(|at| at.span.clone());
    let length = (bytes.len() as u64).max(1);
    let (guest, why) = match &zone.layout.initrd {
        Some(at) => {
            room.claim(at.value, length, "initrd", &at.span)?;
            (at.value, "fixed in the zone file")
        }
        None => {
            let at = room.top(length, PAGE_SIZE, "initrd");
            (
                at.ok_or_else(|| no_room("the initrd beside the kernel", length, room, span))?,
                "at the end of RAM, out of the kernel's way",
            )
        }
    };
    Ok(Load {
        what: "initrd".into(),
        guest,
        bytes: bytes.to_vec(),
        why: why.into(),
    })
}

fn place_dtb(
    guest: &Guest<'_>,
    room: &mut Room,
    sources: &Sources,
    initrd: Option<(u64, u64)>,
    linux: bool,
    problems: &mut Problems,
) -> Option<(Vec<u8>, Load)> {
    let zone = guest.zone;
    let dtb = match &sources.dtb {
        Some(bytes) => {
            let span = zone.dtb.as_ref().and_then(|at| at.span.clone());
            let checked = crate::tree::parse(bytes).map_err(|problem| Problem { span, ..problem });
            problems.take(checked)?;
            bytes.clone()
        }
        None => {
            let (tree, unknown) = guesttree::build(guest, initrd);
            for path in unknown {
                let span = guest
                    .passed
                    .iter()
                    .find(|one| one.device.path == path)
                    .and_then(|one| one.device.span.clone());
                problems.push(
                    Problem::new(
                        "clock",
                        span,
                        format!("pass {path} through"),
                        "the tree does not tell its clock's rate; 24 MHz is assumed",
                    )
                    .advise(format!(
                        "{{ path = \"{path}\", clocks = [24000000] }} sets it"
                    ))
                    .as_warning(),
                );
            }
            tree.to_dtb()
        }
    };
    let length = dtb.len() as u64;
    let span = zone.dtb.as_ref().and_then(|at| at.span.clone());
    if length > MAX_DTB {
        problems.push(Problem::new(
            "device-tree",
            span,
            "the zone's device tree",
            format!("has {}, Linux takes {}", size(length), size(MAX_DTB)),
        ));
        return None;
    }
    let (at, why) = match &zone.layout.dtb {
        Some(At { value, span }) => {
            if !value.is_multiple_of(8) {
                problems.push(
                    Problem::new(
                        "does-not-fit",
                        span.clone(),
                        format!("device tree at {value:#x}"),
                        "is not a multiple of 8",
                    )
                    .advise("leave `dtb` out of [layout]"),
                );
            }
            problems.take(room.claim(*value, length, "device tree", span))?;
            (*value, "fixed in the zone file")
        }
        None => {
            // A kernel maps it in one block; for others the end of RAM is as good.
            let align = if linux { MAX_DTB } else { PAGE_SIZE };
            let Some(at) = room
                .top(length, align, "device tree")
                .or_else(|| room.top(length, PAGE_SIZE, "device tree"))
            else {
                problems.push(no_room(
                    "the device tree beside kernel and initrd",
                    length,
                    room,
                    None,
                ));
                return None;
            };
            (
                at,
                "high, out of the kernel's way; its address is the first argument",
            )
        }
    };
    let load = Load {
        what: "device tree".into(),
        guest: at,
        bytes: dtb.clone(),
        why: why.into(),
    };
    Some((dtb, load))
}
