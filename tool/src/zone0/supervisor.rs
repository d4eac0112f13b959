// SPDX-License-Identifier: Apache-2.0
//! One small process per zone: keeps its back end alive, loads it again when
//! it resets itself, cleans up when it ends.

use super::create;
use super::hypervisor::Hypervisor;
use super::record::{Record, RunDirectory, write_last};
use super::{fault, names, sentences};
use crate::failure::{Failure, Result, io};
use abi::Function;
use abi::status::{State, StopReason, ZoneStatus};
use backend::driver::CallError;
use plan::zone::OnReset;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// A back end that dies sooner is started again after this.
const PAUSE: Duration = Duration::from_millis(500);

/// Starts the supervisor of a zone in the background.
pub fn spawn(directory: &RunDirectory, name: &str) -> Result<()> {
    let asked = format!("start the supervisor of zone {name}");
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.file("supervisor.log"))
        .map_err(io(asked.clone()))?;
    let copy = log.try_clone().map_err(io(asked.clone()))?;
    Command::new("/proc/self/exe")
        .args(["supervise", name])
        .stdin(Stdio::null())
        .stdout(copy)
        .stderr(log)
        .current_dir("/")
        .spawn()
        .map_err(io(asked))?;
    Ok(())
}

/// `hvisor supervise NAME`.
pub fn run(name: &str) -> Result<()> {
    // A session of its own: it outlives the terminal it was started from.
    let _ = rustix::process::setsid();
    let directory = RunDirectory::of(name);
    let asked = format!("supervise zone {name}");
    let record = directory
        .read()
        .ok_or_else(|| Failure::refused(&asked, "it has no run directory"))?;
    let Some(_lock) = directory.lock_patiently().map_err(io(asked.clone()))? else {
        return Ok(()); // Another one does it.
    };
    std::fs::write(directory.file("pid"), format!("{}\n", std::process::id()))
        .map_err(io(asked.clone()))?;
    let hypervisor = names::open()?;
    let event = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(io(asked.clone()))?;
    hypervisor.0.state_event(&event).map_err(io(asked))?;
    let mut supervisor = Supervisor {
        hypervisor,
        event,
        record,
        directory,
        backend: None,
        started: None,
        last: None,
    };
    supervisor.watch()
}

struct Supervisor {
    hypervisor: Hypervisor,
    event: EventFd,
    record: Record,
    directory: RunDirectory,
    backend: Option<(Child, OwnedFd)>,
    started: Option<Instant>,
    /// The last status that was seen.
    last: Option<ZoneStatus>,
}

/// What to do after a look at the zone.
enum Next {
    Wait,
    Over,
}

impl Supervisor {
    fn watch(&mut self) -> Result<()> {
        loop {
            let _ = self.event.read();
            if let Next::Over = self.look()? {
                self.finish();
                return Ok(());
            }
            let wait = self.keep_backend()?;
            self.sleep(wait)?;
        }
    }

