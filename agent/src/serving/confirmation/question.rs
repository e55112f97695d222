//! What the person is asked, in words. It says of a login only what was proved: whoever asks can
//! make up the rest.

use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::printable::printable;

use crate::serving::announced::Announcement;
use crate::serving::destination::{Bind, Bindings};
use crate::serving::hosts::host_names::HostNames;
use crate::serving::program_name::program_name;
use crate::serving::source::Identity;
use crate::serving::userauth::proved_login;

/// What a question shows of a text from elsewhere, in characters.
const MAX_SHOWN: usize = 60;
/// Machines of a chain that a question names one by one.
const MAX_MACHINES: usize = 4;

/// A question with its choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub summary: String,
    /// Lines.
    pub details: Vec<String>,
    pub choices: Vec<Choice>,
    /// The machines that [`Choice::Always`] is for.
    pub always_for: Vec<Machine>,
}

/// What a person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Once,
    /// For the same account, server and machines in between.
    TenMinutes,
    /// For the account, through these machines.
    Always,
    Refuse,
}

/// Another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name in known_hosts; empty: it has none there.
    pub name: String,
    /// `SHA256:…`
    pub host_key: String,
}

/// A signature request, as far as a question describes it.
pub struct SignatureRequest<'a> {
    pub data: &'a [u8],
    pub bindings: &'a Bindings,
    /// The local process that asks, or through which another machine does.
    pub process: Option<u32>,
    pub host_names: &'a HostNames,
    /// Names that hashed ones in known_hosts are compared with.
    pub hosts: &'a [String],
}

impl Question {
    /// Asks whether an account may be used on a connection. `untrusted` are the machines on its way
    /// here without a permission of their own.
    pub fn about_account(
        account: &str,
        asked: &SignatureRequest<'_>,
        untrusted: Vec<Machine>,
    ) -> Self {
        let from = match asked.bindings.is_forwarded() {
            true => " from another machine",
            false => "",
        };
        let mut choices = vec![Choice::Once];
        if asked.login().is_some() {
            choices.push(Choice::TenMinutes);
        }
        // not for a machine that the question does not name, nor for one that another made up
        let machines = asked.bindings.forwarded_to().count();
        if untrusted.len() == 1 && machines <= MAX_MACHINES {
            choices.push(Choice::Always);
        }
        choices.push(Choice::Refuse);
        Self {
            summary: format!("Allow use of the account {}{from}?", printable(account)),
            details: asked.details(),
            choices,
            always_for: untrusted,
        }
    }

    /// Asks whether a key from `ssh-add -c` may be used once.
    pub fn about_key(key: &Identity, asked: &SignatureRequest<'_>) -> Self {
        let comment = printable(&key.comment).at_most(MAX_SHOWN);
        let mut details = vec![format!("Key fingerprint {}.", key.name)];
        details.extend(asked.details());
        Self {
            summary: format!("Allow use of key {comment}?"),
            details,
            choices: vec![Choice::Once, Choice::Refuse],
            always_for: Vec::new(),
        }
    }
}

impl Choice {
    /// Returns the text of a button.
    pub fn label(self) -> &'static str {
        match self {
            Self::Once => "Once",
            Self::TenMinutes => "10 minutes for this host",
            Self::Always => "Always through this jump host",
            Self::Refuse => "Refuse",
        }
    }
}

impl SignatureRequest<'_> {
    /// Returns user and server of a login that was proved.
    pub fn login(&self) -> Option<(String, &Bind)> {
        let (request, bind) = proved_login(self.data, self.bindings)?;
        Some((String::from_utf8_lossy(request.user).into_owned(), bind))
    }

    /// Names a machine as known_hosts does.
    pub fn machine(&self, bind: &Bind) -> Machine {
        let nobody = Announcement::default();
        let names = self.host_names.of(&bind.host_key, &nobody, self.hosts);
        Machine {
            name: names.into_iter().next().unwrap_or_default(),
            host_key: fingerprint(&bind.host_key.key),
        }
    }

    fn details(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some((user, server)) = self.login() {
            let user = printable(&user).at_most(MAX_SHOWN).quoted();
            let server = self.machine(server);
            details.push(format!("For a login as {user} to {}.", server.in_words()));
        }
        let machines = self.bindings.forwarded_to();
        let machines: Vec<_> = machines.map(|bind| self.machine(bind)).collect();
        if !machines.is_empty() {
            details.push("Asked for by another machine. The agent is forwarded to".to_owned());
            details.extend(chain(&machines));
        } else if self.bindings.is_forwarded() {
            let unknown = "Asked for by a connection that may be another machine's.";
            details.push(unknown.to_owned());
        }
        let program = self.process.map(program);
        details.extend(program.map(|program| match self.bindings.is_forwarded() {
            true => format!("Forwarded by {program}."),
            false => format!("Asked for by {program}."),
        }));
        details
    }
}

impl Machine {
    pub fn in_words(&self) -> String {
        let (name, key) = (printable(&self.name).at_most(MAX_SHOWN), &self.host_key);
        match self.name.is_empty() {
            false => format!("{name} (host key {key})"),
            true => format!("a machine that known_hosts has no name for (host key {key})"),
        }
    }
}

/// Returns a line for each machine, or for the first ones and the last.
fn chain(machines: &[Machine]) -> Vec<String> {
    let line = |machine: &Machine| format!("- {}", machine.in_words());
    let hidden = machines.len().saturating_sub(MAX_MACHINES);
    let shown = MAX_MACHINES.min(machines.len());
    if hidden == 0 {
        return machines.iter().map(line).collect();
    }
    let mut lines: Vec<_> = machines[..shown - 1].iter().map(line).collect();
    lines.push(format!("- {hidden} more"));
    lines.extend(machines.last().map(line));
    lines
}

fn program(pid: u32) -> String {
    let name = program_name(pid);
    let name = name.as_deref().unwrap_or("a process");
    format!("{} (pid {pid})", printable(name))
}
