// SPDX-License-Identifier: Apache-2.0
//! What zone0 knows of a zone: the run directory, and the text that the
//! kernel keeps for the manager that comes after a crash of zone0.

use crate::failure::{Failure, Result, io};
use plan::pin::Pins;
use plan::planner::{Decision, Plan, PlannedDevice};
use plan::{Problems, Zone};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Where running zones are described.
pub fn root() -> PathBuf {
    std::env::var_os("HVISOR_RUN").map_or_else(|| "/run/hvisor".into(), PathBuf::from)
}

/// Where zone files are looked for by name.
pub fn configuration() -> PathBuf {
    std::env::var_os("HVISOR_ETC").map_or_else(|| "/etc/hvisor".into(), PathBuf::from)
}

/// A description as it was when its zone was created, and what was decided then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Absolute; relative paths in the text start at its directory.
    pub file: PathBuf,
    pub text: String,
    /// Upstream's virtio file, if it came from a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtio: Option<String>,
    /// Upstream's number of the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    pub pins: Pins,
}

impl Kept {
    /// The description with everything fixed as it was decided.
    pub fn zone(&self) -> (Option<Zone>, Problems) {
        let (parsed, problems) =
            crate::description::parse(&self.file, &self.text, self.virtio.as_deref());
        let zone = parsed.map(|(mut zone, _)| {
            self.pins.apply(&mut zone);
            zone
        });
        (zone, problems)
    }

    pub fn base(&self) -> PathBuf {
        self.file.parent().map(Path::to_owned).unwrap_or_default()
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Failure::refused("keep the description", error.to_string()))?;
        if bytes.len() as u64 > abi::hypercall::KEPT_SIZE {
            return Err(
                Failure::refused("keep the description", "it is longer than 16 KiB")
                    .advise("shorten the zone file"),
            );
        }
        Ok(bytes)
    }
}

/// record.json of a run directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub zone: u32,
    pub name: String,
    pub kept: Kept,
    pub devices: Vec<PlannedDevice>,
    pub decisions: Vec<Decision>,
}

/// A zone's directory below [`root`].
#[derive(Clone, Debug)]
pub struct RunDirectory(PathBuf);

impl RunDirectory {
    pub fn of(name: &str) -> Self {
        Self(root().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, record: &Record, plan: &Plan) -> Result<()> {
        let asked = || format!("write {}", self.0.display());
        fs::create_dir_all(&self.0).map_err(io(asked()))?;
        let json = serde_json::to_vec_pretty(record)
            .map_err(|error| Failure::refused(asked(), error.to_string()))?;
        let name = if record.kept.id.is_some() {
            "zone.json"
        } else {
            "zone.toml"
        };
        fs::write(self.file("record.json"), json)
            .and_then(|()| fs::write(self.file(name), &record.kept.text))
            .and_then(|()| fs::write(self.file("device-tree.dtb"), &plan.dtb))
            .map_err(io(asked()))
    }

    pub fn read(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.file("record.json")).ok()?).ok()
    }

    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.0);
    }

    /// Held by the supervisor as long as it lives.
    pub fn lock(&self) -> std::io::Result<Option<File>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.file("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Like `lock`, but looks again for a moment: who only asks whether there is
    /// a supervisor holds the lock as well, very shortly.
    pub fn lock_patiently(&self) -> std::io::Result<Option<File>> {
        for _ in 0..20 {
            if let Some(lock) = self.lock()? {
                return Ok(Some(lock));
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Ok(None)
    }

    pub fn exists(&self) -> bool {
        self.0.exists()
    }

    pub fn is_supervised(&self) -> bool {
        self.0.exists() && matches!(self.lock(), Ok(None))
    }
}

/// Upstream's virtio file for a zone number, as `virtio start` left it.
pub fn upstream_virtio(id: u64) -> PathBuf {
    root().join("upstream").join(format!("virtio-{id}.json"))
}

/// How a zone ended: NAME.json beside the run directories.
pub fn write_last(name: &str, last: &Value) {
    let _ = fs::create_dir_all(root());
    let _ = fs::write(root().join(format!("{name}.json")), format!("{last:#}\n"));
}

pub fn read_last(name: &str) -> Option<Value> {
    serde_json::from_slice(&fs::read(root().join(format!("{name}.json"))).ok()?).ok()
}

/// Commands that create zones take turns.
pub fn take_turn() -> Result<File> {
    let _ = fs::create_dir_all(root());
    let path = root().join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io(format!("open {}", path.display())))?;
    file.lock()
        .map_err(io(format!("lock {}", path.display())))?;
    Ok(file)
}
