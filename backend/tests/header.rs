// SPDX-License-Identifier: Apache-2.0
//! `driver/hvisor.h` and `backend::driver` say the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use backend::driver::{self, Bind, Call, IrqFd, Respond, StateEvent};
use std::fmt::Write as _;
use std::mem::offset_of;
use std::process::Command;

/// C expressions and what they must be.
macro_rules! layout {
    ($($rust:ident $c:literal: $($field:ident)*;)*) => {
        vec![$(
            (concat!("sizeof(struct ", $c, ")").to_owned(), size_of::<$rust>() as u64),
            $((
                format!("offsetof(struct {}, {})", $c, stringify!($field)),
                offset_of!($rust, $field) as u64,
            ),)*
        )*]
    };
}

#[test]
fn the_header_and_the_library_agree() {
    let mut expected = layout! {
        Call "hvisor_call":
            function direction args buffer length arg_count status value;
        Bind "hvisor_bind": zone eventfd;
        IrqFd "hvisor_irqfd": zone device eventfd reserved;
        StateEvent "hvisor_eventfd": eventfd reserved;
        Respond "hvisor_respond": zone vcpu;
    };
    let numbers = [
        ("HVISOR_CALL", u64::from(driver::HVISOR_CALL)),
        ("HVISOR_BIND", u64::from(driver::HVISOR_BIND)),
        ("HVISOR_IRQFD", u64::from(driver::HVISOR_IRQFD)),
        ("HVISOR_EVENTFD", u64::from(driver::HVISOR_EVENTFD)),
        ("HVISOR_RESPOND", u64::from(driver::HVISOR_RESPOND)),
        ("HVISOR_NONE", u64::from(driver::direction::NONE)),
        ("HVISOR_TO_KERNEL", u64::from(driver::direction::TO_KERNEL)),
        (
            "HVISOR_FROM_KERNEL",
            u64::from(driver::direction::FROM_KERNEL),
        ),
        ("HVISOR_WINDOW_SHIFT", u64::from(driver::WINDOW_SHIFT)),
        ("HVISOR_MAX_BUFFER", abi::hypercall::MAX_BUFFER),
    ];
    expected.extend(numbers.map(|(name, value)| (name.to_owned(), value)));

    let mut program = String::from("#include <stddef.h>\n#include \"hvisor.h\"\n");
    for (expression, value) in &expected {
        writeln!(
            program,
            "_Static_assert({expression} == {value}ULL, \"{expression}\");"
        )
        .unwrap();
    }
    let directory = std::env::temp_dir().join(format!("hvisor-header-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let source = directory.join("layout.c");
    std::fs::write(&source, program).unwrap();
    let output = Command::new("cc")
        .arg("-fsyntax-only")
        .arg("-I")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../driver"))
        .arg(&source)
        .output()
        .expect("a C compiler, which Rust needs to link as well");
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
