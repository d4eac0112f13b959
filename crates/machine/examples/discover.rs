// SPDX-License-Identifier: Apache-2.0
//! Prints what is discovered in device trees: `discover FILE...`.
fn main() {
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Err(error) => println!("{path}: {error}"),
            Ok(bytes) => match machine::board(&bytes) {
                Ok(machine) => println!("{path}: {machine:#x?}"),
                Err(error) => println!("{path}: {error}"),
            },
        }
    }
}
