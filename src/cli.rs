//! The table of commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// Log in over SSH with an OpenID Connect identity
#[derive(Parser)]
#[command(
    name = "opkssh",
    disable_version_flag = true,
    disable_help_subcommand = false
)]
pub struct Cli {
    /// Print the version
    #[arg(short = 'v', long)]
    pub version: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands, in alphabetical order as in the help.
#[derive(Subcommand)]
pub enum Command {
    /// Let an identity log in to a local account of this server
    #[cfg(feature = "server")]
    Add(opkssh_server::RowArgs),
    /// Start, stop or run the agent
    #[cfg(feature = "client")]
    #[command(subcommand_required = false, arg_required_else_help = true)]
    Agent {
        #[command(subcommand)]
        command: AgentCommand,
    },
    /// Check this server's files for errors
    #[cfg(feature = "server")]
    Audit(opkssh_server::AuditArgs),
    /// Report whether an account is usable (exit status 0) or not (1)
    #[cfg(feature = "client")]
    Check(opkssh_client::CheckArgs),
    /// Show the client configuration
    #[cfg(feature = "client")]
    Client {
        #[command(subcommand)]
        command: Option<ClientCommand>,
    },
    /// Print the completion script of a shell
    Completions {
        /// Shell that reads the script
        shell: Shell,
    },
    /// Show or choose the default account
    #[cfg(feature = "client")]
    Default(opkssh_client::DefaultArgs),
    /// Renew an account or log in; exit status 0 if usable, else 1
    #[cfg(feature = "client")]
    Ensure(opkssh_client::EnsureArgs),
    /// Explain whether a certificate would be accepted
    #[cfg(feature = "server")]
    Explain(opkssh_server::ExplainArgs),
    /// Show a certificate or public key
    Inspect(InspectArgs),
    /// List who may log in to this server as whom
    #[cfg(feature = "server")]
    List(opkssh_server::ListArgs),
    /// Show what the agent signed, refused, asked and renewed
    #[cfg(feature = "client")]
    Log(opkssh_client::LogArgs),
    /// Log in with an OpenID provider
    #[cfg(feature = "client")]
    Login(Box<opkssh_client::LoginArgs>),
    /// Log out: revoke and wipe
    #[cfg(feature = "client")]
    Logout(opkssh_client::LogoutArgs),
    /// Write the manual pages into a directory
    Man {
        /// Directory for man1, man5 and man8, e.g. /usr/local/share/man
        dir: PathBuf,
    },
    /// Check and fix the modes and owners of the server's files
    #[cfg(feature = "server")]
    Permissions(opkssh_server::PermissionsArgs),
    /// Print the policy file in a user's home, for verify
    #[cfg(feature = "server")]
    Readhome(opkssh_server::ReadhomeArgs),
    /// Remove what add added
    #[cfg(feature = "server")]
    Remove(opkssh_server::RowArgs),
    /// Run a command with an agent of its own
    #[cfg(feature = "client")]
    Run(opkssh_wrapper::RunCommandArgs),
    /// Set up and manage this server
    #[cfg(feature = "server")]
    #[command(subcommand_required = false, arg_required_else_help = true)]
    Server {
        #[command(subcommand)]
        command: ServerCommand,
    },
    /// Run ssh, logging in first if needed
    #[cfg(feature = "client")]
    Ssh(SshHelp),
    /// Show agent, accounts and how they renew
    #[cfg(feature = "client")]
    Status(opkssh_client::StatusArgs),
    /// Verify a certificate, as sshd's AuthorizedKeysCommand
    #[cfg(feature = "server")]
    Verify(opkssh_server::VerifyArgs),
    /// Print the version
    Version,
    /// Help that was requested, or shown because there is no command.
    #[command(skip)]
    Help(String),
    /// A question of a completion script: the words up to the cursor.
    #[command(skip)]
    CompleteWords(Vec<OsString>),
}

#[cfg(feature = "server")]
#[derive(Subcommand)]
pub enum ServerCommand {
    /// Manage the cached keys of the providers
    #[command(subcommand_required = false, arg_required_else_help = true)]
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Check that verify can use its files, as its account
    Check(opkssh_server::ServerCheckArgs),
    /// Set up this server: account, files, key cache, timer, sshd drop-in
    Install(opkssh_server::InstallArgs),
    /// Revoke a subject, a key or a certificate
    Revoke(opkssh_server::RevokeArgs),
    /// Undo install; keep rules and log
    Uninstall(opkssh_server::UninstallArgs),
}

#[cfg(feature = "server")]
#[derive(Subcommand)]
pub enum CacheCommand {
    /// Delete cached keys; the next login fetches them
    Clear {
        #[command(flatten)]
        dirs: opkssh_server::ServerDirs,
        /// Delete the keys of this issuer only
        issuer: Option<String>,
    },
    /// Fetch the keys of every provider now
    Refresh(opkssh_server::ServerDirs),
    /// Show the age of cached keys and the last errors
    Show(opkssh_server::CacheShowArgs),
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum AgentCommand {
    /// Open a browser, for the agent
    #[command(hide = true)]
    Browse { url: String },
    /// Ask again before accounts are used through a jump host
    Distrust(opkssh_client::DistrustArgs),
    /// Print the variables for a shell without starting the agent
    Env(opkssh_client::EnvArgs),
    /// Let systemd start the agent on the first connection
    Install(opkssh_client::AgentInstallArgs),
    /// Start the agent, for the other commands
    #[command(hide = true)]
    Launch(opkssh_client::AgentSettings),
    /// Lock the agent with a password until it is unlocked
    Lock(opkssh_client::LockArgs),
    /// Restart the agent; stored accounts come back
    Restart(opkssh_client::RestartArgs),
    /// Run the agent in the foreground
    Run(crate::agent_run::AgentRunArgs),
    /// Start the agent and print the variables for a shell
    Start(opkssh_client::StartArgs),
    /// Stop the agent; stored accounts come back when it starts
    Stop(opkssh_client::StopArgs),
    /// Undo install
    Uninstall(opkssh_client::AgentUninstallArgs),
    /// Unlock the agent or the encrypted file store
    Unlock(opkssh_client::LockArgs),
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum ClientCommand {
    /// Show the providers of the client configuration
    Provider {
        #[command(subcommand)]
        command: Option<ProviderCommand>,
    },
    #[command(external_subcommand)]
    #[expect(dead_code, reason = "any other word shows the group's help")]
    Unknown(Vec<OsString>),
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum ProviderCommand {
    /// List aliases and issuers
    List(opkssh_client::ProviderListArgs),
    #[command(external_subcommand)]
    #[expect(dead_code, reason = "any other word shows the group's help")]
    Unknown(Vec<OsString>),
}

/// A shell with completions.
#[derive(Clone, Copy, ValueEnum)]
pub enum Shell {
    Bash,
    Fish,
    Zsh,
}

#[derive(Args)]
pub struct InspectArgs {
    /// A file, - for stdin, or a line of authorized_keys
    #[arg(value_name = "FILE|KEY", value_hint = ValueHint::FilePath)]
    pub key: OsString,
    /// Print JSON; times are seconds since 1970-01-01T00:00:00Z
    #[arg(long)]
    pub json: bool,
}

/// The help of `opkssh ssh`, whose arguments clap does not parse.
#[cfg(feature = "client")]
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Everything but a leading --account goes to ssh unchanged, see ssh(1)."
)]
pub struct SshHelp {
    /// Account, by its alias [default: the account whose `hosts:` match]
    #[arg(long, value_name = "ALIAS")]
    pub account: Option<String>,
    #[arg(
        value_name = "SSH_ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<OsString>,
}
