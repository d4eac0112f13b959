// SPDX-License-Identifier: Apache-2.0
//! The cases, by number. Those after which the zone lives power off by
//! themselves; what the others end in stands beside them.

use crate::arch::{self, firmware, forms, gic, psci, registers, translation};
use crate::hypercall;
use crate::memory;
use crate::platform::{Platform, Window};
use crate::random::Random;
use crate::virtio;
use core::sync::atomic::{AtomicU64, Ordering};

pub struct Context {
    pub platform: Platform,
    pub random: Random,
    /// `address=`.
    pub address: u64,
    /// `form=`.
    pub form: u64,
    /// `count=`.
    pub count: Option<u64>,
}

type Run = fn(&mut Context) -> u64;

/// Name, and what to run: the number of things that should not have been had.
pub const CASES: [(&str, Run); 31] = [
    ("nothing", |_| 0),
    ("hypercalls with boundaries", |_| hypercall::boundaries()),
    ("hypercalls at random", |context| {
        let count = context.count.unwrap_or(20_000);
        hypercall::random(&context.platform, count, &mut context.random)
    }),
    ("processors of others", |context| {
        psci::foreign(&context.platform, &mut context.random)
    }),
    ("firmware calls at random", |context| {
        let count = context.count.unwrap_or(20_000);
        psci::random(&context.platform, count, &mut context.random);
        0
    }),
    ("system registers", |context| {
        let (reads, writes) = registers::sweep(&mut context.random);
        say!("{reads} reads and {writes} writes were served");
        0
    }),
    ("instructions of higher levels", |context| {
        let served = registers::instructions(&mut context.random);
        say!("{served} instructions were served");
        0
    }),
    ("first controller window", |context| {
        sweep_controller(context, 0)
    }),
    ("second controller window", |context| {
        sweep_controller(context, 1)
    }),
    ("virtio registers", |context| {
        for index in 0..context.platform.virtio_count {
            if let Some(device) = context.platform.virtio.get(index) {
                memory::sweep(device.base, device.size, &mut context.random);
            }
        }
        0
    }),
    ("virtio rings", |context| {
        virtio::attack(
            &context.platform,
            context.count.unwrap_or(20),
            &mut context.random,
        );
        0
    }),
    ("interrupts to others", |context| {
        let count = context.count.unwrap_or(50_000);
        gic::send_everywhere(&context.platform, count, &mut context.random);
        0
    }),
    ("interrupts in masses", |context| flood(context, true)),
    ("interrupts in masses, none acknowledged", |context| {
        flood(context, false)
    }),
    // These end in a fault at `address`, or are served if it is the zone's.
    ("read of an address", |context| {
        say!("read {:#x}", memory::read(context.address, 4));
        0
    }),
    ("write to an address", |context| {
        memory::write(context.address, 4, 0x4041_4243);
        0
    }),
    ("fetch from an address", |context| {
        arch::fetch(context.address);
        0
    }),
    ("access form", |context| {
        let form = usize::try_from(context.form).unwrap_or(usize::MAX);
        let Some((name, _)) = forms::FORMS.get(form) else {
            say!("no such form");
            return 0;
        };
        say!("form {name}");
        let served = forms::run(form, context.address);
        say!("served: {served:?}");
        0
    }),
    ("translation table at an address", |context| {
        translation::enable(context.address);
        0
    }),
    (
        "translation table whose entries point to an address",
        |context| {
            let table = context.platform.scratch().base;
            translation::fill(table, context.address & !0xfff | translation::TABLE);
            translation::enable(table);
            0
        },
    ),
    ("translation table of itself", |context| {
        let table = context.platform.scratch().base;
        translation::fill(table, table | translation::TABLE);
        translation::enable(table);
        0
    }),
    // These end as they are called.
    ("reset", |_| {
        arch::hvc([firmware::SYSTEM_RESET, 0, 0, 0, 0, 0]);
        1
    }),
    ("last processor off", |_| {
        arch::hvc([firmware::CPU_OFF, 0, 0, 0, 0, 0]);
        1
    }),
    ("suspend with a wild entry", |context| {
        let state = context.form;
        arch::hvc([firmware::CPU_SUSPEND, state, context.address, 0, 0, 0]);
        0
    }),
    // These want a second processor.
    ("second processor with a wild entry", |context| {
        on(context, context.address, 0);
        wait(arch::frequency());
        0
    }),
    ("power off beside a busy processor", |context| {
        on(context, arch::secondary(), BUSY);
        wait(arch::frequency() / 10);
        0
    }),
    ("power off by the second processor", |context| {
        on(context, arch::secondary(), POWER_OFF);
        loop {
            memory::read(context.platform.controller[0].base, 4);
        }
    }),
    ("reset by the second processor", |context| {
        on(context, arch::secondary(), RESET);
        loop {
            memory::read(context.platform.controller[0].base, 4);
        }
    }),
    ("a processor on and off", |context| {
        for _ in 0..context.count.unwrap_or(1000) {
            on(context, arch::secondary(), OFF);
        }
        0
    }),
    ("code that changes under an access", |context| {
        on(context, arch::secondary(), CHANGE);
        let base = context.platform.controller[0].base;
        for _ in 0..context.count.unwrap_or(100_000) {
            arch::execute_shared(base);
        }
        0
    }),
    // Not hostile: what others should not be able to disturb.
    ("a pattern in memory", bystander),
];

