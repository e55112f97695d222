//! `opkssh status --host`: what a server would see.

use std::path::{Path, PathBuf};
use std::process::Command;

use opkssh_protocol::control::{
    AccountState, Event, HiddenIdentity, HostIdentity, HostQuery, HostView, NotOffered, Origin,
    Request,
};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::{printable, printable_json};
use serde_json::json;

use crate::agent::settings::WhichAgent;
use crate::answer::Reply;
use crate::configuration::LOOK_ONLY;
use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::{agent_command, login_command};
use crate::ssh_settings::SshSettings;

/// Columns of the page.
const WIDTH: usize = 79;

/// The answer of `status --host`.
#[derive(Debug, Default)]
pub struct HostAnswer {
    /// The server's name in known_hosts.
    pub name: String,
    /// Whether `ssh -G` said so; otherwise the name is as typed.
    pub is_resolved: bool,
    /// Why plain ssh would not offer what the agent lists.
    pub warnings: Vec<String>,
    /// `None`: not found out, or the agent is not running.
    pub view: Option<HostView>,
    /// In one line.
    pub reason: String,
    pub hint: Option<String>,
    /// Whether the answer could not be found out.
    pub is_inconclusive: bool,
}

/// Returns which identities the server would see if ssh connected now. Starts no agent, and renews
/// nothing.
pub fn status_of_host(
    host: &str,
    agent: &WhichAgent,
    places: &Places,
) -> Result<HostAnswer, ClientError> {
    let places = &agent.places(places)?;
    let destination = Destination::parse(host);
    let settings = destination.settings();
    let asked = HostAnswer {
        is_resolved: settings.is_some(),
        warnings: settings
            .iter()
            .flat_map(|it| warnings(it, places))
            .collect(),
        ..HostAnswer::default()
    };
    let settings = settings.unwrap_or_default();
    let query = HostQuery {
        name: settings.name.unwrap_or(destination.name.to_owned()),
        known_hosts: settings.known_hosts,
        new_key: settings.new_key,
    };
    let name = query.name.clone();
    let connection = Connection::open_if_running(places).map_err(|error| error.of_agent(places))?;
    let Some(mut connection) = connection else {
        return Ok(HostAnswer {
            reason: format!("{name} would see no identity: the agent is not running"),
            hint: Some(format!("start it: {}", agent_command("start", places))),
            name,
            ..asked
        });
    };
    let failed = |error: ClientError| error.into_inconclusive().of_agent(places);
    let answer = connection.ask(&Request::HostView(query), LOCAL_TIMEOUT);
    match answer.map_err(failed)? {
        Event::HostView { mut view } => {
            add_hints(&mut view, places);
            Ok(HostAnswer {
                reason: verdict(&name, &view),
                name,
                view: Some(view),
                ..asked
            })
        }
        _ => Err(failed(unexpected())),
    }
}

/// Adds the hints that name the agent, which the agent leaves to the client.
fn add_hints(view: &mut HostView, places: &Places) {
    let locked = |it: &&mut HiddenIdentity| it.why == NotOffered::Locked;
    for hidden in view.not_offered.iter_mut().filter(locked) {
        hidden.hint = Some(format!("unlock it: {}", agent_command("unlock", places)));
    }
}

/// Returns why plain ssh would not offer what the agent lists.
fn warnings(settings: &SshSettings, places: &Places) -> Vec<String> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let (by, socket) = match settings.identity_agent.as_deref() {
        Some("none") => ("IdentityAgent", None),
        None | Some("SSH_AUTH_SOCK") => ("SSH_AUTH_SOCK", variable("SSH_AUTH_SOCK")),
        Some(configured) => match (configured.strip_prefix('$'), configured.strip_prefix("~/")) {
            (Some(name), _) => (configured, variable(name.trim_matches(['{', '}']))),
            (None, Some(path)) => ("IdentityAgent", Some(places.home.join(path))),
            (None, None) => ("IdentityAgent", Some(PathBuf::from(configured))),
        },
    };
    let ours = places.agent_socket();
    let is_ours = |socket: &Path| {
        let real = socket.canonicalize();
        socket == ours || real.is_ok_and(|real| ours.canonicalize().is_ok_and(|it| it == real))
    };
    let agent = match socket {
        None => Some(format!("plain ssh asks no agent: {by} names none")),
        Some(socket) if is_ours(&socket) => None,
        Some(socket) => Some(format!(
            "plain ssh asks another agent: {by} names {}",
            socket.display()
        )),
    };
    let identities = settings
        .identities_only
        .then(|| "plain ssh offers only keys that IdentityFile names: IdentitiesOnly".to_owned());
    agent.into_iter().chain(identities).collect()
}

/// What a person types: `[user@]host`, `[user@][host]:port` as in known_hosts, or `ssh://…`.
struct Destination<'a> {
    typed: &'a str,
    user: Option<&'a str>,
    /// The name in known_hosts if no configuration changes it.
    name: &'a str,
}

