//! The command table.

use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

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

/// In alphabetical order, as the help shows them.
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
    /// Check this server's files for what would not work
    #[cfg(feature = "server")]
    Audit(opkssh_server::AuditArgs),
    /// Can I log in over SSH, and for how long? Exit status 0: yes, 1: no
    #[cfg(feature = "client")]
    Check(opkssh_client::CheckArgs),
    /// Look at the client configuration
    #[cfg(feature = "client")]
    Client {
        #[command(subcommand)]
        command: Option<ClientCommand>,
    },
    /// Make an account usable: renew it, or log in. Exit status 0: it is, 1: it is not
    #[cfg(feature = "client")]
    Ensure(opkssh_client::EnsureArgs),
    /// Would this certificate be let in here, and why (not)?
    #[cfg(feature = "server")]
    Explain(opkssh_server::ExplainArgs),
    /// Show a certificate or public key
    Inspect(InspectArgs),
    /// Log in at an OpenID provider
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
    /// What an admin does on a server
    #[cfg(feature = "server")]
    #[command(subcommand_required = false, arg_required_else_help = true)]
    Server {
        #[command(subcommand)]
        command: ServerCommand,
    },
    /// Run ssh, logging in first if that is needed
    #[cfg(feature = "client")]
    Ssh(SshHelp),
    /// Show agent, accounts and how they renew
    #[cfg(feature = "client")]
    Status(opkssh_client::StatusArgs),
    /// Decide whether a certificate may log in, for sshd's AuthorizedKeysCommand
    #[cfg(feature = "server")]
    Verify(opkssh_server::VerifyArgs),
    /// The program's version
    #[command(skip)]
    Version,
}

#[cfg(feature = "server")]
#[derive(Subcommand)]
pub enum ServerCommand {
    /// The providers' keys that are kept on this server
    #[command(subcommand_required = false, arg_required_else_help = true)]
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Check that verify can use its files, as its account
    Check(opkssh_server::ServerCheckArgs),
    /// Set up this server: account, files, key cache, timer, sshd drop-in
    Install(opkssh_server::InstallArgs),
    /// Refuse a subject, a key or a certificate from now on
    Revoke(opkssh_server::RevokeArgs),
    /// Undo install; keep rules and log
    Uninstall(opkssh_server::UninstallArgs),
}

#[cfg(feature = "server")]
#[derive(Subcommand)]
pub enum CacheCommand {
    /// Forget them; the next login asks again
    Clear {
        #[command(flatten)]
        dirs: opkssh_server::ServerDirs,
        /// Of this issuer only
        issuer: Option<String>,
    },
    /// Ask every provider now
    Refresh(opkssh_server::ServerDirs),
    /// How old they are, and what went wrong last
    Show(opkssh_server::ServerDirs),
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum AgentCommand {
    /// How the agent opens a browser
    #[command(hide = true)]
    Browse { url: String },
    /// Print the variables for a shell, starting nothing
    Env(opkssh_client::EnvArgs),
    /// Let systemd listen for the agent and start it when it is asked for the first time
    Install(opkssh_client::UnitArgs),
    /// How the other commands start the agent
    #[command(hide = true)]
    Launch(opkssh_client::AgentSettings),
    /// Lock the agent with a password: it shows, signs and renews nothing until it is unlocked
    Lock,
    /// Stop the agent and start it again; accounts come back from the store
    Restart(opkssh_client::RestartArgs),
    /// Run the agent in the foreground
    Run(opkssh_agent::RunArgs),
    /// Start the agent in the background and print the variables for a shell
    Start(opkssh_client::StartArgs),
    /// Stop the agent; accounts stay in the store
    Stop,
    /// Undo install
    Uninstall(opkssh_client::InstallArgs),
    /// Unlock the agent, what was put away with the screen, or the encrypted file store
    Unlock,
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum ClientCommand {
    /// The providers of the client configuration
    Provider {
        #[command(subcommand)]
        command: Option<ProviderCommand>,
    },
    #[command(external_subcommand)]
    #[expect(dead_code, reason = "whatever the word, the group's help is shown")]
    Unknown(Vec<OsString>),
}

#[cfg(feature = "client")]
#[derive(Subcommand)]
pub enum ProviderCommand {
    /// List aliases and issuers
    List(opkssh_client::ProviderListArgs),
    #[command(external_subcommand)]
    #[expect(dead_code, reason = "whatever the word, the group's help is shown")]
    Unknown(Vec<OsString>),
}

#[derive(Args)]
pub struct InspectArgs {
    /// A file, or a line as in authorized_keys
    #[arg(value_name = "FILE|KEY")]
    pub key: OsString,
}

/// What the help says; the words themselves never pass through a parser of ours.
#[cfg(feature = "client")]
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Everything but a leading --account goes to ssh unchanged, see ssh(1)."
)]
pub struct SshHelp {
    /// Log in with this account, by its alias [default: the one whose `hosts:` match]
    #[arg(long, value_name = "ALIAS")]
    account: Option<String>,
    #[arg(
        value_name = "SSH_ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<OsString>,
}

