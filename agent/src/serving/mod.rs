//! Answering ssh: the agent protocol (RFC 9987) on the agent socket.

mod announced;
mod connections;
mod destination;
mod forges;
mod frame;
mod host_key;
pub mod hosts;
mod list;
mod patterns;
mod session;
mod sign;
mod signature;
pub mod source;
pub mod usage;

#[cfg(test)]
mod made;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::local_socket::traits::tokio::Listener as _;

use opkssh_protocol::control::Connecting;

use crate::daemon::sockets::{Admit, admits};
use crate::notices::Notices;
use announced::Announced;
use connections::Connections;
use hosts::KnownHosts;
use session::Session;
use source::{IdentitySource, PasswordLock};
use usage::Usage;

/// Connections at once, on all sockets.
const MAX_CONNECTIONS: usize = 256;
/// How long a list request waits for a renewal. sshd's LoginGraceTime is running.
const RENEW_TIMEOUT: Duration = Duration::from_secs(30);
/// How long ssh waits in all where a person is asked to log in.
pub const PERSON_TIMEOUT: Duration = Duration::from_secs(45);

/// What every session shares.
pub struct Serving {
    /// Of these sockets and of the control socket.
    pub usage: Arc<Usage>,
    source: Arc<dyn IdentitySource>,
    lock: Arc<dyn PasswordLock>,
    notices: Arc<Notices>,
    known_hosts: KnownHosts,
    announced: Announced,
    connections: Arc<Connections>,
}

impl Serving {
    pub fn new(
        source: Arc<dyn IdentitySource>,
        lock: Arc<dyn PasswordLock>,
        notices: Arc<Notices>,
        known_hosts_files: Vec<PathBuf>,
    ) -> Self {
        Self {
            usage: Arc::default(),
            source,
            lock,
            notices,
            known_hosts: KnownHosts::new(known_hosts_files),
            announced: Announced::default(),
            connections: Arc::new(Connections::new(MAX_CONNECTIONS)),
        }
    }

    /// Remembers what an ssh of this machine is about to connect to.
    pub fn announce(&self, connecting: Connecting) {
        self.announced.add(connecting);
    }
}

/// Accepts for as long as the daemon runs. Each connection is a session of its own.
pub async fn accept(listener: Listener, serving: Arc<Serving>) {
    loop {
        match listener.accept().await {
            Ok(stream) if admits(Admit::UserAndRoot, &stream) => {
                let (place, closed) = serving.connections.enter();
                let in_use = serving.usage.begin();
                let mut session = Session::new(serving.clone(), process_of(&stream));
                tokio::spawn(async move {
                    let _in_use = in_use;
                    tokio::select! {
                        served = session.serve(stream, &place) => {
                            if let Err(error) = served {
                                tracing::debug!("agent connection: {error}");
                            }
                        }
                        _ = closed => tracing::debug!("agent connection: made room for another"),
                    }
                });
            }
            Ok(_) => serving
                .notices
                .warn("agent connection of another user refused"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Returns the id of the process that connected.
fn process_of(stream: &Stream) -> Option<u32> {
    let pid = stream.peer_creds().ok()?.pid()?;
    u32::try_from(pid).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::made::FakeSource;
    use super::*;

    fn list(stream: &mut UnixStream) -> [u8; 9] {
        stream.write_all(b"\0\0\0\x01\x0b").unwrap();
        let mut answer = [0; 9];
        stream.read_exact(&mut answer).unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn three_hundred_idle_connections_lock_nobody_out() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent.sock");
        let source = Arc::new(FakeSource::default());
        let notices = Arc::default();
        let serving = Arc::new(Serving::new(source.clone(), source, notices, Vec::new()));
        let listener = crate::daemon::sockets::bind(&socket).unwrap();
        tokio::spawn(accept(listener, serving));
        let client = tokio::task::spawn_blocking(move || {
            let connect = || {
                let stream = UnixStream::connect(&socket).unwrap();
                // an answer takes this long only when there will be none
                let limit = Some(Duration::from_secs(60));
                stream.set_read_timeout(limit).unwrap();
                stream
            };
            let none = *b"\0\0\0\x05\x0c\0\0\0\0";
            let mut own = connect();
            assert_eq!(list(&mut own), none);
            let mut idle: Vec<_> = (0..300).map(|_| connect()).collect();
            assert_eq!(list(&mut connect()), none);
            assert_eq!(list(&mut own), none, "one that has asked keeps its place");
            // the first that only waited was closed for it
            assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
        });
        client.await.unwrap();
    }
}
