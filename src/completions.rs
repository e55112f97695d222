//! `opkssh completions`, and the answers to the scripts that it prints.

use std::ffi::OsString;
use std::io::{self, Write};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};
#[cfg(feature = "client")]
use opkssh_client::{account_names, host_names, provider_names};
#[cfg(feature = "client")]
use opkssh_protocol::places::Places;

use crate::cli::Shell;
use crate::parse::commands;
#[cfg(feature = "client")]
use crate::places::places;

/// Returns the script that completes `opkssh` in `shell`. It asks `opkssh complete-words`.
pub fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("completions/opkssh.bash"),
        Shell::Fish => include_str!("completions/opkssh.fish"),
        Shell::Zsh => include_str!("completions/opkssh.zsh"),
    }
}

/// Prints a line per completion of the last of `words`, with its description after a tab. Prints
/// nothing if there is none.
pub fn complete_words(words: Vec<OsString>) {
    let Some(last) = words.len().checked_sub(1) else {
        return;
    };
    let mut command = complete_values(commands());
    let here = std::env::current_dir().ok();
    let is_empty = words[last].is_empty();
    let found = complete(&mut command, words, last, here.as_deref()).unwrap_or_default();
    let is_option =
        |found: &CompletionCandidate| found.get_value().to_string_lossy().starts_with('-');
    // options are offered after a hyphen, or if there is nothing else
    let hides_options = is_empty && !found.iter().all(is_option);
    let mut out = io::stdout().lock();
    for found in found
        .iter()
        .filter(|found| !hides_options || !is_option(found))
    {
        let value = found.get_value().to_string_lossy();
        let help = found.get_help().map(ToString::to_string);
        let help = help.as_deref().and_then(|help| help.lines().next());
        if !value.contains(char::is_control) {
            let _ = writeln!(out, "{value}\t{}", help.unwrap_or_default());
        }
    }
}

/// Has the values of the arguments of `command` completed.
fn complete_values(command: clap::Command) -> clap::Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|arg| match values(arg.get_id().as_str(), &name) {
            Some(values) => arg.add(ArgValueCandidates::new(move || candidates(values()))),
            None => arg,
        })
        .mut_subcommands(complete_values)
}

/// A value and its description.
type Value = (String, String);

/// Returns the function that finds the values of the argument with this id.
fn values(id: &str, command: &str) -> Option<fn() -> Vec<Value>> {
    Some(match (id, command) {
        #[cfg(feature = "client")]
        ("alias" | "account", "login") => {
            || [at_home(account_names), at_home(provider_names)].concat()
        }
        #[cfg(feature = "client")]
        ("alias" | "account", _) => || at_home(account_names),
        #[cfg(feature = "client")]
        ("host", _) => || at_home(host_names),
        #[cfg(feature = "server")]
        ("principal" | "who", _) => local_accounts,
        #[cfg(feature = "server")]
        ("issuer", _) => issuers,
        _ => return None,
    })
}

fn candidates(mut values: Vec<Value>) -> Vec<CompletionCandidate> {
    values.sort();
    values.dedup_by(|a, b| a.0 == b.0);
    let candidate = |(value, help): Value| {
        CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()))
    };
    values.into_iter().map(candidate).collect()
}

#[cfg(feature = "client")]
fn at_home(names: fn(&Places) -> Vec<Value>) -> Vec<Value> {
    places().map_or_else(|_| Vec::new(), |places| names(&places))
}

#[cfg(feature = "server")]
fn local_accounts() -> Vec<Value> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let names = passwd.lines().filter_map(|row| row.split(':').next());
    names.map(|name| (name.to_owned(), String::new())).collect()
}

/// Returns the short names that `add` knows, and the issuers in the providers file.
#[cfg(feature = "server")]
fn issuers() -> Vec<Value> {
    use opkssh_server::{etc, table};
    let file = etc::PROVIDERS.path_in(std::path::Path::new(etc::DIRECTORY));
    let file = std::fs::read(file).unwrap_or_default();
    let rows = table::read(&file).rows.into_iter();
    let issuers = rows.map(|row| row.words[0].clone().into_owned());
    let short = ["google", "azure", "microsoft", "gitlab", "hello"].map(str::to_owned);
    issuers
        .chain(short)
        .map(|name| (name, String::new()))
        .collect()
}
