//! The commands against a daemon that answers as it is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[path = "../fake_daemon/mod.rs"]
mod fake_daemon;

mod agent;
mod configuration;
mod login;
mod logout;
mod status;

use opkssh_client::ClientError;

const CONFIG: &str = "default_provider: work\nproviders:\n  \
    - {alias: work w, issuer: 'https://id.example.com', client_id: client-1}\n  \
    - {alias: home, issuer: 'https://home.example.com', client_id: client-2}\n";

fn shown<T>(write: impl FnOnce(&mut Vec<u8>) -> Result<T, ClientError>) -> String {
    let mut out = Vec::new();
    assert!(write(&mut out).is_ok());
    String::from_utf8(out).unwrap()
}
