// SPDX-License-Identifier: Apache-2.0
//! Wrong descriptions, each refused for its own reason.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use plan::machine::Machine;
use plan::planner::Sources;
use plan::units::{GIB, MIB};
use std::collections::BTreeSet;

/// A right description; a case replaces or adds lines.
const GOOD: &str =
    "name = \"z\"\ncpus = 2\nmemory = \"256 MiB\"\nkernel = \"Image\"\ninitrd = \"initrd\"\n";

struct Case {
    what: &'static str,
    text: String,
    /// Code and a part of the sentence.
    code: &'static str,
    says: &'static str,
    sources: Sources,
}

fn case(
    what: &'static str,
    text: impl Into<String>,
    code: &'static str,
    says: &'static str,
) -> Case {
    Case {
        what,
        text: text.into(),
        code,
        says,
        sources: sources(),
    }
}

fn added(what: &'static str, lines: &str, code: &'static str, says: &'static str) -> Case {
    case(what, format!("{GOOD}{lines}\n"), code, says)
}

fn replaced(
    what: &'static str,
    from: &str,
    to: &str,
    code: &'static str,
    says: &'static str,
) -> Case {
    assert!(GOOD.contains(from), "{what}");
    case(what, GOOD.replace(from, to), code, says)
}

fn kernel(
    what: &'static str,
    lines: &str,
    bytes: Vec<u8>,
    code: &'static str,
    says: &'static str,
) -> Case {
    Case {
        sources: Sources {
            kernel: Some(bytes),
            ..sources()
        },
        ..added(what, lines, code, says)
    }
}

fn elf(segment: u64, entry: u64, machine: u8) -> Vec<u8> {
    let mut file = vec![0u8; 0x200];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[18] = machine;
    file[24..32].copy_from_slice(&entry.to_le_bytes());
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[54] = 56;
    file[56] = 1;
    let header = &mut file[64..120];
    header[0] = 1;
    header[16..24].copy_from_slice(&segment.to_le_bytes());
    header[24..32].copy_from_slice(&segment.to_le_bytes());
    header[32..40].copy_from_slice(&0x100u64.to_le_bytes());
    header[40..48].copy_from_slice(&0x100u64.to_le_bytes());
    file
}

fn syntax() -> Vec<Case> {
    vec![
        case("not TOML", "name = z z\n", "toml", ""),
        added("a key twice", "cpus = 1", "toml", "duplicate"),
        added("unknown key", "disks = []", "unknown-key", "no such key"),
        added(
            "unknown key of a disk",
            "[[disk]]\npath = \"/d\"\nread_only = true",
            "unknown-key",
            "a disk has no such key",
        ),
        added(
            "disk as a table",
            "[disk]\npath = \"/d\"",
            "value",
            "not a list",
        ),
        added("layout as text", "layout = \"x\"", "value", "not a table"),
        replaced(
            "no name",
            "name = \"z\"\n",
            "",
            "missing",
            "name of its own",
        ),
        replaced(
            "no memory",
            "memory = \"256 MiB\"\n",
            "",
            "missing",
            "owns its memory",
        ),
        replaced(
            "no kernel",
            "kernel = \"Image\"\n",
            "",
            "missing",
            "something to run",
        ),
        replaced(
            "name of zone0",
            "\"z\"",
            "\"zone0\"",
            "value",
            "managing zone",
        ),
        replaced(
            "name with a slash",
            "\"z\"",
            "\"../z\"",
            "value",
            "not a zone's name",
        ),
        replaced(
            "name too long",
            "\"z\"",
            "\"abcdefghijklmnopqrstuvwxyzabcdefgh\"",
            "value",
            "not a zone's name",
        ),
        added(
            "unknown kind",
            "kind = \"server\"",
            "value",
            "neither \"user\"",
        ),
        added(
            "unknown on_reset",
            "on_reset = \"explode\"",
            "value",
            "neither \"restart\"",
        ),
        added("unknown dma", "dma = \"yes\"", "value", "not \"identity\""),
        replaced("empty kernel", "\"Image\"", "\"\"", "value", "is empty"),
        added(
            "cmdline too long",
            &format!("cmdline = \"{}\"", "x".repeat(3000)),
            "value",
            "2047",
        ),
        added(
            "cmdline with NUL",
            "cmdline = \"a\\u0000b\"",
            "value",
            "NUL",
        ),
        added(
            "serial as text",
            "serial = \"yes\"",
            "value",
            "not true or false",
        ),
        added("load as text", "load = \"here\"", "value", "whole number"),
    ]
}

