// SPDX-License-Identifier: Apache-2.0
//! virtio-net (virtio 1.2, 5.1) on a TAP interface.

mod interface;
mod tap;

use crate::config::NetConfig;
use crate::device::{Device, Io};
use crate::error::{Error, Result};
use crate::transport::{Broken, Chain};
use interface::Interfaces;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
pub use tap::TUNSETOFFLOAD;
use tap::{Tap, offload};

const F_CSUM: u64 = 1 << 0;
const F_GUEST_CSUM: u64 = 1 << 1;
const F_MAC: u64 = 1 << 5;
const F_GUEST_TSO4: u64 = 1 << 7;
const F_GUEST_TSO6: u64 = 1 << 8;
const F_GUEST_ECN: u64 = 1 << 9;
const F_HOST_TSO4: u64 = 1 << 11;
const F_HOST_TSO6: u64 = 1 << 12;
const F_HOST_ECN: u64 = 1 << 13;
const F_MRG_RXBUF: u64 = 1 << 15;
const F_STATUS: u64 = 1 << 16;

/// Bytes of the header before each packet, virtio_net_hdr with `num_buffers`.
const HEADER: usize = 12;
const NUM_BUFFERS: usize = 10;
/// Largest packet with its header.
const LARGEST: usize = HEADER + 65550 + 4;

const QUEUE_SIZE: u16 = 256;
/// To the guest.
const RECEIVE: usize = 0;
/// From the guest.
const TRANSMIT: usize = 1;
/// Packets in a row before other work gets its turn.
const BUDGET: usize = 256;

pub struct Net {
    tap: Tap,
    config: [u8; 10],
    mergeable: bool,
    /// Receive buffers that were taken but not filled, and their bytes.
    buffers: VecDeque<Chain>,
    room: usize,
    /// A packet that was read (`packet[..length]`) and has found no room yet.
    packet: Box<[u8]>,
    length: usize,
    /// More can be received at once.
    unfinished: bool,
}

impl Net {
    pub fn new(config: &NetConfig) -> Result<Self> {
        let tap = set_up(config)
            .map_err(|error| Error::Interface(format!("network {}: {error}", config.tap)))?;
        let mut space = [0; 10];
        if let Some(mac) = space.first_chunk_mut() {
            *mac = config.mac;
        }
        // Status: the link is up; one pair of queues.
        (space[6], space[8]) = (1, 1);
        Ok(Self {
            tap,
            config: space,
            mergeable: false,
            buffers: VecDeque::new(),
            room: 0,
            packet: vec![0; LARGEST].into_boxed_slice(),
            length: 0,
            unfinished: false,
        })
    }

