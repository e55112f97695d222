//! Binding the two sockets, and who may connect.

use std::io;
use std::path::Path;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName as _};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;

/// Who may use a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// This user and root, as OpenSSH's agent does.
    UserAndRoot,
    /// This user only.
    User,
}

/// Binds `path` with mode 0600. The caller holds the instance lock, so a socket that is there
/// already is a dead daemon's.
pub fn bind(path: &Path) -> io::Result<Listener> {
    let name = path.to_fs_name::<GenericFilePath>()?;
    ListenerOptions::new()
        .name(name)
        .mode(0o600)
        .try_overwrite(true)
        // by then the name may be another's: see `Listening::unlink`
        .reclaim_name(false)
        .create_tokio()
}

/// Returns true if the other side of `stream` may use the socket.
pub fn admits(admit: Admit, stream: &Stream) -> bool {
    let Ok(Some(uid)) = stream.peer_creds().map(|creds| creds.euid()) else {
        return false;
    };
    let own = rustix::process::geteuid().as_raw();
    uid == own || (admit == Admit::UserAndRoot && uid == 0)
}
