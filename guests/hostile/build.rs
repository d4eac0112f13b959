// SPDX-License-Identifier: Apache-2.0
//! Links for bare metal, position-independent.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=link.ld");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_OS") != "none" {
        return;
    }
    let arguments = [
        "-pie",
        "--no-dynamic-linker",
        "-znotext",
        "-znorelro",
        "-zmax-page-size=4096",
    ];
    for argument in arguments {
        println!("cargo:rustc-link-arg={argument}");
    }
    println!(
        "cargo:rustc-link-arg=-T{}/link.ld",
        variable("CARGO_MANIFEST_DIR")
    );
}
