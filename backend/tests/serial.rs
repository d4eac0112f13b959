// SPDX-License-Identifier: Apache-2.0
//! The 16550 and its console's hub, by way of the socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use backend::console::Client;
use backend::zone::Zone;
use backend::{ConsoleConfig, DeviceKind};
use common::queue::{Queue, start};
use common::{Machine, RAM_BASE, TestLink};
use std::io::Read;
use std::time::Duration;

const THR: u32 = 0;
const IER: u32 = 1;
const IIR: u32 = 2;
const DATA_READY: u32 = 1;

fn console(name: &str) -> ConsoleConfig {
    ConsoleConfig {
        console: name.into(),
    }
}

fn attach(m: &Machine) -> Client {
    Client::attach(&m.directory.join("main.sock")).unwrap()
}

fn read_exactly(client: &mut Client, zone: &mut Zone<TestLink>, length: usize) -> Vec<u8> {
    zone.turn(100).unwrap();
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn output_is_kept_and_shown() {
    let m = Machine::new("serial-out");
    let mut zone = m.attach(vec![DeviceKind::Serial(console("main"))]);
    assert_eq!(m.line_status(0), 0x60);
    for byte in b"early\n" {
        m.access(&mut zone, 0, THR, 1, Some(u64::from(*byte)));
    }
    let mut client = attach(&m);
    assert_eq!(read_exactly(&mut client, &mut zone, 6), b"early\n");
    for byte in b"late" {
        m.access(&mut zone, 0, THR, 1, Some(u64::from(*byte)));
    }
    assert_eq!(read_exactly(&mut client, &mut zone, 4), b"late");
}

#[test]
fn input_interrupts_until_all_is_read() {
    let m = Machine::new("serial-in");
    let mut zone = m.attach(vec![DeviceKind::Serial(console("main"))]);
    m.access(&mut zone, 0, IER, 1, Some(1));
    let mut client = attach(&m);
    zone.turn(100).unwrap();
    let typed: Vec<u8> = (0..200).collect();
    client.input(&typed).unwrap();
    zone.turn(1000).unwrap();
    let mut got = Vec::new();
    while m.line_status(0) & DATA_READY != 0 {
        assert!(m.level(0), "input waits without an interrupt");
        assert_eq!(m.access(&mut zone, 0, IIR, 1, None) & 0xf, 4);
        got.push(m.access(&mut zone, 0, THR, 1, None) as u8);
    }
    assert_eq!(got, typed);
    m.access(&mut zone, 0, IIR, 1, None);
    assert!(!m.level(0));
}

#[test]
fn an_empty_transmitter_interrupts_once() {
    let m = Machine::new("serial-thre");
    let mut zone = m.attach(vec![DeviceKind::Serial(console("main"))]);
    m.access(&mut zone, 0, IER, 1, Some(2));
    assert!(m.level(0));
    assert_eq!(m.access(&mut zone, 0, IIR, 1, None) & 0xf, 2);
    assert!(!m.level(0));
    m.access(&mut zone, 0, THR, 1, Some(65));
    assert!(m.level(0));
}

#[test]
fn a_successor_knows_the_registers() {
    let m = Machine::new("serial-kill");
    let kinds = || vec![DeviceKind::Serial(console("main"))];
    let mut zone = m.attach(kinds());
    m.access(&mut zone, 0, 3, 1, Some(0x13));
    m.access(&mut zone, 0, IER, 1, Some(1));
    m.access(&mut zone, 0, 7, 1, Some(0x5a));
    drop(zone);
    let mut zone = m.attach(kinds());
    assert_eq!(m.access(&mut zone, 0, 3, 1, None), 0x13);
    assert_eq!(m.access(&mut zone, 0, IER, 1, None), 1);
    assert_eq!(m.access(&mut zone, 0, 7, 1, None), 0x5a);
}

#[test]
fn a_virtio_console_shares_the_hub() {
    let m = Machine::new("hvc");
    let kinds = vec![
        DeviceKind::Serial(console("main")),
        DeviceKind::Console(console("main")),
    ];
    let mut zone = m.attach(kinds);
    let mut client = attach(&m);
    start(&m, &mut zone, 1, u64::MAX, 2);
    let (mut receive, mut transmit) = (Queue::at(1, 0), Queue::at(1, 1));
    let (input, output) = (RAM_BASE + 0x20_0000, RAM_BASE + 0x30_0000);
    receive.add(&m, &[(input, 256, true)]);
    m.notify(1, 0);
    zone.turn(100).unwrap();
    m.store(output, b"login: ");
    transmit.add(&m, &[(output, 7, false)]);
    assert_eq!(transmit.wait(&m, &mut zone).1, 0);
    assert_eq!(read_exactly(&mut client, &mut zone, 7), b"login: ");
    m.acknowledge(1);
    client.input(b"root\n").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    zone.turn(1000).unwrap();
    assert_eq!(receive.take(&m).map(|(_, written)| written), Some(5));
    assert_eq!(m.load(input, 5), b"root\n");
    assert_eq!(m.acknowledge(1), 1);
    // The window's size reaches the configuration.
    client.resize(132, 50).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    zone.turn(1000).unwrap();
    assert_eq!(m.acknowledge(1) & 2, 2);
    assert_eq!(m.access(&mut zone, 1, 0x100, 2, None), 132);
    assert_eq!(m.access(&mut zone, 1, 0x102, 2, None), 50);
}
