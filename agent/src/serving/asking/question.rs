//! What the person is asked, in words. It says of a login only what was proved: whoever asks can
//! make up the rest.

use opkssh_protocol::printable::printable;

use crate::serving::destination::{Bind, Bindings};
use crate::serving::source::Identity;
use crate::serving::userauth::UserauthRequest;

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
    pub via: Vec<Machine>,
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
pub struct Asked<'a> {
    pub data: &'a [u8],
    pub bindings: &'a Bindings,
    /// The local process that asks, or through which another machine does.
    pub process: Option<u32>,
    pub machine: &'a dyn NameMachine,
}

/// Finds a machine's name.
pub trait NameMachine {
    fn machine(&self, bind: &Bind) -> Machine;
}

impl Question {
    /// Asks whether an account may be used on a connection. `untrusted` are the machines on its way
    /// here without a permission of their own.
    pub fn about_account(account: &str, asked: &Asked<'_>, untrusted: Vec<Machine>) -> Self {
        let from = match asked.bindings.is_forwarded() {
            true => " from another machine",
            false => "",
        };
        let mut choices = vec![Choice::Once];
        if asked.login().is_some() {
            choices.push(Choice::TenMinutes);
        }
        if !untrusted.is_empty() {
            choices.push(Choice::Always);
        }
        choices.push(Choice::Refuse);
        Self {
            summary: format!("Allow use of the account {}{from}?", printable(account)),
            details: asked.details(),
            choices,
            via: untrusted,
        }
    }

    /// Asks whether a key from `ssh-add -c` may be used once.
    pub fn about_key(key: &Identity, asked: &Asked<'_>) -> Self {
        let comment = printable(&key.comment).at_most(MAX_SHOWN);
        let mut details = vec![format!("Key fingerprint {}.", key.name)];
        details.extend(asked.details());
        Self {
            summary: format!("Allow use of key {comment}?"),
            details,
            choices: vec![Choice::Once, Choice::Refuse],
            via: Vec::new(),
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

impl Asked<'_> {
    /// Returns user and server of a login in the session that the connection is bound to.
    pub fn login(&self) -> Option<(String, &Bind)> {
        let request = UserauthRequest::parse(self.data)?;
        let bind = self.bindings.destination()?;
        let names_server = match request.host_key {
            Some(host_key) => host_key == bind.host_key.blob,
            // only this machine's own ssh is believed without
            None => !self.bindings.is_forwarded(),
        };
        let is_this = names_server && request.session_id == bind.session_id;
        let user = String::from_utf8_lossy(request.user).into_owned();
        is_this.then_some((user, bind))
    }

    fn details(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some((user, server)) = self.login() {
            let user = printable(&user).at_most(MAX_SHOWN).quoted();
            let server = self.machine.machine(server);
            details.push(format!("For a login as {user} to {}.", server.in_words()));
        }
        let machines = self.bindings.forwarded_to();
        let machines: Vec<_> = machines.map(|bind| self.machine.machine(bind)).collect();
        if !machines.is_empty() {
            details.push(format!(
                "Asked for by another machine: the agent is forwarded to {}.",
                chain(&machines)
            ));
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

fn chain(machines: &[Machine]) -> String {
    let words = |machines: &[Machine]| {
        let words: Vec<_> = machines.iter().map(Machine::in_words).collect();
        words.join(", from there to ")
    };
    match machines.len().checked_sub(MAX_MACHINES) {
        None | Some(0) => words(machines),
        Some(more) => {
            let (first, last) = (
                &machines[..MAX_MACHINES - 1],
                &machines[machines.len() - 1..],
            );
            format!("{}, over {} more to {}", words(first), more, words(last))
        }
    }
}

fn program(pid: u32) -> String {
    let program = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    let program = program.map_or("a process".to_owned(), |name| name.trim_end().to_owned());
    format!("{} (pid {pid})", printable(&program))
}