fn processors_and_memory() -> Vec<Case> {
    vec![
        replaced(
            "no processor",
            "cpus = 2",
            "cpus = 0",
            "value",
            "between 1 and",
        ),
        replaced(
            "too many processors for any zone",
            "cpus = 2",
            "cpus = 33",
            "value",
            "between 1 and",
        ),
        replaced(
            "more processors than free",
            "cpus = 2",
            "cpus = 4",
            "cpus",
            "only 3 of 4",
        ),
        replaced(
            "processors as text",
            "cpus = 2",
            "cpus = \"two\"",
            "value",
            "neither a number nor a list",
        ),
        replaced(
            "empty list of processors",
            "cpus = 2",
            "cpus = []",
            "value",
            "is empty",
        ),
        replaced(
            "a processor twice",
            "cpus = 2",
            "cpus = [2, 2]",
            "value",
            "twice",
        ),
        replaced(
            "a negative processor",
            "cpus = 2",
            "cpus = [-1]",
            "value",
            "not a processor's number",
        ),
        replaced(
            "zone0's processor",
            "cpus = 2",
            "cpus = [0, 1]",
            "cpus",
            "belongs to zone 0",
        ),
        replaced(
            "no such processor",
            "cpus = 2",
            "cpus = [9]",
            "cpus",
            "processors 0 to 3 only",
        ),
        replaced(
            "memory in parsecs",
            "256 MiB",
            "256 parsecs",
            "value",
            "not a size",
        ),
        replaced("no memory at all", "256 MiB", "0", "value", "above 0"),
        replaced(
            "half a page",
            "256 MiB",
            "2 KiB",
            "value",
            "multiple of 4 KiB",
        ),
        replaced(
            "more memory than anybody has",
            "256 MiB",
            "99999 TiB",
            "value",
            "no machine",
        ),
        replaced(
            "more memory than free",
            "256 MiB",
            "3 GiB",
            "memory",
            "are free",
        ),
        added(
            "RAM at an odd guest address",
            "[layout]\nram = 0x4010_0000",
            "layout",
            "multiple of 2 MiB",
        ),
        added(
            "fixed RAM that zone0 has",
            "[[layout.memory]]\nphysical = 0x4800_0000\nsize = \"256 MiB\"",
            "memory",
            "belongs to",
        ),
        added(
            "fixed RAM that is none",
            "[[layout.memory]]\nphysical = 0x1_0000_0000_0\nsize = \"256 MiB\"",
            "memory",
            "not RAM",
        ),
        added(
            "fixed RAM twice",
            "[[layout.memory]]\nphysical = 0x9000_0000\nsize = \"128 MiB\"\n[[layout.memory]]\nphysical = 0x9000_0000\nguest = 0x4000_0000\nsize = \"128 MiB\"",
            "memory",
            "given twice",
        ),
        added(
            "fixed RAM of another size",
            "[[layout.memory]]\nphysical = 0x9000_0000\nsize = \"128 MiB\"",
            "memory",
            "adds up to 128 MiB",
        ),
        added(
            "fixed RAM unaligned",
            "[[layout.memory]]\nphysical = 0x9000_0001\nsize = \"256 MiB\"",
            "value",
            "multiple of 4 KiB",
        ),
        added(
            "fixed RAM that wraps",
            "[[layout.memory]]\nphysical = 0x9000_0000\nguest = 0xffff_ffff_ffff_0000\nsize = \"256 MiB\"",
            "value",
            "2^48",
        ),
        added(
            "RAM over a fixed controller",
            "[layout]\ncontroller = [0x4000_0000, 0x80a_0000]",
            "guest-overlap",
            "overlaps RAM",
        ),
    ]
}