/// No zone has anything here.
const BAD_BASE: u64 = 0x0bad_0000;

const BUSY: u64 = 1;
const POWER_OFF: u64 = 2;
const RESET: u64 = 3;
const OFF: u64 = 4;
const CHANGE: u64 = 5;

/// The address that a busy second processor reads from.
static PLACE: AtomicU64 = AtomicU64::new(0);

pub fn main(tree: u64) -> ! {
    let Some(platform) = Platform::new(tree) else {
        firmware::power_off()
    };
    let number = platform.option("hostile").unwrap_or(0);
    let seed = platform.option("seed").unwrap_or(1);
    PLACE.store(platform.controller[0].base, Ordering::Relaxed);
    let mut context = Context {
        random: Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        address: platform.option("address").unwrap_or(0),
        form: platform.option("form").unwrap_or(0),
        count: platform.option("count"),
        platform,
    };
    match usize::try_from(number)
        .ok()
        .and_then(|number| CASES.get(number))
    {
        Some((name, run)) => {
            say!("case {number}, {name}");
            let bad = run(&mut context);
            say!(
                "end of case {number}, {bad} bad, {} exceptions",
                arch::exceptions()
            );
        }
        None => say!("no case {number}, of {}", CASES.len()),
    }
    firmware::power_off()
}

/// Also seen without a serial port: a fault at an address that says it.
pub fn confess(bad: u64) -> ! {
    memory::read(BAD_BASE + bad.min(0xffff), 1);
    firmware::power_off()
}

pub fn secondary(task: u64) -> ! {
    let base = PLACE.load(Ordering::Relaxed);
    match task {
        POWER_OFF => firmware::power_off(),
        RESET => {
            arch::hvc([firmware::SYSTEM_RESET, 0, 0, 0, 0, 0]);
        }
        OFF => {
            arch::hvc([firmware::CPU_OFF, 0, 0, 0, 0, 0]);
        }
        CHANGE => loop {
            arch::change_shared();
        },
        _ => {}
    }
    loop {
        memory::read(base, 4);
    }
}

/// Looks at a pattern in its memory for ever; the number of wrong words.
fn bystander(context: &mut Context) -> u64 {
    let Window { base, size } = context.platform.scratch();
    let pattern = |address: u64| address.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for address in (base..base + size).step_by(8) {
        memory::write(address, 8, pattern(address));
    }
    loop {
        let wrong = (base..base + size)
            .step_by(8)
            .filter(|&address| memory::read(address, 8) != pattern(address))
            .count();
        if wrong != 0 {
            return wrong as u64;
        }
    }
}

/// Starts the second processor, if there is one and it is off.
fn on(context: &Context, entry: u64, argument: u64) {
    if context.platform.cpu_count < 2 {
        say!("no second processor");
        return;
    }
    let target = context.platform.cpus[1];
    arch::hvc([firmware::CPU_ON, target, entry, argument, 0, 0]);
}

fn wait(ticks: u64) {
    let begin = arch::now();
    while arch::now().wrapping_sub(begin) < ticks {
        core::hint::spin_loop();
    }
}

fn sweep_controller(context: &mut Context, index: usize) -> u64 {
    if let Some(&Window { base, size }) = context.platform.controller.get(index) {
        memory::sweep(base, size, &mut context.random);
    }
    0
}

fn flood(context: &mut Context, ends: bool) -> u64 {
    let ticks = arch::frequency() / 1000 * context.count.unwrap_or(2000);
    gic::flood(&context.platform, ticks, ends, &mut context.random);
    say!("{} interrupts", arch::INTERRUPTS.load(Ordering::Relaxed));
    0
}
