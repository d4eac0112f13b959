// SPDX-License-Identifier: Apache-2.0
//! Why a back end could not start or go on.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open {path}: {source}", path = path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
    #[error("hvisor refused {what}: {source}")]
    Call {
        what: &'static str,
        source: crate::driver::CallError,
    },
    #[error("the zone's I/O area is not of this version")]
    WrongArea,
    #[error("the zone lends no memory, so its devices can not reach it")]
    NoLentMemory,
    #[error("device {0} is not one of the zone's")]
    NoSuchDevice(u32),
    #[error("two devices are configured for index {0}")]
    DuplicateDevice(u32),
    #[error("device {device}: {reason}")]
    BadDevice { device: u32, reason: String },
    #[error("{}", .0)]
    Interface(String),
}

impl Error {
    /// For `map_err`: what was being done.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub fn open(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Open { path, source }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