    /// Sleeps until the zone's state changes, the back end ends or `limit` is over.
    fn sleep(&self, limit: Option<Duration>) -> Result<()> {
        let asked = || io("wait for the zone");
        let epoll = Epoll::new().map_err(asked())?;
        let backend = self.backend.as_ref().map(|(_, file)| file.as_raw_fd());
        for file in [Some(self.event.as_raw_fd()), backend]
            .into_iter()
            .flatten()
        {
            let event = EpollEvent::new(EventSet::IN, 0);
            epoll
                .ctl(ControlOperation::Add, file, event)
                .map_err(asked())?;
        }
        let limit = limit
            .and_then(|limit| i32::try_from(limit.as_millis() + 1).ok())
            .unwrap_or(-1);
        match epoll.wait(limit, &mut [EpollEvent::default(); 2]) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(asked()(error)),
        }
    }

    /// Starts the back end if there is none; how long to wait before trying (again).
    fn keep_backend(&mut self) -> Result<Option<Duration>> {
        if self.record.devices.is_empty() {
            return Ok(None);
        }
        if let Some((child, _)) = &mut self.backend {
            match child.try_wait() {
                Ok(None) => return Ok(None),
                Ok(Some(status)) => eprintln!("back end ended: {status}"),
                Err(error) => eprintln!("back end: {error}"),
            }
            self.backend = None;
        }
        let since = self.started.map(|at| at.elapsed());
        if let Some(left) = since.and_then(|since| PAUSE.checked_sub(since)) {
            return Ok(Some(left));
        }
        self.started = Some(Instant::now());
        let asked = "start the back end";
        let child = Command::new("/proc/self/exe")
            .args(["serve-devices", &self.record.name])
            .stdin(Stdio::null())
            .spawn()
            .map_err(io(asked))?;
        let _ = std::fs::write(
            self.directory.file("backend.pid"),
            format!("{}\n", child.id()),
        );
        let file = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(|error| io(asked)(error.into()))?;
        self.backend = Some((child, file));
        Ok(None)
    }

    fn look(&mut self) -> Result<Next> {
        let status = match self.hypervisor.status(self.record.zone) {
            Ok(status) if names::name_of(&status) == self.record.name => status,
            Ok(_) | Err(CallError::Refused(abi::Error::NoSuchZone)) => return Ok(Next::Over),
            Err(error) => return Err(sentences::call("look at the zone", &error)),
        };
        self.last = Some(status);
        if State::from_number(status.state) != Some(State::Stopped) {
            return Ok(Next::Wait);
        }
        let restart = StopReason::from_number(status.stop_reason) == Some(StopReason::Reset)
            && self.on_reset() == OnReset::Restart;
        if restart {
            match self.reload() {
                Ok(()) => return Ok(Next::Wait),
                Err(failure) => {
                    for problem in &failure.problems.0 {
                        eprintln!("reset: {problem}");
                    }
                }
            }
        }
        self.stop_backend();
        // First, or who asks just after the end is told of the one before.
        self.leave_word();
        match create::destroy(&self.hypervisor, self.record.zone) {
            Ok(()) => Ok(Next::Over),
            // Somebody else does something to it: the next event tells.
            Err(CallError::Refused(abi::Error::Busy | abi::Error::WrongState)) => Ok(Next::Wait),
            Err(error) => Err(sentences::call("give the zone's resources back", &error)),
        }
    }

    fn on_reset(&self) -> OnReset {
        self.record
            .kept
            .zone()
            .0
            .map(|zone| zone.on_reset)
            .unwrap_or_default()
    }

    fn reload(&self) -> Result<()> {
        let asked = "load the zone again";
        let plan = create::replan(&self.hypervisor, self.record.zone, &self.record.kept)?;
        self.hypervisor
            .change(Function::ZoneReset, self.record.zone)
            .map_err(sentences::asking(asked))?;
        create::load(&self.hypervisor, self.record.zone, &plan, false)?;
        self.hypervisor
            .change(Function::ZoneStart, self.record.zone)
            .map_err(sentences::asking(asked))
    }

    fn stop_backend(&mut self) {
        if let Some((mut child, _)) = self.backend.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Leaves word of how it ended, and nothing else.
    fn finish(&mut self) {
        self.stop_backend();
        self.leave_word();
        self.directory.remove();
    }

    fn leave_word(&self) {
        let last = self
            .last
            .map(|status| self.describe(&status))
            .unwrap_or_else(|| json!({ "name": self.record.name, "file": self.record.kept.file }));
        write_last(&self.record.name, &last);
    }

    fn describe(&self, status: &ZoneStatus) -> Value {
        let sentence = sentences::fault(&status.fault);
        let place = sentence.as_ref().and_then(|_| {
            let guest = std::fs::read(self.directory.file("device-tree.dtb")).unwrap_or_default();
            let firmware = self.hypervisor.firmware_tree().unwrap_or_default();
            fault::place(status.fault.address, &guest, &firmware)
        });
        json!({
            "name": self.record.name,
            "file": self.record.kept.file,
            "state": "gone",
            "ended": sentences::stop_reason(status.stop_reason),
            "starts": status.starts,
            "fault": sentence,
            "fault_place": place,
        })
    }
}
