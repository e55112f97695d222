//! The real parts the end-to-end suites run against, each started in a
//! hermetic place of its own and gone when its value is dropped:
//!
//! * [`Home`]: a person's home with a cleared environment, and the program under test in it
//! * [`Provider`]: the certified OpenID provider from npm, over https with a throw-away CA
//! * [`Browser`]: a scripted browser that logs in there
//! * [`Sshd`], [`Etc`]: a private sshd, and the server's rules
//! * [`GoPeer`]: the Go opkssh
//! * [`SecretService`]: a keyring on a private D-Bus
//! * [`Desktop`]: shows notifications on a private D-Bus, with a person who clicks
//! * [`Logind`]: says when the screen is locked and the machine sleeps, on a private system bus
//! * [`FaultyProvider`]: what a well-behaved provider never does
//! * [`MintingProvider`]: one whose clock the test sets
//! * [`ProviderKey`]: signs whatever token a test makes up
//!
//! `scripts/test-parts` installs what they need. A part that is missing fails
//! the test that asks for it; only `OPKSSH_TEST_WITHOUT` leaves it out, see
//! [`left_out`].

#![forbid(unsafe_code)]
// This crate is test code: a part that does not come up is a failed test.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod browser;
mod bus;
mod certificates;
mod control;
mod desktop;
mod etc;
mod faulty_provider;
mod go_peer;
mod home;
mod logind;
mod minting_provider;
mod output;
mod parts;
mod program_file;
mod provider;
mod provider_key;
mod run;
mod secret_service;
mod sshd;
mod wait;

pub use browser::{Browser, BrowserMode, Opening};
pub use desktop::{Desktop, Notification};
pub use etc::Etc;
pub use faulty_provider::{Fault, FaultyProvider};
pub use go_peer::GoPeer;
pub use home::{Home, user_name};
pub use logind::{Logind, SystemBus};
pub use minting_provider::{MintingProvider, OnRefresh};
pub use output::Output;
pub use parts::{Part, client, left_out};
pub use program_file::write_program;
pub use provider::{Client, Provider, ProviderOptions, Seen};
pub use provider_key::ProviderKey;
pub use run::{Keyboard, Run, Running};
pub use rustix::process::Signal;
pub use secret_service::{Keyring, SecretService};
pub use sshd::{Sshd, Verifier, newer_sshd};
pub use wait::{free_port, wait_until};
