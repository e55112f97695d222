//! The sockets that systemd passes (sd_listen_fds(3)).

use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// A listening socket that we were started with, and where it is in the file system. The names there
/// belong to whoever bound them.
pub type Passed = Vec<(PathBuf, UnixListener)>;

/// What is wrong with a socket that we were started with, counted from 1.
#[derive(Debug, thiserror::Error)]
#[error("socket {number} of those that systemd passes is of no use: {error}")]
pub struct PassedError {
    number: usize,
    error: io::Error,
}

/// Takes the sockets that are meant for this very process. Changes the environment: to be called
/// once, before there are threads.
pub fn take_sockets() -> Result<Passed, PassedError> {
    let mut passed = Vec::new();
    // without it, the variables are somebody else's that we inherited
    if std::env::var_os("LISTEN_PID").is_none() {
        return Ok(passed);
    }
    let mut listeners = ListenFd::from_env();
    for number in 1..=listeners.len() {
        let listener = listeners.take_unix_listener(number - 1);
        let checked = listener.and_then(|listener| listener.map(check).transpose());
        passed.extend(checked.map_err(|error| PassedError { number, error })?);
    }
    Ok(passed)
}

fn check(listener: UnixListener) -> io::Result<(PathBuf, UnixListener)> {
    if !socket_acceptconn(&listener)? {
        return Err(io::Error::other("it does not listen"));
    }
    match listener.local_addr()?.as_pathname() {
        Some(path) => Ok((path.to_owned(), listener)),
        // its name would keep nobody out
        None => Err(io::Error::other("it is not in the file system")),
    }
}

#[cfg(test)]
mod tests;