/// Why there is nothing to run.
pub enum Stop {
    /// The person asked for help, or typed no command.
    Help(String),
    Usage {
        message: String,
        hint: Option<String>,
    },
}

/// Reads the command line.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Command, Stop> {
    let words: Vec<OsString> = words.collect();
    #[cfg(feature = "client")]
    if words.get(1).is_some_and(|word| word == "ssh") {
        return match words.get(2).filter(|word| *word == "--help") {
            Some(_) => Err(Stop::Help(help_of(&["ssh"]))),
            None => Ok(Command::Ssh(SshHelp {
                account: None,
                words: words[2..].to_vec(),
            })),
        };
    }
    if let Some(command) = alone(&words) {
        return Ok(command);
    }
    let parsed = flags_take_values(Cli::command())
        .try_get_matches_from(&words)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    match parsed {
        Ok(Cli { version: true, .. }) => Ok(Command::Version),
        Ok(Cli {
            command: Some(command),
            ..
        }) => Ok(command),
        Ok(Cli { command: None, .. }) => Err(Stop::Help(help_of(&[]))),
        Err(error) => Err(stop(&error)),
    }
}

/// Two commands without the other commands' arguments. What it takes to build those would stay in
/// the agent's memory, and is a fifth of a `verify`. `None` for what is not understood: then the
/// whole table says why.
fn alone(words: &[OsString]) -> Option<Command> {
    match (words.get(1)?.to_str()?, words.get(2)?.to_str()?) {
        #[cfg(feature = "client")]
        ("agent", "run") => Some(Command::Agent {
            command: AgentCommand::Run(args_alone(&words[2..])?),
        }),
        #[cfg(feature = "server")]
        ("verify", _) => Some(Command::Verify(args_alone(&words[1..])?)),
        _ => None,
    }
}

fn args_alone<A: Args>(words: &[OsString]) -> Option<A> {
    let command = flags_take_values(A::augment_args(clap::Command::new("alone")));
    let matches = command.try_get_matches_from(words).ok()?;
    A::from_arg_matches(&matches).ok()
}

/// `--flag=true` and `--flag=false`, as Go's flags can be given; `--flag` is true.
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

/// The help of a command, by its path of names.
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

fn stop(error: &clap::Error) -> Stop {
    use clap::error::{ContextKind, ContextValue};
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let usage = |message| Stop::Usage {
        message,
        hint: None,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Stop::Help(error.render().to_string())
        }
        ErrorKind::InvalidSubcommand => Stop::Usage {
            message: format!(
                "unknown command {:?} for \"opkssh\"",
                context(ContextKind::InvalidSubcommand).unwrap_or_default()
            ),
            hint: Some("Run 'opkssh --help' for usage.".into()),
        },
        ErrorKind::UnknownArgument => match context(ContextKind::InvalidArg).unwrap_or_default() {
            word if word.starts_with("--") => usage(format!("unknown flag: {word}")),
            word => match word
                .strip_prefix('-')
                .and_then(|letters| letters.chars().next())
            {
                Some(letter) => usage(format!("unknown shorthand flag: '{letter}' in {word}")),
                None => usage(format!("too many arguments: {word:?} is one too many")),
            },
        },
        _ => {
            let text = error.to_string();
            let first = text.split("\n\n").next().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            usage(line.trim_start_matches("error: ").to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