fn devices() -> Vec<Case> {
    let many: String = (0..33)
        .map(|n| format!("[[disk]]\npath = \"/{n}\"\n"))
        .collect();
    vec![
        added(
            "a disk without a path",
            "[[disk]]\nreadonly = true",
            "missing",
            "file or block device",
        ),
        added(
            "a disk's serial too long",
            "[[disk]]\npath = \"/d\"\nserial = \"123456789012345678901\"",
            "value",
            "20 printable",
        ),
        added(
            "too many queues",
            "[[disk]]\npath = \"/d\"\nqueues = 9",
            "value",
            "between 1 and 8",
        ),
        added(
            "one file as two disks",
            "[[disk]]\npath = \"/d\"\n[[disk]]\npath = \"/d\"\nreadonly = true",
            "twice",
            "destroyed",
        ),
        added("too many devices", &many, "too-many", "at most 32"),
        added(
            "a bridge and a tap",
            "[[network]]\nbridge = \"b\"\ntap = \"t\"",
            "value",
            "beside `bridge`",
        ),
        added(
            "an interface's name too long",
            "[[network]]\nbridge = \"abcdefghijklmnop\"",
            "value",
            "network interface",
        ),
        added(
            "a group mac",
            "[[network]]\nmac = \"01:00:5e:00:00:01\"",
            "value",
            "group address",
        ),
        added(
            "no mac",
            "[[network]]\nmac = \"1:2:3\"",
            "value",
            "six bytes",
        ),
        added(
            "a mac twice",
            "[[network]]\nmac = \"02:00:00:00:00:01\"\n[[network]]\nmac = \"02:00:00:00:00:01\"",
            "twice",
            "another network card",
        ),
        added(
            "a tap twice",
            "[[network]]\ntap = \"t\"\n[[network]]\ntap = \"t\"",
            "twice",
            "is there twice",
        ),
        added(
            "no address",
            "[[network]]\naddress = \"10.0.0.1\"",
            "value",
            "prefix length",
        ),
        added(
            "a line that is none",
            "[[disk]]\npath = \"/d\"\nline = 4000",
            "value",
            "1 to 1019",
        ),
        added(
            "a private line",
            "[[disk]]\npath = \"/d\"\nline = 27",
            "line-taken",
            "devices have 32",
        ),
        added(
            "a line twice",
            "[[disk]]\npath = \"/d\"\nline = 40\n[[disk]]\npath = \"/e\"\nline = 40",
            "line-taken",
            "another device",
        ),
        added(
            "a device over RAM",
            "[[disk]]\npath = \"/d\"\nat = 0x4000_0000",
            "guest-overlap",
            "overlaps RAM",
        ),
        added(
            "a device off its page",
            "[[disk]]\npath = \"/d\"\nat = 0xa00_0100",
            "value",
            "page-aligned",
        ),
    ]
}

fn passthrough() -> Vec<Case> {
    vec![
        added(
            "no such device",
            "passthrough = [\"/pl011@900000\"]",
            "no-device",
            "no such node",
        ),
        added(
            "a device twice",
            "passthrough = [\"/gpio@9020000\", \"/gpio@9020000\"]",
            "value",
            "twice",
        ),
        added(
            "a number as a path",
            "passthrough = [7]",
            "value",
            "not paths",
        ),
        added(
            "the interrupt controller",
            "passthrough = [\"/intc@8000000\"]",
            "not-a-device",
            "given away",
        ),
        added(
            "the timer",
            "passthrough = [\"/timer\"]",
            "not-a-device",
            "given away",
        ),
        added(
            "a node without registers",
            "passthrough = [\"/apb-pclk\"]",
            "no-registers",
            "no registers",
        ),
        added(
            "a DMA device",
            "passthrough = [\"/ethernet@a100000\"]",
            "dma",
            "no IOMMU",
        ),
        added(
            "a page shared with another",
            "passthrough = [\"/gpio@9020000\"]",
            "shared-page",
            "/rtc@9020800",
        ),
        added(
            "a private interrupt",
            "passthrough = [\"/watchdog@9030000\"]",
            "interrupt",
            "private to each processor",
        ),
        added(
            "zone0's console",
            "passthrough = [\"/pl011@9000000\"]",
            "zone0-console",
            "zone0's console",
        ),
        added(
            "registers that are RAM",
            "[[layout.mmio]]\nphysical = 0x9000_0000\nsize = \"4 KiB\"",
            "device-is-ram",
            "is RAM",
        ),
        added(
            "registers without an address",
            "[[layout.mmio]]\nguest = 0x1000_0000\nsize = \"4 KiB\"",
            "missing",
            "are somewhere",
        ),
        added(
            "registers over the controller",
            "[[layout.mmio]]\nphysical = 0x901_0000\nguest = 0x800_0000\nsize = \"4 KiB\"",
            "guest-overlap",
            "GIC distributor",
        ),
        added(
            "registers twice",
            "passthrough = [\"/serial@9010000\"]\n[[layout.mmio]]\nphysical = 0x901_0000\nguest = 0x1000_0000\nsize = \"4 KiB\"",
            "twice",
            "given twice",
        ),
        added(
            "a line below devices'",
            "[layout]\nlines = [20]",
            "line-taken",
            "devices have 32",
        ),
        added(
            "a line of none",
            "[layout]\nlines = [0]",
            "value",
            "no such number",
        ),
    ]
}

