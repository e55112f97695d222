//! The client commands of `opkssh`, and their connection to the agent.
//!
//! Keys and tokens stay in the agent; passwords are only passed on. Every command is a function of
//! its arguments, [`Places`](opkssh_protocol::places::Places) and writers; only the program knows
//! stdout.

mod agent_commands;
mod agent_install;
mod agent_lock;
mod agent_restart;
mod agent_settings;
mod browse;
mod browser;
mod check;
mod configuration;
mod connecting;
mod connection;
mod create_config;
mod duration;
mod ensure;
mod ensure_running;
mod error;
mod frame;
mod held_certificate;
mod key_file;
mod launch;
mod login;
mod login_args;
mod login_display;
mod login_request;
mod logout;
mod password_prompt;
mod pasted;
mod provider_list;
mod qr;
mod shown;
mod ssh_include;
mod status;
mod systemctl;
mod written_keys;

pub use agent_commands::{EnvArgs, StartArgs, agent_env, agent_start, agent_stop};
pub use agent_install::{AgentInstallArgs, AgentUninstallArgs, agent_install, agent_uninstall};
pub use agent_lock::{agent_lock, agent_unlock};
pub use agent_restart::{RestartArgs, agent_restart};
pub use agent_settings::{AgentSettings, RunningSettings};
pub use browse::agent_browse;
pub use check::{CheckArgs, check};
pub use configuration::{Environment, load_config};
pub use connecting::announce;
pub use connection::Connection;
pub use create_config::{ConfigFile, create_config};
pub use duration::DurationArg;
pub use ensure::{EnsureArgs, EnsureOutcome, LoginMethod, ensure, make_usable};
pub use ensure_running::{Launcher, ensure_running, this_program};
pub use error::ClientError;
pub use held_certificate::HeldCertificate;
pub use launch::agent_launch;
pub use login::{login, show_certificate};
pub use login_args::LoginArgs;
pub use login_display::{LoginDisplay, RedirectInput};
pub use login_request::login_request;
pub use logout::{LogoutArgs, logout};
pub use pasted::{read_redirects, redirected};
pub use provider_list::{ProviderListArgs, provider_list};
pub use shown::login_command;
pub use ssh_include::{configure, is_configured};
pub use status::{StatusArgs, status};
