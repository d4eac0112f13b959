// SPDX-License-Identifier: Apache-2.0
//! The back-end process of a zone.

use super::record::{Record, RunDirectory};
use crate::failure::{Failure, Result};
use backend::{BlockConfig, Config, ConsoleConfig, DeviceConfig, DeviceKind, NetConfig};
use plan::planner::PlannedDevice;
use plan::zone::{Device, Network};

/// What serial line and first console are attached to together.
pub const CONSOLE: &str = "console";

/// Longest name of a network interface.
const MAX_INTERFACE: usize = 15;

/// What the back end is to serve.
pub fn config(record: &Record, directory: &RunDirectory) -> Config {
    let mut networks = 0;
    let devices = record
        .devices
        .iter()
        .enumerate()
        .filter_map(|(index, device)| {
            let kind = kind(record, device, &record.kept.base(), &mut networks)?;
            Some(DeviceConfig {
                index: u32::try_from(index).ok()?,
                kind,
            })
        });
    Config {
        zone: record.zone,
        name: record.name.clone(),
        devices: devices.collect(),
        run_directory: directory.path().to_owned(),
        confine: true,
    }
}

fn kind(
    record: &Record,
    device: &PlannedDevice,
    base: &std::path::Path,
    networks: &mut usize,
) -> Option<DeviceKind> {
    Some(match &device.device {
        Device::Serial => DeviceKind::Serial(ConsoleConfig {
            console: CONSOLE.into(),
        }),
        Device::Console(console) => DeviceKind::Console(ConsoleConfig {
            console: console.name.clone().unwrap_or_else(|| CONSOLE.into()),
        }),
        Device::Disk(disk) => DeviceKind::Block(BlockConfig {
            read_only: disk.readonly,
            serial: disk.serial.clone().unwrap_or_default(),
            queues: disk.queues,
            ..BlockConfig::new(base.join(&disk.path))
        }),
        Device::Network(network) => {
            let number = *networks;
            *networks += 1;
            DeviceKind::Net(net(&record.name, record.zone, number, network))
        }
        Device::Gpu { .. } => return None,
    })
}

fn net(name: &str, zone: u32, number: usize, network: &Network) -> NetConfig {
    // "linux1.0"; long names give way to the zone's number.
    let by_name = format!("{name}.{number}");
    let own = if by_name.len() <= MAX_INTERFACE {
        by_name
    } else {
        format!("hvzone{zone}.{number}")
    };
    NetConfig {
        tap: network.tap.clone().unwrap_or(own),
        mac: network.mac,
        bridge: network.bridge.clone(),
        address: network.address,
    }
}

/// `hvisor serve-devices NAME`: ends only with an error or a signal.
pub fn run(name: &str) -> Result<()> {
    let directory = RunDirectory::of(name);
    let record = directory
        .read()
        .ok_or_else(|| Failure::refused(format!("serve zone {name}"), "it has no run directory"))?;
    match backend::run(&config(&record, &directory)) {
        Ok(never) => match never {},
        Err(error) => Err(Failure::refused(
            format!("serve zone {name}"),
            error.to_string(),
        )),
    }
}
