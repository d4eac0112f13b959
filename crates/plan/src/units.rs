// SPDX-License-Identifier: Apache-2.0
//! Sizes and addresses as people write them.

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;

/// Bytes of "512 MiB", "512M", "1.5 GiB", "4096" or "0x1000".
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.starts_with("0x") {
        return parse_number(text);
    }
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => KIB,
        "m" | "mb" | "mib" => MIB,
        "g" | "gb" | "gib" => GIB,
        "t" | "tb" | "tib" => GIB << 10,
        _ => return None,
    };
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let bytes = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if fraction.is_empty() {
        return (!number.ends_with('.')).then_some(bytes);
    }
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / u128::from(scale);
    bytes.checked_add(u64::try_from(part).ok()?)
}

/// "512 MiB": the largest unit that is exact.
pub fn size(bytes: u64) -> String {
    for (unit, name) in [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        KIB..MIB => format!("{:.1} KiB", bytes as f64 / KIB as f64),
        MIB..GIB => format!("{:.1} MiB", bytes as f64 / MIB as f64),
        _ => format!("{:.1} GiB", bytes as f64 / GIB as f64),
    }
}

/// A number as C and Rust write it: decimal or 0x.
pub fn parse_number(text: &str) -> Option<u64> {
    let text = text.trim().replace('_', "");
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// `value` rounded up to a multiple of `align`, a power of two.
pub fn align_up(value: u64, align: u64) -> Option<u64> {
    value.checked_add(align - 1).map(|sum| sum & !(align - 1))
}

pub fn align_down(value: u64, align: u64) -> u64 {
    value & !(align - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("512 MiB"), Some(512 * MIB));
        assert_eq!(parse_size("512M"), Some(512 * MIB));
        assert_eq!(parse_size("1.5 GiB"), Some(1536 * MIB));
        assert_eq!(parse_size("4096"), Some(4096));
        for bad in [
            "",
            "MiB",
            "12 parsecs",
            "1..5 G",
            "99999999999 TiB",
            "-1",
            "1.",
        ] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
        assert_eq!(size(512 * MIB), "512 MiB");
        assert_eq!(size(3 * GIB), "3 GiB");
    }

    #[test]
    fn numbers() {
        assert_eq!(parse_number("0x4000_0000"), Some(0x4000_0000));
        assert_eq!(parse_number("17"), Some(17));
        assert_eq!(parse_number("0x+1"), None);
        assert_eq!(align_up(u64::MAX, 4096), None);
    }
}