impl<'a> Destination<'a> {
    fn parse(typed: &'a str) -> Self {
        let (user, name) = match typed.rsplit_once('@') {
            Some((user, name)) => (Some(user), name),
            None => (None, typed),
        };
        Self { typed, user, name }
    }

    /// Asks `ssh -G`; `None` if that fails.
    fn settings(&self) -> Option<SshSettings> {
        let mut ssh = Command::new("ssh");
        // `Match exec` may run opkssh
        ssh.env(LOOK_ONLY, "1").arg("-G").args(self.ssh_args());
        SshSettings::ask(&mut ssh).filter(|settings| settings.name.is_some())
    }

    fn ssh_args(&self) -> Vec<&'a str> {
        if self.typed.starts_with("ssh://") {
            return vec!["--", self.typed];
        }
        let mut args = Vec::new();
        if let Some(user) = self.user {
            args.extend(["-l", user]);
        }
        match self
            .name
            .strip_prefix('[')
            .and_then(|it| it.split_once("]:"))
        {
            Some((host, port)) => args.extend(["-p", port, "--", host]),
            None => args.extend(["--", self.name]),
        }
        args
    }
}

fn verdict(name: &str, view: &HostView) -> String {
    let offered = view.offered.len();
    let all = offered + view.not_offered.len() + view.left_out;
    match (offered, all) {
        (_, 0) => format!("{name} would see no identity: the agent has none"),
        (0, all) => format!("{name} would see none of {}", identities(all)),
        (offered, all) => format!("{name} would see {offered} of {}", identities(all)),
    }
}

fn identities(count: usize) -> String {
    match count {
        1 => "1 identity".to_owned(),
        count => format!("{count} identities"),
    }
}

impl HostAnswer {
    /// Returns the page that a person reads.
    pub fn page(&self) -> String {
        let mut lines = vec![printable(&self.reason).to_string()];
        if !self.is_resolved {
            lines.push("ssh -G did not answer: the name is used as typed".to_owned());
        }
        for warning in &self.warnings {
            lines.extend(wrapped("", warning));
        }
        if let Some(view) = &self.view {
            if !view.is_known {
                lines.push("known_hosts has no key for it".to_owned());
            }
            for (position, identity) in view.offered.iter().enumerate() {
                lines.push(row(&(position + 1).to_string(), identity));
                lines.extend(state(identity).map(|state| format!("      {state}")));
            }
            for hidden in &view.not_offered {
                lines.push(row("-", &hidden.identity));
                lines.extend(wrapped(
                    "      ",
                    &format!("not offered: {}", hidden.reason),
                ));
            }
            if view.left_out > 0 {
                lines.push(format!("  and {} more", view.left_out));
            }
        }
        for hint in self.hints() {
            lines.push(format!("hint: {}", printable(hint)));
        }
        lines.join("\n")
    }

    /// Returns each hint once.
    fn hints(&self) -> Vec<&str> {
        let hidden = self.view.iter().flat_map(|view| &view.not_offered);
        let hints = hidden.filter_map(|HiddenIdentity { hint, .. }| hint.as_deref());
        let mut all = Vec::new();
        for hint in self.hint.as_deref().into_iter().chain(hints) {
            if !all.contains(&hint) {
                all.push(hint);
            }
        }
        all
    }
}

fn row(position: &str, identity: &HostIdentity) -> String {
    let source = match &identity.source {
        Origin::Account => "account".to_owned(),
        Origin::SshAdd => "ssh-add".to_owned(),
        Origin::Upstream { socket } => format!("upstream {socket}"),
    };
    let name = printable(&identity.name).to_string();
    format!("{position:>4}  {name:<28}  {}", printable(&source))
}

/// Returns what happens when ssh asks for an account that is not usable as it is.
fn state(identity: &HostIdentity) -> Option<String> {
    match identity.state? {
        AccountState::Usable => None,
        AccountState::Stale => Some("stale; renewed when ssh connects".to_owned()),
        AccountState::LoginNeeded => {
            let command = login_command(Some(&identity.name));
            Some(format!("offered, but login needed: {command}"))
        }
    }
}

/// Returns lines that fit the page, each with this indent.
fn wrapped(indent: &str, text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in printable(text).to_string().split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

impl Reply for HostAnswer {
    fn status(&self) -> u8 {
        match &self.view {
            _ if self.is_inconclusive => 3,
            Some(view) if !view.offered.is_empty() => 0,
            _ => 1,
        }
    }

    fn json(&self) -> String {
        let view = self.view.as_ref();
        printable_json(&format!(
            "{:#}",
            json!({
                "host": self.name,
                "is_resolved": self.is_resolved,
                "warnings": self.warnings,
                "is_known": view.map(|view| view.is_known),
                "offered": view.map(|view| &view.offered),
                "not_offered": view.map(|view| &view.not_offered),
                "left_out": view.map(|view| view.left_out),
                "reason": self.reason,
                "hint": self.hint,
            })
        ))
    }
}

#[cfg(test)]
mod tests;
