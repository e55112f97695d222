//! The two sockets: binding one, who may connect, and who is connected.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName as _};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use tokio::sync::watch;

use crate::notices::Notices;

/// How long the daemon waits for its first connection before it counts as idle.
const FIRST: Duration = Duration::from_secs(60);
/// A passed socket of this file name is the control socket, any other an agent socket.
const CONTROL: &str = "control.sock";

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// Admits this user and root, as OpenSSH's agent does.
    Agent,
    /// Admits this user only.
    Control,
}

/// The connections on all sockets.
pub struct Usage(watch::Sender<InUse>);

#[derive(Debug, Clone, Copy)]
pub struct InUse {
    pub connections: usize,
    /// When the last connection ended.
    pub last: Instant,
}

/// Counts as a connection until it is dropped.
pub struct Counted(Arc<Usage>);

/// Binds `path` with mode 0600.
pub fn bind(path: &Path) -> io::Result<Listener> {
    let name = path.to_fs_name::<GenericFilePath>()?;
    ListenerOptions::new()
        .name(name)
        .mode(0o600)
        // by then the name may be another's: see `BoundSocket`
        .reclaim_name(false)
        .create_tokio()
}

/// Accepts connections for as long as the daemon runs, and runs what `serve` returns for each.
pub async fn accept<S>(
    socket: Socket,
    listener: Listener,
    usage: Arc<Usage>,
    notices: Arc<Notices>,
    serve: impl Fn(Stream) -> S,
) where
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    let name = match socket {
        Socket::Agent => "agent",
        Socket::Control => "control",
    };
    loop {
        match listener.accept().await {
            Ok(stream) if socket.admits(&stream) => {
                let served = serve(stream);
                let counted = Counted::new(&usage);
                tokio::spawn(async move {
                    let _counted = counted;
                    if let Err(error) = served.await {
                        tracing::debug!("{name} connection: {error}");
                    }
                });
            }
            Ok(_) => notices.warn(&format!("{name} connection of another user refused")),
            // out of file descriptors, most likely: let others finish first
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

impl Socket {
    /// Returns what a socket of this file name is for.
    pub fn named(path: &Path) -> Self {
        match path.file_name().is_some_and(|name| name == CONTROL) {
            true => Self::Control,
            false => Self::Agent,
        }
    }

    fn admits(self, stream: &Stream) -> bool {
        let Ok(Some(uid)) = stream.peer_creds().map(|creds| creds.euid()) else {
            return false;
        };
        uid == rustix::process::geteuid().as_raw() || (self == Self::Agent && uid == 0)
    }
}

impl Usage {
    /// Follows the number of connections.
    pub fn subscribe(&self) -> watch::Receiver<InUse> {
        self.0.subscribe()
    }

    /// Counts as if the last connection ended now.
    pub fn count_from_now(&self) {
        self.0.send_modify(|now| now.last = Instant::now());
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self(watch::Sender::new(InUse {
            connections: 0,
            last: Instant::now() + FIRST,
        }))
    }
}

impl Counted {
    pub fn new(usage: &Arc<Usage>) -> Self {
        usage.0.send_modify(|now| now.connections += 1);
        Self(usage.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.send_modify(|now| {
            now.connections -= 1;
            now.last = Instant::now();
        });
    }
}

#[cfg(test)]
mod tests;
