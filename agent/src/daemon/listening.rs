//! Every socket that the daemon listens on: those it was started with, and its own.

use std::fs::{self, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixSocket;
use opkssh_protocol::places::{LONGEST_SOCKET_PATH, Places};

use super::instance::{InstanceError, check_free};
use super::sockets::{Socket, bind};
use super::systemd::Passed;

pub struct Listening {
    pub listeners: Vec<(Socket, Listener)>,
    /// The sockets that we bound: their names, and which files those were then.
    own: Vec<(PathBuf, FileId)>,
}

/// Device and inode.
type FileId = (u64, u64);

impl Listening {
    /// Listens on the two sockets of the runtime directory, where other commands look for us, and
    /// on `agent_socket`; on those that were `passed` in any case. The caller holds the lock.
    pub fn open(
        places: &Places,
        agent_socket: &Path,
        passed: Passed,
    ) -> Result<Self, InstanceError> {
        let mut listening = Self {
            listeners: Vec::new(),
            own: Vec::new(),
        };
        let usual = [places.agent_socket(), places.control_socket()];
        let mut wanted = usual.to_vec();
        if agent_socket != places.agent_socket() {
            wanted.push(agent_socket.to_owned());
        }
        for (path, socket) in passed {
            wanted.retain(|wanted| *wanted != path);
            let listener = UnixSocket::try_from(OwnedFd::from(socket));
            let listener = listener.map_err(InstanceError::file(&path))?;
            let socket = Socket::named(&path);
            listening.listeners.push((socket, listener.into()));
        }
        for path in wanted {
            if path.as_os_str().len() > LONGEST_SOCKET_PATH {
                return Err(InstanceError::PathTooLong(path));
            }
            check_free(&path).map_err(|error| match error {
                // no daemon of ours is left, so whoever answers started us, or would
                InstanceError::SocketInUse(path) if usual.contains(&path) => {
                    InstanceError::ListenedOn(path)
                }
                other => other,
            })?;
            let socket = match path == places.control_socket() {
                true => Socket::Control,
                false => Socket::Agent,
            };
            let failed = InstanceError::file(&path);
            let listener = bind(&path).map_err(&failed)?;
            listening.listeners.push((socket, listener));
            let file = fs::symlink_metadata(&path).map_err(&failed)?;
            listening.own.push((path, file_id(&file)));
        }
        Ok(listening)
    }

    /// Removes the names of our own sockets, unless others have taken them over by now.
    pub fn unlink(&self) {
        for (path, file) in &self.own {
            if fs::symlink_metadata(path).is_ok_and(|found| file_id(&found) == *file) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn file_id(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}