fn images() -> Vec<Case> {
    vec![
        kernel(
            "a kernel for another machine",
            "",
            linux(b"RSC\x05", 0, MIB),
            "kernel",
            "for riscv64",
        ),
        kernel(
            "a raw kernel without an address",
            "",
            vec![1; 100],
            "kernel",
            "raw binary",
        ),
        kernel(
            "a raw kernel outside RAM",
            "load = 0x1000",
            vec![1; 100],
            "does-not-fit",
            "not inside",
        ),
        kernel(
            "an entry outside RAM",
            "entry = 0x1000",
            linux(b"ARM\x64", 0, MIB),
            "entry",
            "not in the zone's RAM",
        ),
        kernel(
            "a kernel larger than RAM",
            "",
            linux(b"ARM\x64", 0, GIB),
            "does-not-fit",
            "needs 1 GiB",
        ),
        kernel(
            "Linux at an odd place",
            "load = 0x4008_0000",
            linux(b"ARM\x64", 0, MIB),
            "does-not-fit",
            "2 MiB",
        ),
        kernel(
            "ELF for another machine",
            "",
            elf(0x4000_0000, 0x4000_0000, 62),
            "kernel",
            "another machine",
        ),
        kernel(
            "ELF outside RAM",
            "",
            elf(0x1000_0000, 0x1000_0000, 183),
            "does-not-fit",
            "not inside",
        ),
        kernel(
            "ELF with an entry nowhere",
            "",
            elf(0x4000_0000, 0x5000_0000, 183),
            "kernel",
            "none of its segments",
        ),
        kernel(
            "ELF and load",
            "load = 0x4000_0000",
            elf(0x4000_0000, 0x4000_0000, 183),
            "kernel",
            "says itself",
        ),
        kernel(
            "a truncated gzip",
            "",
            vec![0x1f, 0x8b, 8, 0, 0],
            "kernel",
            "does not unpack",
        ),
        kernel(
            "a uImage",
            "",
            vec![0x27, 0x05, 0x19, 0x56, 0, 0],
            "kernel",
            "uImage",
        ),
        Case {
            sources: Sources {
                initrd: Some(vec![0; 300 << 20]),
                ..sources()
            },
            ..added(
                "an initrd larger than RAM",
                "",
                "does-not-fit",
                "needs 300 MiB",
            )
        },
        Case {
            sources: Sources {
                dtb: Some(b"junk".to_vec()),
                ..sources()
            },
            ..added("a broken device tree", "dtb = \"x.dtb\"", "device-tree", "")
        },
        added(
            "an initrd over the kernel",
            "[layout]\ninitrd = 0x4000_0000",
            "does-not-fit",
            "overlaps kernel",
        ),
        added(
            "an unaligned device tree",
            "[layout]\ndtb = 0x4f00_0001",
            "does-not-fit",
            "multiple of 8",
        ),
    ]
}

fn board() -> Machine {
    // With a console for zone0.
    let dtb = with_console(&aarch64(4, 2 * GIB, "arm,gic-v3"), "/pl011@9000000");
    Machine::from_tree(&dtb, SHARE, "virt").unwrap()
}

#[test]
fn the_good_one_is_good() {
    let (zone, problems) = plan::zonefile::read(GOOD);
    assert!(problems.0.is_empty(), "{problems:?}");
    let (plan, problems) = plan::plan(&zone.unwrap(), &board(), &sources());
    assert!(plan.is_some(), "{problems:?}");
}

#[test]
fn each_is_refused_for_its_reason() {
    let all = [
        syntax(),
        processors_and_memory(),
        devices(),
        passthrough(),
        images(),
    ]
    .concat_cases();
    assert!(all.len() >= 40);
    let names: BTreeSet<_> = all.iter().map(|case| case.what).collect();
    assert_eq!(names.len(), all.len());
    let mut wrong = Vec::new();
    for case in &all {
        let (zone, mut problems) = plan::zonefile::read(&case.text);
        let mut planned = false;
        if let Some(zone) = zone {
            let (plan, found) = plan::plan(&zone, &board(), &case.sources);
            planned = plan.is_some();
            problems.0.extend(found.0);
        }
        let found = problems
            .errors()
            .find(|one| one.code == case.code && one.obstacle.contains(case.says));
        let pointed = found.is_some_and(|one| {
            one.span
                .as_ref()
                .is_none_or(|span| span.end <= case.text.len() && span.start <= span.end)
        });
        if planned || !pointed {
            wrong.push(format!(
                "{}: planned {planned}, {:?}",
                case.what, problems.0
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = "nmae = \"z\"\ncpus = 99\nmemory = \"x\"\n[[disk]]\npth = \"/d\"\n[[network]]\nmac = \"1\"\n";
    let (zone, problems) = plan::zonefile::read(text);
    assert!(zone.is_none());
    let advice: Vec<_> = problems
        .0
        .iter()
        .filter_map(|one| one.advice.as_deref())
        .collect();
    assert!(
        advice.contains(&"did you mean `name`?") && advice.contains(&"did you mean `path`?"),
        "{advice:?}"
    );
    assert!(problems.0.len() >= 8, "{problems:?}");
}

trait Concat {
    fn concat_cases(self) -> Vec<Case>;
}

impl<const N: usize> Concat for [Vec<Case>; N] {
    fn concat_cases(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}
