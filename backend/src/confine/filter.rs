// SPDX-License-Identifier: Apache-2.0
//! The system calls that a back end makes while it serves; any other kills it.

use crate::driver::{HVISOR_CALL, HVISOR_RESPOND};
use crate::error::{Error, Result};
use crate::net::TUNSETOFFLOAD;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::io;

/// Calls allowed whatever their arguments.
const PLAIN: &[libc::c_long] = &[
    // Serving: events, devices, consoles, disks.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_accept4,
    libc::SYS_close,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_ctl,
    libc::SYS_ppoll,
    libc::SYS_io_uring_enter,
    // Memory of our own.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // The runtime's own.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What the C library uses in the place of the newer ones above.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[libc::SYS_poll, libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// Requests of ioctl(2).
const IOCTLS: &[u64] = &[
    HVISOR_CALL as u64,
    HVISOR_RESPOND as u64,
    TUNSETOFFLOAD as u64,
    libc::FIONBIO,
    libc::TIOCGWINSZ,
];

/// Applies the filter to this thread, the only one.
pub fn apply() -> Result<()> {
    let program =
        program().map_err(|error| Error::io("the system call filter")(io::Error::other(error)))?;
    seccompiler::apply_filter(&program)
        .map_err(|error| Error::io("the system call filter")(io::Error::other(error)))
}

fn program() -> Result<BpfProgram, BackendError> {
    let mut rules = BTreeMap::new();
    for call in PLAIN.iter().chain(OLDER) {
        rules.insert(*call, Vec::new());
    }
    let ioctls = IOCTLS
        .iter()
        .map(|request| {
            SeccompRule::new(vec![SeccompCondition::new(
                1,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::Eq,
                *request,
            )?])
        })
        .collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_ioctl, ioctls);
    // No memory is ever executable that was not at the start.
    let executable = libc::PROT_EXEC as u64;
    let never_executable = || {
        let operator = SeccompCmpOp::MaskedEq(executable);
        let condition = SeccompCondition::new(2, SeccompCmpArgLen::Dword, operator, 0)?;
        SeccompRule::new(vec![condition])
    };
    rules.insert(libc::SYS_mmap, vec![never_executable()?]);
    rules.insert(libc::SYS_mprotect, vec![never_executable()?]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    filter.try_into()
}
