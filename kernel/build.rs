// SPDX-License-Identifier: Apache-2.0
//! Links for bare metal: the architecture's linker script, position-independent.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_OS") != "none" {
        return;
    }
    let root = variable("CARGO_MANIFEST_DIR");
    let script = format!(
        "{root}/src/arch/{}/link.ld",
        variable("CARGO_CFG_TARGET_ARCH")
    );
    println!("cargo:rerun-if-changed={script}");
    for argument in [
        "-pie",
        "--no-dynamic-linker",
        "-znotext",
        "-zmax-page-size=4096",
    ] {
        println!("cargo:rustc-link-arg={argument}");
    }
    println!("cargo:rustc-link-arg=-T{script}");
}
