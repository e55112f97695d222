//! Answering ssh: the agent protocol (RFC 9987) on the agent socket.

pub mod added;
mod announced;
mod certificate;
pub mod confirm;
mod connections;
mod constraints;
mod destination;
mod expected;
mod forges;
pub mod frame;
mod host_key;
pub mod hosts;
mod list;
mod message;
mod patterns;
mod refusal;
mod session;
pub mod sign;
mod signature;
pub mod source;
pub mod upstream;
mod userauth;

#[cfg(test)]
mod made;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::StreamCommon as _;

use crate::notices::Notices;
use added::AddedKeys;
use announced::Announced;
use confirm::Confirm;
use connections::Connections;
use hosts::KnownHosts;
use session::Session;
use source::{IdentitySource, PasswordLock};
use upstream::Upstreams;

/// Connections at once, on all sockets.
const MAX_CONNECTIONS: usize = 256;
/// How long a list request waits for a renewal. sshd's LoginGraceTime is running.
const RENEW_TIMEOUT: Duration = Duration::from_secs(30);
/// How long ssh waits in all where a person is asked to log in.
pub const PERSON_TIMEOUT: Duration = Duration::from_secs(45);

/// What every session shares.
pub struct Serving {
    /// What the ssh processes of this machine are about to connect to.
    pub announced: Announced,
    accounts: Arc<dyn IdentitySource>,
    added: Arc<AddedKeys>,
    upstreams: Upstreams,
    lock: Arc<dyn PasswordLock>,
    confirm: Arc<dyn Confirm>,
    notices: Arc<Notices>,
    known_hosts: KnownHosts,
    connections: Arc<Connections>,
}

impl Serving {
    pub fn new(
        accounts: Arc<dyn IdentitySource>,
        added: Arc<AddedKeys>,
        upstreams: Upstreams,
        lock: Arc<dyn PasswordLock>,
        confirm: Arc<dyn Confirm>,
        notices: Arc<Notices>,
        known_hosts_files: Vec<PathBuf>,
    ) -> Self {
        Self {
            announced: Announced::default(),
            accounts,
            added,
            upstreams,
            lock,
            confirm,
            notices,
            known_hosts: KnownHosts::new(known_hosts_files),
            connections: Arc::new(Connections::new(MAX_CONNECTIONS)),
        }
    }

    /// Returns where the identities of a new connection from this process come from.
    fn sources(&self, process: Option<u32>) -> Vec<Arc<dyn IdentitySource>> {
        let told = process.and_then(|pid| self.announced.of(pid).upstream);
        let upstreams = self.upstreams.connect(told, &self.notices).into_iter();
        let mut sources: Vec<Arc<dyn IdentitySource>> =
            vec![self.accounts.clone(), self.added.clone()];
        sources.extend(upstreams.map(|upstream| Arc::new(upstream) as Arc<dyn IdentitySource>));
        sources
    }

    /// Takes a new connection in, and answers it until it ends or has to make room for another.
    pub fn serve(self: Arc<Self>, stream: Stream) -> impl Future<Output = io::Result<()>> {
        let (place, closed) = self.connections.enter();
        let pid = stream.peer_creds().ok().and_then(|creds| creds.pid());
        let process = pid.and_then(|pid| u32::try_from(pid).ok());
        let mut session = Session::new(self, process);
        async move {
            tokio::select! {
                served = session.serve(stream, &place) => served,
                _ = closed => Err(io::Error::other("made room for another")),
            }
        }
    }
}

#[cfg(test)]
mod tests;
