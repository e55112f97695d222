//! The client commands of `opkssh`, and their connection to the agent.
//!
//! Keys and tokens stay in the agent; passwords are only passed on. Every command is a function of
//! its arguments, [`Places`](opkssh_protocol::places::Places) and writers; only the program knows
//! stdout.

mod agent;
mod answer;
mod check;
mod configuration;
mod connection;
mod default_account;
mod duration;
mod ensure;
mod error;
#[cfg(test)]
#[path = "../tests/fake_daemon/mod.rs"]
mod fake_daemon;
mod format;
mod key_files;
mod log;
mod login;
mod logout;
mod names;
mod provider_list;
mod ssh_settings;
mod status;

pub use agent::distrust::{DistrustArgs, agent_distrust};
pub use agent::env::{EnvArgs, agent_env};
pub use agent::for_command::CommandSocket;
pub use agent::install::{AgentInstallArgs, AgentUninstallArgs, agent_install, agent_uninstall};
pub use agent::launch::agent_launch;
pub use agent::lock::{LockArgs, agent_lock, agent_unlock};
pub use agent::restart::{RestartArgs, agent_restart};
pub use agent::running::this_program;
pub use agent::settings::AgentSettings;
pub use agent::start::{StartArgs, agent_start};
pub use agent::stop::{StopArgs, agent_stop};
pub use answer::{AgentReply, Answer, LogoutReply, Reply};
pub use check::{CheckArgs, check};
pub use configuration::{Environment, load_config};
pub use connection::runtime_dir::check_length;
pub use connection::{Connection, announce};
pub use default_account::{DefaultArgs, default_account};
pub use duration::parse as parse_duration;
pub use ensure::{EnsureArgs, EnsureOutcome, LoginMethod, ensure, make_usable};
pub use error::ClientError;
pub use format::login_command;
pub use log::{LogArgs, log};
pub use login::args::LoginArgs;
pub use login::browser::agent_browse;
pub use login::configure::{configure, is_configured};
pub use login::create_config::{ConfigFile, create_config};
pub use login::display::{LoginDisplay, RedirectInput};
pub use login::redirect::{read_redirects, redirected};
pub use login::request::login_request;
pub use login::{login, show_certificate};
pub use logout::{LogoutArgs, logout};
pub use names::{account_names, host_names, provider_names};
pub use provider_list::{ProviderListArgs, provider_list};
pub use ssh_settings::SshSettings;
pub use status::host::{HostAnswer, status_of_host};
pub use status::{StatusArgs, status};
