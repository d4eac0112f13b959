// SPDX-License-Identifier: Apache-2.0
//! A confined back end serves all the same, and can do nothing else. It runs in
//! a process of its own, this test started again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use backend::console::Client;
use backend::{BlockConfig, ConsoleConfig, DeviceKind, NetConfig, confine};
use common::queue::{Queue, start};
use common::{Machine, RAM_BASE, disk};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

const TASK: &str = "HVISOR_TEST_CONFINED";

fn is_root() -> bool {
    // SAFETY: it only asks.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        eprintln!("skipped: only root can confine itself");
    }
    root
}

/// Runs `child` with a task in a process of its own.
fn spawn(task: &str) -> ExitStatus {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--test-threads=1", "--nocapture"])
        .env(TASK, task)
        .spawn()
        .unwrap();
    let status = child.wait().unwrap();
    // It can not do so itself any more.
    let left = format!("hvisor-test-{}-confine", child.id());
    std::fs::remove_dir_all(std::env::temp_dir().join(left)).unwrap();
    status
}

/// Not a test by itself: what `spawn` runs.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let m = Machine::new("confine");
    let path = disk(&m.directory, "disk", 1 << 20);
    let console = ConsoleConfig {
        console: "main".into(),
    };
    let mut kinds = vec![
        DeviceKind::Block(BlockConfig::new(&path)),
        DeviceKind::Serial(console.clone()),
        DeviceKind::Console(console),
    ];
    // SAFETY: it changes only what this thread sees of the network.
    let network = unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0
        && std::path::Path::new("/dev/net/tun").exists();
    if network {
        kinds.push(DeviceKind::Net(NetConfig {
            tap: "confined".into(),
            mac: [2, 0, 0, 0, 0, 1],
            bridge: None,
            address: None,
        }));
    }
    let mut client = None;
    let mut zone = m.attach_after(kinds, || {
        client = Some(Client::attach(&m.directory.join("main.sock")).unwrap());
        confine::enter("confined", &m.directory.join("empty")).unwrap();
    });
    match task.as_str() {
        "open" => drop(std::fs::File::open("/proc/self/maps")),
        // SAFETY: killed before it returns.
        "fork" => drop(unsafe { libc::fork() }),
        // SAFETY: killed before it returns.
        "socket" => drop(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) }),
        // SAFETY: killed before it returns.
        "execute" => drop(unsafe {
            let rights = libc::PROT_READ | libc::PROT_EXEC;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), 4096, rights, flags, -1, 0)
        }),
        _ => {}
    }
    start(&m, &mut zone, 0, u64::MAX, 1);
    let (header, status, data) = (
        RAM_BASE + 0x20_0000,
        RAM_BASE + 0x20_0100,
        RAM_BASE + 0x30_0000,
    );
    let mut queue = Queue::at(0, 0);
    for kind in [1u8, 4, 13, 0] {
        m.store(header, &[kind, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
        m.store(data, &[8, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
        let middle = match kind {
            4 => (data, 0, false),
            13 => (data, 16, false),
            _ => (data, 65536, kind == 0),
        };
        queue.add(&m, &[(header, 16, false), middle, (status, 1, true)]);
        m.store(status, &[0xff]);
        queue.wait(&m, &mut zone);
        assert_eq!(m.load(status, 1), [0], "block request {kind}");
    }
    m.access(&mut zone, 1, 0, 1, Some(65));
    client.as_mut().unwrap().input(b"x").unwrap();
    client.as_mut().unwrap().resize(100, 40).unwrap();
    for _ in 0..10 {
        zone.turn(10).unwrap();
    }
    assert_eq!(m.line_status(1) & 1, 1, "input arrived");
    if network {
        start(&m, &mut zone, 3, u64::MAX, 2);
        let mut transmit = Queue::at(3, 1);
        transmit.add(&m, &[(data, 12, false), (data + 64, 60, false)]);
        transmit.wait(&m, &mut zone);
    }
    // SAFETY: the harness would do what a back end does not.
    unsafe { libc::_exit(42) };
}

#[test]
fn a_confined_back_end_serves() {
    if is_root() {
        assert_eq!(spawn("serve").code(), Some(42));
    }
}

#[test]
fn whatever_else_it_tries_kills_it() {
    if is_root() {
        for task in ["open", "fork", "socket", "execute"] {
            assert_eq!(spawn(task).signal(), Some(libc::SIGSYS), "{task}");
        }
    }
}
