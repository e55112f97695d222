//! The client configuration: Go's `~/.opk/config.yml` with additional keys.

mod agent_section;
mod built_in;
mod choose;
mod class;
mod client_config;
mod error;
mod expiration;
mod forwarding;
mod hosts;
mod lock_on;
mod on_demand;
mod provider;
mod provider_string;
mod public_forges;
mod transport;
mod unknown_keys;

pub use agent_section::{AccountOverrides, AgentSection};
pub use built_in::default_file;
pub use choose::{Choice, Wanted, choose, unknown_issuer_warning};
pub use class::ProviderClass;
pub use client_config::ClientConfig;
pub use error::ConfigError;
pub use forwarding::{Forwarding, UnknownForwarding};
pub use lock_on::LockOn;
pub use on_demand::{OnDemand, UnknownOnDemand};
pub use provider::{DEFAULT_REDIRECT_URIS, Provider};
pub use provider_string::{parse_provider_argument, parse_providers_environment};
pub use public_forges::known_public_forges;
pub use transport::{is_https_or_loopback, is_loopback};
pub use unknown_keys::suggestion;
