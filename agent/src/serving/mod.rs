//! Answering ssh: the agent protocol (RFC 9987) on the agent socket.

mod destination;
mod frame;
pub mod hosts;
mod list;
mod session;
mod sign;
mod wire;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::traits::tokio::Listener as _;
use tokio::task::AbortHandle;

use crate::held::Held;
use crate::sockets::{Admit, admits};
use hosts::KnownHosts;
use session::Session;

/// Connections at once.
const MAX_SESSIONS: usize = 256;

/// What every session shares.
pub struct Serving {
    held: Arc<Held>,
    known_hosts: KnownHosts,
}

impl Serving {
    pub fn new(held: Arc<Held>, known_hosts_files: Vec<PathBuf>) -> Self {
        Self {
            held,
            known_hosts: KnownHosts::new(known_hosts_files),
        }
    }
}

/// Accepts for as long as the daemon runs. Each connection is a session of its own.
pub async fn accept(listener: Listener, serving: Arc<Serving>) {
    let mut sessions = Sessions::default();
    loop {
        match listener.accept().await {
            Ok(stream) if admits(Admit::UserAndRoot, &stream) => {
                let answering = Arc::new(AtomicBool::new(false));
                let mut session = Session::new(serving.clone(), answering.clone());
                let task = tokio::spawn(async move {
                    if let Err(error) = session.serve(stream).await {
                        tracing::debug!("agent connection: {error}");
                    }
                });
                sessions.add(Served {
                    task: task.abort_handle(),
                    answering,
                });
            }
            Ok(_) => tracing::warn!("agent connection of another user refused"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The connections being served, oldest first.
#[derive(Default)]
struct Sessions(VecDeque<Served>);

struct Served {
    task: AbortHandle,
    /// Not while it waits for its client.
    answering: Arc<AtomicBool>,
}

impl Sessions {
    /// Of too many, the oldest that waits for its client is closed: nobody keeps others out by
    /// opening many and staying, not even from a machine that the agent is forwarded to.
    fn add(&mut self, served: Served) {
        self.0.retain(|known| !known.task.is_finished());
        if self.0.len() >= MAX_SESSIONS {
            let idle = |known: &Served| !known.answering.load(Ordering::Relaxed);
            let oldest = self.0.iter().position(idle).unwrap_or(0);
            if let Some(known) = self.0.remove(oldest) {
                known.task.abort();
            }
        }
        self.0.push_back(served);
    }
}