    /// Reads the next packet unless one waits; false if there is none.
    fn next_packet(&mut self) -> bool {
        while self.length == 0 {
            match self.tap.receive(&mut self.packet) {
                Ok(count) if count > HEADER => self.length = count,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes buffers for the packet that waits; false if the guest has too few.
    fn make_room(&mut self, io: &mut Io<'_>) -> Result<bool, Broken> {
        while self.room < self.length {
            let Some(queue) = io.queue(RECEIVE) else {
                return Ok(false);
            };
            let Some(chain) = queue.pop()? else {
                if queue.enable_notification()? {
                    continue;
                }
                return Ok(false);
            };
            if !self.mergeable {
                // A packet must fit into one buffer; what is longer is cut off.
                self.length = self.length.min(chain.writable.len().max(HEADER));
            }
            if chain.writable.len() < HEADER {
                return Err(Broken("a receive buffer without room for a header"));
            }
            self.room += chain.writable.len();
            self.buffers.push_back(chain);
        }
        Ok(true)
    }

    /// Puts the packet that waits into buffers, all of which become used at once.
    fn deliver(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        let mut used: Vec<(u16, u32)> = Vec::new();
        let mut rest = self.packet.get(..self.length).unwrap_or_default();
        let mut first = None;
        while !rest.is_empty() {
            let Some(chain) = self.buffers.pop_front() else {
                break;
            };
            self.room -= chain.writable.len();
            let (now, later) = rest.split_at(rest.len().min(chain.writable.len()));
            chain.writable.write(0, now)?;
            used.push((chain.head, now.len() as u32));
            rest = later;
            first.get_or_insert(chain);
        }
        if let Some(first) = first {
            first
                .writable
                .write(NUM_BUFFERS, &(used.len() as u16).to_le_bytes())?;
        }
        self.length = 0;
        match io.queue(RECEIVE) {
            Some(queue) => queue.push_all(&used),
            None => Ok(()),
        }
    }

    fn receive(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        self.unfinished = false;
        let Some(queue) = io.queue(RECEIVE) else {
            return Ok(());
        };
        queue.disable_notification()?;
        let mut count = 0;
        while self.next_packet() && self.make_room(io)? {
            self.deliver(io)?;
            count += 1;
            if count == BUDGET {
                self.unfinished = true;
                break;
            }
        }
        if count > 0 {
            io.signal(RECEIVE)
        } else {
            Ok(())
        }
    }

    fn transmit(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        let mut any = false;
        while let Some(queue) = io.queue(TRANSMIT) {
            queue.disable_notification()?;
            while let Some(chain) = queue.pop()? {
                // What the interface does not take is lost, as on a wire.
                let _ = self.tap.send(chain.readable.pieces());
                queue.push(chain.head, 0)?;
                any = true;
            }
            if !queue.enable_notification()? {
                break;
            }
        }
        if any { io.signal(TRANSMIT) } else { Ok(()) }
    }
}

impl Device for Net {
    fn id(&self) -> u32 {
        1
    }

    fn features(&self) -> u64 {
        F_CSUM
            | F_GUEST_CSUM
            | F_MAC
            | F_GUEST_TSO4
            | F_GUEST_TSO6
            | F_GUEST_ECN
            | F_HOST_TSO4
            | F_HOST_TSO6
            | F_HOST_ECN
            | F_MRG_RXBUF
            | F_STATUS
    }

    fn queue_sizes(&self) -> Vec<u16> {
        vec![QUEUE_SIZE; 2]
    }

    fn config(&self) -> &[u8] {
        &self.config
    }

    fn start(&mut self, features: u64) {
        self.mergeable = features & F_MRG_RXBUF != 0;
        let table = [
            (F_GUEST_CSUM, offload::CHECKSUM),
            (F_GUEST_TSO4, offload::TSO4),
            (F_GUEST_TSO6, offload::TSO6),
            (F_GUEST_ECN, offload::ECN),
        ];
        let wanted = table
            .iter()
            .filter(|(feature, _)| features & feature != 0)
            .fold(0, |all, (_, offload)| all | offload);
        if let Err(error) = self.tap.set_offload(wanted) {
            eprintln!("network offloads: {error}");
        }
    }

    fn reset(&mut self) {
        self.buffers.clear();
        (self.room, self.length, self.unfinished) = (0, 0, false);
        self.mergeable = false;
    }

    fn notify(&mut self, queue: usize, io: &mut Io<'_>) -> Result<(), Broken> {
        match queue {
            RECEIVE => self.receive(io),
            TRANSMIT => self.transmit(io),
            _ => Ok(()),
        }
    }

    /// The interface has packets.
    fn ready(&mut self, io: &mut Io<'_>) -> Result<(), Broken> {
        self.receive(io)
    }

    fn unfinished(&self) -> bool {
        self.unfinished
    }

    fn files(&self) -> Vec<RawFd> {
        vec![self.tap.as_raw_fd()]
    }
}

/// Makes the TAP interface, and the bridge it is in.
fn set_up(config: &NetConfig) -> io::Result<Tap> {
    let named = |what: &'static str| {
        move |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"))
    };
    let tap = Tap::open(&config.tap).map_err(named("/dev/net/tun"))?;
    let interfaces = Interfaces::new()?;
    let addressed = match &config.bridge {
        Some(bridge) => {
            interfaces
                .add_bridge(bridge)
                .map_err(named("making the bridge"))?;
            interfaces
                .add_to_bridge(bridge, &config.tap)
                .map_err(named("joining the bridge"))?;
            bridge
        }
        None => &config.tap,
    };
    if let Some((address, prefix)) = config.address {
        interfaces
            .set_address(addressed, address, prefix)
            .map_err(named("setting the address"))?;
    }
    interfaces.up(&config.tap).map_err(named("setting it up"))?;
    interfaces.up(addressed).map_err(named("setting it up"))?;
    Ok(tap)
}
