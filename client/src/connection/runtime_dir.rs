//! Runtime directories that lead to no agent of this user, and how to use the right one.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use opkssh_protocol::places::{CONTROL_SUFFIX, LONGEST_SOCKET_PATH, Places};

use crate::error::ClientError;
use crate::format::quoted;

/// Returns an error if an agent of this user runs with another runtime directory, as of a session
/// by su, sudo or cron.
pub fn elsewhere(places: &Places) -> Option<ClientError> {
    let file = places.holder_file();
    let found = fs::symlink_metadata(&file).ok()?;
    let is_own = found.uid() == rustix::process::geteuid().as_raw();
    if !(found.is_file() && is_own && found.len() < 4096) {
        return None;
    }
    let holder = fs::read_to_string(file).ok()?;
    let mut lines = holder.lines();
    let (pid, socket) = (lines.next()?, Path::new(lines.next()?));
    if socket == places.control_socket() || UnixStream::connect(socket).is_err() {
        return None;
    }
    let use_it = match places.runtime_of(socket) {
        Some(runtime) => format!(
            "export XDG_RUNTIME_DIR={}",
            quoted(&runtime.to_string_lossy())
        ),
        None => "unset XDG_RUNTIME_DIR".to_owned(),
    };
    let directory = socket.parent().unwrap_or(socket).display();
    let what = format!("the agent, process {pid}, has another runtime directory: {directory}");
    Some(ClientError::unreachable(what, format!("use it: {use_it}")))
}

/// Fails if `socket` has a path that is too long for a socket.
pub fn check_length(socket: &Path) -> Result<(), ClientError> {
    match socket.as_os_str().len() {
        0..=LONGEST_SOCKET_PATH => Ok(()),
        length => Err(unusable(
            socket,
            &format!(
                "a socket's path would have {length} bytes there, more than {LONGEST_SOCKET_PATH}"
            ),
        )),
    }
}

/// Returns the error for a runtime directory that cannot be used. `socket` is a path in it.
pub fn unusable(socket: &Path, why: &str) -> ClientError {
    let directory = socket.parent().unwrap_or(socket).display();
    if socket
        .as_os_str()
        .as_bytes()
        .ends_with(CONTROL_SUFFIX.as_bytes())
    {
        return ClientError::unreachable(
            format!("cannot use {}: {why}", socket.display()),
            "name another path, in a directory of your own: --socket PATH",
        );
    }
    let uid = rustix::process::geteuid().as_raw();
    ClientError::unreachable(
        format!("cannot use the runtime directory {directory}: {why}"),
        format!(
            "use one of your own: export XDG_RUNTIME_DIR=/run/user/{uid}; or none: unset XDG_RUNTIME_DIR"
        ),
    )
}
