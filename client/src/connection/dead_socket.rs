//! Sockets on which nobody listens.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::error::ClientError;

/// Fails if at `path`, where no agent of ours answers, there is a socket of somebody else's or
/// another file.
pub fn check_unused(path: &Path) -> Result<(), ClientError> {
    let Ok(found) = path.metadata() else {
        return Ok(());
    };
    let what = match found.file_type().is_socket() {
        true if is_dead(path).unwrap_or(false) => return Ok(()),
        true => "is the socket of another program, or of a command of opkssh run --account",
        false => "is not a socket",
    };
    Err(ClientError::new(
        format!("{} {what}", path.display()),
        "name the socket of a separate agent: --socket PATH",
    ))
}

/// Returns true if nobody listens on this socket. Does not wait for an agent that hangs.
pub fn is_dead(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let connected = connect(&socket, &SocketAddrUnix::new(path)?);
    Ok(connected == Err(Errno::CONNREFUSED))
}
