//! Answering ssh: the agent protocol (RFC 9987) on the agent socket.

mod account_view;
pub mod added;
pub mod announced;
mod certificate;
pub mod confirmation;
pub mod connections;
mod constraints;
mod destination;
mod expected;
mod forges;
pub mod frame;
mod host_key;
pub mod host_view;
pub mod hosts;
mod list;
mod message;
mod program_name;
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
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::StreamCommon as _;

use crate::audit::Audit;
use crate::notices::Notices;
use account_view::OneAccount;
use added::AddedKeys;
use announced::Announced;
use confirmation::Confirmations;
use connections::Connections;
use hosts::KnownHosts;
use hosts::host_names::HostNames;
use session::Session;
use source::{LoginSource, PasswordLock};
use upstream::{UpstreamConnection, Upstreams};

/// How long a list request waits for a renewal. sshd's LoginGraceTime is running.
const RENEW_TIMEOUT: Duration = Duration::from_secs(30);
/// How long ssh waits in all where a person is asked to log in.
pub const PERSON_TIMEOUT: Duration = Duration::from_secs(45);

/// What every session shares.
pub struct Serving {
    pub accounts: Arc<dyn LoginSource>,
    pub added: Arc<AddedKeys>,
    pub upstreams: Upstreams,
    pub lock: Arc<dyn PasswordLock>,
    pub confirmations: Arc<Confirmations>,
    pub notices: Arc<Notices>,
    pub known_hosts: Arc<KnownHosts>,
    pub host_names: Arc<HostNames>,
    pub audit: Arc<Audit>,
    /// What the ssh processes of this machine are about to connect to.
    pub announced: Arc<Announced>,
    pub connections: Arc<Connections>,
    /// True where keys cannot be added or removed, nor the agent locked or unlocked.
    pub is_read_only: bool,
}

impl Serving {
    /// Returns what serves this account alone, and lets nothing be changed.
    pub fn view(&self, account: String) -> Self {
        Self {
            accounts: Arc::new(OneAccount::new(self.accounts.clone(), account)),
            added: Arc::new(AddedKeys::new(None)),
            is_read_only: true,
            upstreams: Upstreams::none(self.notices.clone()),
            lock: self.lock.clone(),
            confirmations: self.confirmations.clone(),
            notices: self.notices.clone(),
            known_hosts: self.known_hosts.clone(),
            host_names: self.host_names.clone(),
            audit: self.audit.clone(),
            announced: self.announced.clone(),
            connections: self.connections.clone(),
        }
    }

    /// Returns a connection to each upstream agent for one from this process, not opened yet.
    fn connect_upstreams(&self, process: Option<u32>) -> Vec<UpstreamConnection> {
        let told = process.and_then(|pid| self.announced.of(pid).upstream);
        self.upstreams.connect(told)
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
