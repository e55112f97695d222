//! Every socket that the daemon listens on: those it was started with, and its own.

use std::fs::{self, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixSocket;
use opkssh_files::check_closed;
use opkssh_protocol::places::{LONGEST_SOCKET_PATH, Places};

use super::instance::{InstanceError, remove_dead};
use super::sockets::{Socket, bind};
use super::systemd::Passed;

pub struct Listening {
    pub listeners: Vec<(Socket, Listener)>,
    own: Vec<BoundSocket>,
}

/// The file of a socket that we bound. Dropped, removes the file unless another socket has replaced
/// it, and the directory that `opkssh run` made for it.
pub struct BoundSocket {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
    runtime_dir: PathBuf,
}

impl Listening {
    /// Listens on the agent socket and the control socket, and in any case on those that were
    /// `passed`. The caller holds the lock, if there is one.
    pub fn open(places: &Places, passed: Passed) -> Result<Self, InstanceError> {
        let mut listening = Self {
            listeners: Vec::new(),
            own: Vec::new(),
        };
        let mut wanted = vec![
            (Socket::Agent, places.agent_socket()),
            (Socket::Control, places.control_socket()),
        ];
        for (path, socket) in passed {
            wanted.retain(|(_, wanted)| *wanted != path);
            let listener = UnixSocket::try_from(OwnedFd::from(socket));
            let listener = listener.map_err(InstanceError::file(&path))?;
            let socket = Socket::named(&path);
            listening.listeners.push((socket, listener.into()));
        }
        for (socket, path) in wanted {
            let (bound, listener) =
                BoundSocket::bind(path, places).map_err(|error| match error {
                    // no daemon of ours is left, so whoever answers started us, or would
                    InstanceError::SocketInUse(path) if places.separate_socket().is_none() => {
                        InstanceError::ListenedOn(path)
                    }
                    other => other,
                })?;
            listening.listeners.push((socket, listener));
            listening.own.push(bound);
        }
        Ok(listening)
    }
}

impl BoundSocket {
    /// Listens at `path`.
    pub fn bind(path: PathBuf, places: &Places) -> Result<(Self, Listener), InstanceError> {
        if path.as_os_str().len() > LONGEST_SOCKET_PATH {
            return Err(InstanceError::PathTooLong(path));
        }
        check_closed(path.parent().unwrap_or(Path::new("/")))?;
        remove_dead(&path)?;
        let listener = bind(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => InstanceError::SocketInUse(path.clone()),
            _ => InstanceError::file(&path)(error),
        })?;
        let file = fs::symlink_metadata(&path).map_err(InstanceError::file(&path))?;
        let bound = Self {
            file: file_id(&file),
            path,
            runtime_dir: places.runtime_dir.clone(),
        };
        Ok((bound, listener))
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| file_id(&found) == self.file) {
            let _ = fs::remove_file(&self.path);
        }
        // `opkssh run` made a directory for the socket; it stays while it has another one
        let directory = self.path.parent();
        if let Some(directory) = directory.filter(|it| it.parent() == Some(&self.runtime_dir)) {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn file_id(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
