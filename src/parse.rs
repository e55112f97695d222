//! Parses the command line, and renders help and usage errors.

use std::ffi::OsString;

use clap::builder::{BoolishValueParser, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches};

#[cfg(feature = "client")]
use crate::cli::{AgentCommand, SshHelp};
use crate::cli::{Cli, Command};
use crate::report::CommandFailure;

/// Examples of every command: a line with the command's path, then its examples, indented.
const EXAMPLES: &str = include_str!("examples.txt");

/// Parses the command line.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Command, CommandFailure> {
    let words: Vec<OsString> = words.collect();
    match words.get(1).and_then(|word| word.to_str()) {
        #[cfg(feature = "client")]
        Some("ssh") => {
            return Ok(match words.get(2).filter(|word| *word == "--help") {
                Some(_) => Command::Help(help_of(&["ssh"])),
                None => Command::Ssh(SshHelp {
                    account: None,
                    words: words[2..].to_vec(),
                }),
            });
        }
        Some("complete-words") => return Ok(Command::CompleteWords(words[2..].to_vec())),
        _ => {}
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
        Err(error) if is_help(&error) => Ok(Command::Help(help_of(&path(&words)))),
        Err(error) => Err(not_parsed(&error, &words).with_status(misuse_status(words.get(1)))),
    }
}

/// Commands of Go's program, and the exit status 1 of a command line that it does not understand.
const GOS: [&str; 10] = [
    "add",
    "audit",
    "client",
    "help",
    "inspect",
    "login",
    "logout",
    "permissions",
    "readhome",
    "verify",
];

/// Returns the exit status of a command line that cannot be parsed: 1 as Go's program, 2 for a
/// command that only this program has.
fn misuse_status(name: Option<&OsString>) -> u8 {
    let has = |name: &&str| Cli::command().find_subcommand(name).is_some();
    let name = name.and_then(|name| name.to_str()).filter(has);
    if name.is_some_and(|name| !GOS.contains(&name)) {
        2
    } else {
        1
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

/// Returns the commands as help, manual pages and completions show them: flags without the value
/// that they accept for Go's sake.
pub fn commands() -> clap::Command {
    flags_take_no_values(Cli::command())
}

fn flags_take_no_values(command: clap::Command) -> clap::Command {
    let takes_none = |arg: Arg| match arg.is_require_equals_set() {
        true => arg
            .action(ArgAction::SetTrue)
            .num_args(0)
            .require_equals(false)
            .hide_possible_values(false)
            .value_name(Resettable::Reset),
        false => arg,
    };
    command
        .mut_args(takes_none)
        .mut_subcommands(flags_take_no_values)
}

/// Returns the examples of the command with this path, e.g. `opkssh agent`, indented.
pub fn examples(path: &str) -> String {
    let lines = EXAMPLES.lines().skip_while(|line| *line != path).skip(1);
    let lines = lines.take_while(|line| line.starts_with(' '));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Returns the help of the command with this path of names.
pub fn help_of(path: &[&str]) -> String {
    let mut found = commands();
    found.build();
    for name in path {
        let Some(next) = found.find_subcommand(name).cloned() else {
            break;
        };
        found = next;
    }
    let notes = found.get_after_help().map(|notes| format!("{notes}\n\n"));
    let examples = examples(found.get_bin_name().unwrap_or("opkssh"));
    let after = format!("{}Examples:\n{examples}", notes.unwrap_or_default());
    found.after_help(after).render_help().to_string()
}

fn is_help(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// Returns the names of the command that the words are for, as far as it exists. `help agent` is
/// for `agent`.
fn path(words: &[OsString]) -> Vec<&str> {
    let mut command = Cli::command();
    let mut path = Vec::new();
    for word in words[1..].iter().filter_map(|word| word.to_str()) {
        if word == "help" || word.starts_with('-') {
            continue;
        }
        let Some(next) = command.find_subcommand(word).cloned() else {
            break;
        };
        command = next;
        path.push(word);
    }
    path
}

/// Returns clap's error in the words of Go's client.
fn not_parsed(error: &clap::Error, words: &[OsString]) -> CommandFailure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        // the last one is the most similar
        Some(ContextValue::Strings(texts)) => texts.last().map(String::as_str),
        _ => None,
    };
    let command = [&["opkssh"], &path(words)[..]].concat().join(" ");
    let mut meant = None;
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            let suggested = context(ContextKind::SuggestedSubcommand);
            // a command of its own, such as `status` for `agent status`
            meant = match Cli::command().find_subcommand(word) {
                Some(_) => Some(format!("opkssh {word}")),
                None => suggested.map(|name| format!("{command} {name}")),
            };
            format!("unknown command {word:?} for {command:?}")
        }
        ErrorKind::UnknownArgument => {
            let word = context(ContextKind::InvalidArg).unwrap_or_default();
            meant = context(ContextKind::SuggestedArg).map(|flag| format!("{command} {flag}"));
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
            let text = error.to_string().replace("[=<BOOL>]", "");
            let first = text.split("\n\n").next().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            line.trim_start_matches("error: ").to_owned()
        }
    };
    let meant = meant.map(|meant| format!("did you mean '{meant}'? "));
    let hint = format!(
        "{}run '{command} --help' for usage",
        meant.unwrap_or_default()
    );
    CommandFailure::new(message, Some(hint))
}

#[cfg(test)]
mod tests;
