// SPDX-License-Identifier: Apache-2.0
//! Giving up all rights that serving open files does not need.
//!
//! Whoever takes a back end over from inside its zone is left with that zone's
//! own disks, TAP interfaces and consoles: no other file, network, process or
//! zone can be reached.

mod filter;

use crate::error::{Error, Result};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// "nobody".
const USER: libc::uid_t = 65534;
/// Files that consoles' clients may add to those that are open.
const MAX_FILES: libc::rlim_t = 512;

/// Confines this process for ever. `empty` is a directory to be its root; it is
/// made if it is not there.
pub fn enter(name: &str, empty: &Path) -> Result<()> {
    set_name(name);
    limit(libc::RLIMIT_CORE as _, 0)?;
    limit(libc::RLIMIT_NOFILE as _, MAX_FILES)?;
    // Not RLIMIT_NPROC: io_uring's workers count, and the filter forbids others.
    leave_namespaces()?;
    change_root(empty)?;
    drop_user()?;
    filter::apply()
}

/// The result of a system call.
fn checked(what: &'static str, result: libc::c_int) -> Result<()> {
    if result < 0 {
        Err(Error::io(what)(io::Error::last_os_error()))
    } else {
        Ok(())
    }
}

/// What `ps` shows; 15 bytes.
fn set_name(name: &str) {
    if let Ok(name) = CString::new(name) {
        // SAFETY: the kernel copies up to 16 bytes of the string.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}

fn limit(resource: libc::c_int, value: libc::rlim_t) -> Result<()> {
    let limit = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    // SAFETY: the structure is read during the call.
    checked("setting limits", unsafe {
        libc::setrlimit(resource as _, &limit)
    })
}

/// No network, no System V IPC. Kernels without such namespaces have less to leave.
fn leave_namespaces() -> Result<()> {
    for namespace in [libc::CLONE_NEWNET, libc::CLONE_NEWIPC, libc::CLONE_NEWUTS] {
        // SAFETY: it changes what this process can reach, not what it has.
        let result = unsafe { libc::unshare(namespace) };
        if result < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            return checked("leaving namespaces", result);
        }
    }
    Ok(())
}

fn change_root(empty: &Path) -> Result<()> {
    if !empty.is_dir() {
        std::fs::create_dir(empty).map_err(Error::open(empty))?;
    }
    let path = CString::new(empty.as_os_str().as_bytes())
        .map_err(|error| Error::io("changing the root directory")(io::Error::other(error)))?;
    // SAFETY: the path is a string that ends.
    checked("changing the root directory", unsafe {
        libc::chroot(path.as_ptr())
    })?;
    std::env::set_current_dir("/").map_err(Error::io("changing the root directory"))
}

/// From root to nobody, with no way back.
fn drop_user() -> Result<()> {
    // Capabilities can not be had again by any means; the last one is unknown,
    // the kernel says EINVAL behind it.
    // SAFETY: prctl(2) with numbers, and changes of our own identity.
    unsafe {
        (0..64).for_each(|capability: libc::c_ulong| {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
        });
        checked("dropping groups", libc::setgroups(0, std::ptr::null()))?;
        checked("dropping the group", libc::setresgid(USER, USER, USER))?;
        // Leaving user 0 clears the permitted and effective capabilities.
        checked("dropping the user", libc::setresuid(USER, USER, USER))?;
        checked(
            "dropping rights",
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0),
        )?;
        checked(
            "dropping rights",
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        )
    }
}
