//! Every socket that the daemon listens on: those it was started with, and its own.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixSocket;
use opkssh_protocol::places::Places;

use super::instance::{self, InstanceError};
use super::sockets::bind;
use super::systemd::Passed;

pub struct Listening {
    pub agent: Vec<Listener>,
    pub control: Vec<Listener>,
    own: Vec<OwnSocket>,
}

/// A socket that we bound: its name, and which file that was then.
struct OwnSocket {
    path: PathBuf,
    file: (u64, u64),
}

impl Listening {
    /// Listens on the two sockets of the runtime directory, where other commands look for us, and
    /// on `agent_socket`; on those that were `passed` in any case. The caller holds the lock.
    pub fn open(
        places: &Places,
        agent_socket: &Path,
        passed: Passed,
    ) -> Result<Self, InstanceError> {
        let taken = passed.paths();
        let mut listening = Self {
            agent: adopt(passed.agent)?,
            control: adopt(passed.control)?,
            own: Vec::new(),
        };
        for path in [places.agent_socket(), places.control_socket()] {
            if taken.contains(&path) {
                continue;
            }
            // no daemon of ours is left, so whoever answers started us, or would
            instance::check_free(&path).map_err(|error| match error {
                InstanceError::SocketInUse(path) => InstanceError::ListenedOn(path),
                other => other,
            })?;
            let listener = listening.bind(&path)?;
            if path == places.control_socket() {
                listening.control.push(listener);
            } else {
                listening.agent.push(listener);
            }
        }
        if agent_socket != places.agent_socket() && !taken.iter().any(|path| path == agent_socket) {
            instance::check_free(agent_socket)?;
            let listener = listening.bind(agent_socket)?;
            listening.agent.push(listener);
        }
        Ok(listening)
    }

    /// Removes the names of our own sockets, unless others have taken them over by now.
    pub fn unlink(&self) {
        for OwnSocket { path, file } in &self.own {
            if identity(path).is_ok_and(|found| found == *file) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn bind(&mut self, path: &Path) -> Result<Listener, InstanceError> {
        let listener = bind(path).map_err(failed(path))?;
        self.own.push(OwnSocket {
            path: path.to_owned(),
            file: identity(path).map_err(failed(path))?,
        });
        Ok(listener)
    }
}

fn adopt(sockets: Vec<(PathBuf, UnixListener)>) -> Result<Vec<Listener>, InstanceError> {
    sockets
        .into_iter()
        .map(|(path, socket)| {
            UnixSocket::try_from(OwnedFd::from(socket))
                .map(Listener::from)
                .map_err(failed(&path))
        })
        .collect()
}

/// Device and inode of the file itself, not of what it may link to.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> InstanceError {
    let path = path.to_owned();
    move |error| InstanceError::File { path, error }
}
