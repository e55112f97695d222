//! The built program against real parts: OpenSSH, a certified OpenID provider, a Secret Service,
//! and Go's opkssh. One target, so that it links once; one module per subject.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod agent;
mod beside_go;
mod client;
mod dice;
mod docs;
mod server;
mod setup;
mod structure;
mod uses;
