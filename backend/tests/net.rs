// SPDX-License-Identifier: Apache-2.0
//! virtio-net on a real TAP interface, in a network namespace of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use backend::zone::Zone;
use backend::{DeviceKind, NetConfig};
use common::queue::{Queue, start};
use common::{Machine, RAM_BASE, TestLink};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

const RECEIVE: u64 = RAM_BASE + 0x20_0000;
const TRANSMIT: u64 = RAM_BASE + 0x60_0000;
const GUEST_MAC: [u8; 6] = [0x52, 0x54, 0, 0, 0, 7];
const GUEST: [u8; 4] = [10, 77, 0, 2];
const HEADER: usize = 12;

/// A namespace without interfaces, for this test's thread alone; false where
/// that is not allowed.
fn namespace() -> bool {
    // SAFETY: it changes only what this thread sees of the network.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    let possible = result == 0 && std::path::Path::new("/dev/net/tun").exists();
    if !possible {
        eprintln!("skipped: no right to make network interfaces");
    }
    possible
}

fn config(bridge: Option<&str>) -> Vec<DeviceKind> {
    vec![DeviceKind::Net(NetConfig {
        tap: "guest0".into(),
        mac: GUEST_MAC,
        bridge: bridge.map(Into::into),
        address: Some((Ipv4Addr::new(10, 77, 0, 1), 24)),
    })]
}

struct Guest<'a> {
    m: &'a Machine,
    zone: Zone<TestLink>,
    receive: Queue,
    transmit: Queue,
}

impl Guest<'_> {
    /// Offers `count` receive buffers of `size` bytes.
    fn offer(&mut self, count: u64, size: u32) {
        for at in 0..count {
            self.receive
                .add(self.m, &[(RECEIVE + at * u64::from(size), size, true)]);
        }
        self.m.notify(0, 0);
        self.zone.turn(100).unwrap();
    }

    fn send(&mut self, frame: &[u8]) {
        self.m.store(TRANSMIT, &[0; HEADER]);
        self.m.store(TRANSMIT + HEADER as u64, frame);
        let chain = [
            (TRANSMIT, HEADER as u32, false),
            (TRANSMIT + HEADER as u64, frame.len() as u32, false),
        ];
        self.transmit.add_indirect(self.m, &chain);
        self.transmit.wait(self.m, &mut self.zone);
    }

    /// The next packet; `size` is that of the buffers that were offered.
    fn packet(&mut self, size: u32) -> (Vec<u8>, usize) {
        for _ in 0..50 {
            self.zone.turn(100).unwrap();
            if let Some((head, written)) = self.receive.take(self.m) {
                let mut packet = self.m.load(
                    RECEIVE + u64::from(head) * u64::from(size),
                    written as usize,
                );
                let buffers = usize::from(u16::from_le_bytes([packet[10], packet[11]]));
                for _ in 1..buffers {
                    let (head, written) = self
                        .receive
                        .take(self.m)
                        .expect("all buffers of a packet at once");
                    let place = RECEIVE + u64::from(head) * u64::from(size);
                    packet.extend(self.m.load(place, written as usize));
                }
                return (packet.split_off(HEADER), buffers);
            }
        }
        panic!("no packet");
    }
}

fn guest<'a>(m: &'a Machine, bridge: Option<&str>) -> Guest<'a> {
    let mut zone = m.attach(config(bridge));
    let features = start(m, &mut zone, 0, u64::MAX, 2);
    assert_ne!(features & 1 << 15, 0);
    for (at, byte) in GUEST_MAC.iter().enumerate() {
        assert_eq!(
            m.access(&mut zone, 0, 0x100 + at as u32, 1, None),
            u64::from(*byte)
        );
    }
    Guest {
        m,
        zone,
        receive: Queue::at(0, 0),
        transmit: Queue::at(0, 1),
    }
}

/// An ARP request or reply from the guest.
fn arp(operation: u8, target: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(GUEST_MAC);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(GUEST_MAC);
    frame.extend(GUEST);
    frame.extend([0; 6]);
    frame.extend(target);
    frame
}

fn is_arp_for(packet: &[u8], target: [u8; 4]) -> bool {
    packet.get(12..14) == Some(&[8, 6]) && packet.get(38..42) == Some(&target)
}

#[test]
fn packets_go_both_ways() {
    if !namespace() {
        return;
    }
    let m = Machine::new("net");
    let mut guest = guest(&m, None);
    guest.offer(60, 2048);
    // zone0 answers for its address.
    guest.send(&arp(1, [10, 77, 0, 1]));
    let answer = loop {
        let (packet, buffers) = guest.packet(2048);
        assert_eq!(buffers, 1);
        if is_arp_for(&packet, GUEST) {
            break packet;
        }
    };
    assert_eq!(answer[20..22], [0, 2], "an ARP reply");
    // And now that it knows the guest, it can send to it.
    let socket = UdpSocket::bind("10.77.0.1:0").unwrap();
    socket.send_to(b"for the guest", "10.77.0.2:9").unwrap();
    loop {
        let (packet, _) = guest.packet(2048);
        if packet.ends_with(b"for the guest") {
            break;
        }
    }
    assert_ne!(m.acknowledge(0), 0);
}

#[test]
fn a_large_packet_is_spread_over_small_buffers() {
    if !namespace() {
        return;
    }
    let m = Machine::new("net-mrg");
    let mut guest = guest(&m, None);
    guest.offer(60, 256);
    guest.send(&arp(1, [10, 77, 0, 1]));
    let socket = UdpSocket::bind("10.77.0.1:0").unwrap();
    let text: Vec<u8> = (0..1400).map(|at| at as u8).collect();
    socket.send_to(&text, "10.77.0.2:9").unwrap();
    loop {
        let (packet, buffers) = guest.packet(256);
        if packet.ends_with(&text) {
            assert_eq!(buffers, (packet.len() + HEADER).div_ceil(256));
            break;
        }
    }
}

#[test]
fn without_buffers_a_packet_waits() {
    if !namespace() {
        return;
    }
    let m = Machine::new("net-wait");
    let mut guest = guest(&m, None);
    guest.send(&arp(1, [10, 77, 0, 1]));
    for _ in 0..5 {
        guest.zone.turn(10).unwrap();
    }
    assert_eq!(guest.receive.take(&m), None);
    guest.offer(20, 1024);
    loop {
        let (packet, _) = guest.packet(1024);
        if is_arp_for(&packet, GUEST) {
            break;
        }
    }
}

#[test]
fn a_bridge_joins_zones_and_zone0() {
    if !namespace() {
        return;
    }
    let m = Machine::new("net-bridge");
    let mut guest = guest(&m, Some("zones0"));
    guest.offer(60, 2048);
    // A new port of a bridge learns before it forwards; it may take a while
    // where the bridge's delay is not 0.
    for _ in 0..40 {
        guest.send(&arp(1, [10, 77, 0, 1]));
        std::thread::sleep(Duration::from_millis(50));
        guest.zone.turn(1000).unwrap();
        while let Some((head, written)) = guest.receive.take(&m) {
            let place = RECEIVE + u64::from(head) * 2048 + HEADER as u64;
            if is_arp_for(&m.load(place, written as usize - HEADER), GUEST) {
                return;
            }
        }
    }
    panic!("zone0 did not answer on the bridge");
}
