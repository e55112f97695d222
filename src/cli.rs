//! Parses the command line.

use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::report::CommandFailure;

/// Log in over SSH with an OpenID Connect identity
#[derive(Parser)]
#[command(
    name = "opkssh",
    disable_version_flag = true,
    disable_help_subcommand = false
)]
struct Cli {
    /// Print the version
    #[arg(short = 'v', long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands, in alphabetical order as in the help.
#[derive(Subcommand)]
pub enum Command {
    /// Let an identity log in to a local account of this server
    #[cfg(feature = "server")]
    Add(opkssh_server::AddArgs),
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
    /// Renew an account or log in; exit status 0 if usable, else 1
    #[cfg(feature = "client")]
    Ensure(opkssh_client::EnsureArgs),
    /// Explain whether a certificate would be accepted
    #[cfg(feature = "server")]
    Explain(opkssh_server::ExplainArgs),
    /// Show a certificate or public key
    Inspect(InspectArgs),
    /// Log in with an OpenID provider
    #[cfg(feature = "client")]
    Login(Box<opkssh_client::LoginArgs>),
    /// Log out: revoke and wipe
    #[cfg(feature = "client")]
    Logout(opkssh_client::LogoutArgs),
    /// Check and fix the modes and owners of the server's files
    #[cfg(feature = "server")]
    Permissions(opkssh_server::PermissionsArgs),
    /// Print the policy file in a user's home, for verify
    #[cfg(feature = "server")]
    Readhome(opkssh_server::ReadhomeArgs),
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
    /// Help that was requested, or shown because there is no command.
    #[command(skip)]
    Help(String),
    /// `--version` or `-v`.
    #[command(skip)]
    Version,
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
    Show(opkssh_server::ServerDirs),
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum AgentCommand {
    /// Open a browser, for the agent
    #[command(hide = true)]
    Browse { url: String },
    /// Print the variables for a shell without starting the agent
    Env(opkssh_client::EnvArgs),
    /// Let systemd start the agent on the first connection
    Install(opkssh_client::AgentInstallArgs),
    /// Start the agent, for the other commands
    #[command(hide = true)]
    Launch(opkssh_client::AgentSettings),
    /// Lock the agent with a password until it is unlocked
    Lock,
    /// Restart the agent; accounts stay in the store
    Restart(opkssh_client::RestartArgs),
    /// Run the agent in the foreground
    Run(crate::agent_run::AgentRunArgs),
    /// Start the agent and print the variables for a shell
    Start(opkssh_client::StartArgs),
    /// Stop the agent; accounts stay in the store
    Stop,
    /// Undo install
    Uninstall(opkssh_client::AgentUninstallArgs),
    /// Unlock the agent or the encrypted file store
    Unlock,
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

#[derive(Args)]
pub struct InspectArgs {
    /// A file, or a line of authorized_keys
    #[arg(value_name = "FILE|KEY")]
    pub key: OsString,
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
    account: Option<String>,
    #[arg(
        value_name = "SSH_ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<OsString>,
}

/// Parses the command line.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Command, CommandFailure> {
    let words: Vec<OsString> = words.collect();
    #[cfg(feature = "client")]
    if words.get(1).is_some_and(|word| word == "ssh") {
        return Ok(match words.get(2).filter(|word| *word == "--help") {
            Some(_) => Command::Help(help_of(&["ssh"])),
            None => Command::Ssh(SshHelp {
                account: None,
                words: words[2..].to_vec(),
            }),
        });
    }
    if let Some(command) = parse_single(&words) {
        return Ok(command);
    }
    let parsed = flags_take_values(Cli::command())
        .try_get_matches_from(&words)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    match parsed {
        Ok(Cli { version: true, .. }) => Ok(Command::Version),
        Ok(cli) => Ok(cli.command.unwrap_or_else(|| Command::Help(help_of(&[])))),
        Err(error) => not_parsed(&error),
    }
}

/// Parses `agent run` and `verify` without the arguments of the other commands, which would stay in
/// the agent's memory and take a fifth of the time of a `verify`. Returns `None` on any error,
/// which the full parser reports.
fn parse_single(words: &[OsString]) -> Option<Command> {
    match (words.get(1)?.to_str()?, words.get(2)?.to_str()?) {
        #[cfg(feature = "client")]
        ("agent", "run") => Some(Command::Agent {
            command: AgentCommand::Run(parse_args(&words[2..])?),
        }),
        #[cfg(feature = "server")]
        ("verify", _) => Some(Command::Verify(parse_args(&words[1..])?)),
        _ => None,
    }
}

fn parse_args<A: Args>(words: &[OsString]) -> Option<A> {
    let command = flags_take_values(A::augment_args(clap::Command::new("single")));
    let matches = command.try_get_matches_from(words).ok()?;
    A::from_arg_matches(&matches).ok()
}

/// Makes boolean flags accept `--flag=true` and `--flag=false`, as Go's do.
fn flags_take_values(command: clap::Command) -> clap::Command {
    let takes_value = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_parser(BoolishValueParser::new())
            .value_name("BOOL")
            .hide_possible_values(true)
            .hide_default_value(true),
        _ => arg,
    };
    command
        .mut_args(takes_value)
        .mut_subcommands(flags_take_values)
}

/// Returns the help of the command with this path of names.
pub fn help_of(path: &[&str]) -> String {
    let mut found = Cli::command();
    found.build();
    for name in path {
        let Some(next) = found.find_subcommand(name).cloned() else {
            break;
        };
        found = next;
    }
    found.render_help().to_string()
}

/// Returns the help that was requested, or clap's error in the words of Go's client.
fn not_parsed(error: &clap::Error) -> Result<Command, CommandFailure> {
    use clap::error::{ContextKind, ContextValue};
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let mut hint = None;
    let message = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Ok(Command::Help(error.render().to_string()));
        }
        ErrorKind::InvalidSubcommand => {
            hint = Some("Run 'opkssh --help' for usage.".to_owned());
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("unknown command {word:?} for \"opkssh\"")
        }
        ErrorKind::UnknownArgument => {
            let word = context(ContextKind::InvalidArg).unwrap_or_default();
            let mut letters = word.chars();
            match (letters.next(), letters.next()) {
                (Some('-'), Some('-')) => format!("unknown flag: {word}"),
                (Some('-'), Some(letter)) => {
                    format!("unknown shorthand flag: '{letter}' in {word}")
                }
                _ => format!("too many arguments: {word:?} is one too many"),
            }
        }
        _ => {
            let text = error.to_string();
            let first = text.split("\n\n").next().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            line.trim_start_matches("error: ").to_owned()
        }
    };
    Err(CommandFailure::new(message, hint))
}

#[cfg(test)]
mod tests;
