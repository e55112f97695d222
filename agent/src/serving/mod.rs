//! Answering ssh: the agent protocol (RFC 9987) on the agent socket.

mod destination;
mod frame;
pub mod hosts;
mod list;
mod session;
mod sign;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::traits::tokio::Listener as _;

use crate::held::Held;
use crate::sockets::{Admit, admits};
use hosts::KnownHosts;
use session::Session;

/// Connections at once; more wait in the socket's queue.
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
    let places = Arc::new(tokio::sync::Semaphore::new(MAX_SESSIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok(stream) if admits(Admit::UserAndRoot, &stream) => {
                let mut session = Session::new(serving.clone());
                tokio::spawn(async move {
                    if let Err(error) = session.serve(stream).await {
                        tracing::debug!("agent connection: {error}");
                    }
                    drop(place);
                });
            }
            Ok(_) => tracing::warn!("agent connection of another user refused"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
