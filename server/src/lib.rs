//! The server side of opkssh: `verify` for sshd's AuthorizedKeysCommand, and its admin commands.
//!
//! [`verify`] makes the decision and is pure. [`authorized_keys`] writes our lines for sshd;
//! `commands/verify/fallback.rs` passes on those of the fallback. `commands/` has a file or
//! directory per command, which reads files and sends requests around the decision. [`etc`] is the
//! table of files with fixed paths.

pub mod account;
mod admin_error;
pub mod arguments;
mod auth_id;
pub mod authorized_keys;
pub mod cidr;
pub mod config;
pub mod confine;
pub mod deadline;
pub mod decision;
pub mod etc;
pub mod fallback;
pub mod files;
pub mod home;
pub mod http;
pub mod install;
mod issuer;
pub mod key_source;
pub mod log;
pub mod monitor_messages;
pub mod permissions;
pub mod plugin;
pub mod policy;
pub mod process;
pub mod providers;
mod rewrite;
mod run_as;
pub mod settings;
mod slots;
mod strict_yaml;
pub mod table;
pub mod userinfo;
pub mod verify;
mod yaml_place;

mod commands;

pub use admin_error::AdminError;
pub use commands::*;
