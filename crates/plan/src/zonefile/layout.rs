// SPDX-License-Identifier: Apache-2.0
//! `passthrough` and `[layout]`.

use super::*;

pub(super) fn read_passthrough(top: &mut Table<'_, '_>) -> Vec<At<Passthrough>> {
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

pub(super) fn read_layout(top: &mut Table<'_, '_>) -> Layout {
    let mut layout = Layout::default();
    top.table("layout", "[layout]", |table| {
        layout.ram = table.number("ram");
        layout.dtb = table.number("dtb");
        layout.initrd = table.number("initrd");
        table.tables("memory", "[[layout.memory]]", |table| {
            if let Some((guest, physical, size)) = read_range(table, false) {
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
            if let Some((guest, Some(physical), size)) = read_range(table, true) {
                let fixed = FixedMmio {
                    guest,
                    physical,
                    size,
                    optional: false,
                };
                layout.mmio.push(At::new(fixed, table.span.clone()));
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

/// guest, physical (each the same as the other if not given), size.
fn read_range(table: &mut Table<'_, '_>, need_physical: bool) -> Option<(u64, Option<u64>, u64)> {
    const ADVICE: &str =
        "write physical = 0x8000_0000, size = \"64 MiB\" and, if it differs, guest";
    let physical = table.number("physical");
    let size = table.size("size");
    let guest = table.number("guest").or_else(|| physical.clone());
    let (Some(size), Some(guest)) = (size, guest) else {
        missing(table, "physical or size", "a range needs both", ADVICE);
        return None;
    };
    if physical.is_none() && need_physical {
        missing(table, "physical", "registers are somewhere", ADVICE);
        return None;
    }
    let aligned = |value: u64| value.is_multiple_of(abi::PAGE_SIZE);
    if !aligned(size.value) || size.value == 0 {
        wrong(
            table,
            "size",
            &size,
            "is not a multiple of 4 KiB above 0",
            "ownership is by pages",
        );
        return None;
    }
    for (key, at) in [
        ("physical", physical.as_ref().unwrap_or(&guest)),
        ("guest", &guest),
    ] {
        if !aligned(at.value) {
            wrong(
                table,
                key,
                at,
                "is not a multiple of 4 KiB",
                "ownership is by pages",
            );
            return None;
        }
        if at
            .value
            .checked_add(size.value)
            .is_none_or(|end| end > 1 << 48)
        {
            wrong(table, key, at, "ends beyond 2^48", "no such address");
            return None;
        }
    }
    Some((guest.value, physical.map(|at| at.value), size.value))
}
