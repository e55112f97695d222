//! The client configuration: Go's `~/.opk/config.yml` with additional keys.

mod built_in;
mod choose;
mod class;
mod client_config;
mod error;
mod extensions;
mod keys;
mod provider;
mod provider_string;
mod transport;

pub use built_in::default_file;
pub use choose::{Wanted, choose, unknown_issuer_warning};
pub use client_config::ClientConfig;
pub use error::ConfigError;
pub use extensions::{
    AccountOverrides, AgentSection, Forwarding, LockOn, OnDemand, known_public_forges,
};
pub use keys::suggestion;
pub use provider::Provider;
pub use provider_string::parse_provider_argument;
pub use transport::{is_https_or_loopback, is_loopback};
