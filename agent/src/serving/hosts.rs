//! Names of servers: which host patterns a host key satisfies, by what known_hosts says.

pub mod host_names;
mod line;
mod predicted;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::slice;
use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

use self::line::{Hash, bare_patterns, fields, is_pattern, port, without_port};
use super::announced::Announcement;
use super::certificate::Certificate;
use super::destination::Bindings;
use super::forges::publisher;
use super::host_key::{HostKey, UnprovedHostKey};
use super::refusal::Refusal;
use super::source::Visibility;
pub use opkssh_protocol::patterns::host_matches;
use opkssh_protocol::patterns::{Verdict, overlap, verdict};
pub use predicted::Prediction;

/// The user's and the system's known_hosts, read when a question comes up: they are small, and
/// change as hosts are met.
pub struct KnownHosts {
    files: Vec<PathBuf>,
}

/// What is known of one server; by default, nothing.
#[derive(Default)]
pub struct Names {
    names: Vec<Name>,
    /// Patterns of lines with its key: they name no server, and a public forge among them counts.
    patterns: Vec<Vec<String>>,
    is_known: bool,
    is_revoked: bool,
    /// It did not prove its key, so what is known of it only hides accounts.
    is_unproved: bool,
    /// What the ssh that connects was asked for.
    asked_for: Vec<String>,
    /// known_hosts has one of these names with another key.
    has_other_key: bool,
    /// The files that could not be read, and why.
    unreadable: Vec<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Forge {
    No,
    /// A hashed name, and wildcards that it may match.
    Perhaps,
    Yes,
}

enum Name {
    /// Perhaps as `[name]:port`.
    Plain(String),
    Hashed(Hash),
}

impl KnownHosts {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// Returns what is known of the server with this host key, for an ssh that was announced so.
    pub fn look_up(&self, host_key: &HostKey, ssh: Announcement) -> Names {
        let now = UnixTime::from(SystemTime::now());
        let mut names = Names {
            asked_for: ssh.names,
            ..Names::default()
        };
        if let Some(forge) = publisher(&host_key.key) {
            names.is_known = true;
            names.names.push(Name::Plain(forge.to_owned()));
        }
        for text in self.texts(&ssh.known_hosts, &mut names.unreadable) {
            names.read(&text, host_key, now);
        }
        names
    }

    /// Returns what will be known of the server that ssh calls so: what is known of the keys that
    /// known_hosts has for it. Without any, an ssh that was not announced notes its name before it
    /// asks for identities.
    pub fn expect(&self, called: &[String], ssh: Announcement) -> Names {
        let is_announced = !ssh.names.is_empty();
        let mut names = Names {
            asked_for: ssh.names,
            ..Names::default()
        };
        let texts = self.texts(&ssh.known_hosts, &mut names.unreadable);
        let lines = texts.iter().flat_map(|text| text.lines());
        let lines: Vec<_> = lines.filter_map(fields).collect();
        let with = |wanted: Option<&'static str>| {
            lines.iter().filter(move |(marker, ..)| *marker == wanted)
        };
        let is_called = |listed: &str| called.iter().any(|name| has(listed, name));
        let keys = with(None).filter(|(_, listed, _)| is_called(listed));
        let keys: BTreeSet<_> = keys.map(|(.., key)| key).collect();
        for (_, listed, _) in with(None).filter(|(.., key)| keys.contains(key)) {
            names.add(listed);
        }
        let forges = keys.iter().filter_map(|key| publisher(key));
        let forges = forges.map(|forge| Name::Plain(forge.to_owned()));
        names.names.extend(forges);
        let is_revoked = |key| with(Some("revoked")).any(|(.., revoked)| revoked == key);
        names.is_known = !keys.is_empty();
        names.is_revoked = names.is_known && keys.iter().all(|key| is_revoked(*key));
        if !names.is_known && !is_announced {
            names.is_known = true;
            names.names.extend(called.iter().cloned().map(Name::Plain));
        }
        names
    }

    /// Returns what the files say, and notes those that cannot be read.
    fn texts(&self, announced: &[PathBuf], unreadable: &mut Vec<String>) -> Vec<String> {
        let announced = announced.iter().filter(|file| file.is_file());
        let read = |file: &PathBuf| match std::fs::read(file) {
            // one odd byte spoils the word it is in, and no other
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                // it may know this server under a name that decides
                if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
                    unreadable.push(format!("{}: {error}", file.display()));
                }
                None
            }
        };
        self.files
            .iter()
            .chain(announced)
            .filter_map(read)
            .collect()
    }

    /// Returns what is known of the server that a connection is bound to, if it is.
    pub fn look_up_bound(&self, bindings: &Bindings, mut ssh: Announcement) -> Option<Names> {
        if let Some(shown) = bindings.unproved() {
            return Some(self.look_up_unproved(shown, ssh));
        }
        let destination = bindings.destination()?;
        // a forwarded request is the other machine's, not that of the ssh it came through
        if bindings.is_forwarded() {
            ssh.names.clear();
        }
        Some(self.look_up(&destination.host_key, ssh))
    }

    /// Returns what is known of the key that a server showed and did not prove.
    fn look_up_unproved(&self, shown: &UnprovedHostKey, ssh: Announcement) -> Names {
        Names {
            is_unproved: true,
            ..self.look_up(shown.claimed(), ssh)
        }
    }
}

impl Names {
    /// Fails if the server of a connection that is not forwarded is not shown the account.
    pub fn check(&self, visibility: &Visibility) -> Result<(), Refusal> {
        if self.is_revoked {
            return Err(Refusal::Revoked);
        }
        if !self.unreadable.is_empty() {
            return Err(Refusal::Unreadable(self.unreadable.join(", ")));
        }
        let is_for_all = visibility.hosts.is_empty();
        let is_meant = is_for_all || satisfy(&self.names, &visibility.hosts);
        match self.forge(visibility) {
            Forge::No if is_for_all => Ok(()),
            _ if self.satisfy(visibility) || self.satisfy_unknown(visibility) => Ok(()),
            Forge::Yes if is_meant => Err(Refusal::Forge),
            Forge::Perhaps if is_meant => Err(Refusal::PerhapsForge),
            _ if self.is_known || self.is_unproved => Err(Refusal::OtherHost),
            _ if self.has_other_key => Err(Refusal::OtherKey),
            _ => Err(Refusal::Unknown),
        }
    }

    /// Returns true if `hosts:` would name a server that known_hosts did not hash.
    pub fn hides_name(&self, called: &[String], visibility: &Visibility) -> bool {
        let is_named = |name: &String| plain_verdict(name, &visibility.hosts) == Verdict::Named;
        let mut names = self.names.iter();
        called.iter().any(is_named) && names.any(|name| matches!(name, Name::Hashed(_)))
    }

    /// Returns true if `hosts:` name the server.
    pub fn satisfy(&self, visibility: &Visibility) -> bool {
        !self.is_revoked && self.is_proved() && self.is_named(&self.names, visibility)
    }

    /// Returns true if known_hosts has it by a name that these patterns name.
    pub fn is_one_of(&self, patterns: &[String]) -> bool {
        !self.is_revoked && self.is_proved() && satisfy(&self.names, patterns)
    }

    /// Returns true if `hosts:` name a server that nothing knows yet by what ssh was asked for.
    fn satisfy_unknown(&self, visibility: &Visibility) -> bool {
        let asked_for: Vec<_> = self.asked_for.iter().cloned().map(Name::Plain).collect();
        !self.is_known
            && !self.has_other_key
            && self.is_proved()
            && self.is_named(&asked_for, visibility)
    }

    fn is_proved(&self) -> bool {
        !self.is_unproved && self.unreadable.is_empty()
    }

    /// Returns whether one of its names is a public forge's.
    fn forge(&self, visibility: &Visibility) -> Forge {
        let forges = &visibility.public_forges;
        let is_listed = |name: &str| plain_verdict(name, forges) == Verdict::Named;
        if self.asked_for.iter().any(|name| is_listed(name))
            || self.patterns.iter().any(|line| line_has(line, forges))
        {
            return Forge::Yes;
        }
        let forge = |name| self.forge_of(name, visibility);
        self.names.iter().map(forge).max().unwrap_or(Forge::No)
    }

    fn forge_of(&self, name: &Name, visibility: &Visibility) -> Forge {
        let forges = &visibility.public_forges;
        match name {
            name if name.verdict(forges) == Verdict::Named => Forge::Yes,
            Name::Hashed(hash) if forges.iter().any(|forge| is_pattern(forge)) => {
                let mut candidates = visibility.hosts.iter().chain(&self.asked_for);
                match candidates.find(|name| hash.is_of(name)) {
                    Some(name) if plain_verdict(name, forges) == Verdict::Named => Forge::Yes,
                    Some(_) => Forge::No,
                    None => Forge::Perhaps,
                }
            }
            _ => Forge::No,
        }
    }

    /// Returns true if `hosts:` have one of `names`, for a public forge without wildcards.
    fn is_named(&self, names: &[Name], visibility: &Visibility) -> bool {
        if !satisfy(names, &visibility.hosts) {
            return false;
        }
        let exact = |pattern: &&String| !is_pattern(pattern);
        let exact: Vec<String> = visibility.hosts.iter().filter(exact).cloned().collect();
        match self.forge(visibility) {
            Forge::No => true,
            Forge::Perhaps => satisfy(names, &exact),
            Forge::Yes => names.iter().any(|name| {
                self.forge_of(name, visibility) == Forge::Yes
                    && name.verdict(&exact) == Verdict::Named
            }),
        }
    }

    /// Adds what `text` says (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
    fn read(&mut self, text: &str, host_key: &HostKey, now: UnixTime) {
        let certificate = host_key.certificate();
        for line in text.lines() {
            let Some((marker, listed, key)) = fields(line) else {
                continue;
            };
            let is_key = key == host_key.key;
            let authority = certificate.filter(|certificate| certificate.authority == key);
            match (marker, authority) {
                // the key itself has signed, so a line with it holds for its certificate as well
                (None, _) if is_key => {
                    self.is_known = true;
                    self.add(listed);
                }
                (Some("cert-authority"), Some(certificate)) => {
                    self.is_known = true;
                    self.names.extend(vouched_for(listed, certificate, now));
                    if certificate.is_for_any_name() {
                        self.patterns.push(split(listed));
                    }
                }
                (Some("revoked"), authority) if is_key || authority.is_some() => {
                    (self.is_known, self.is_revoked) = (true, true);
                }
                (None | Some("cert-authority"), _) => {
                    self.has_other_key |= self.asked_for.iter().any(|name| has(listed, name));
                }
                _ => {}
            }
        }
    }

    /// Adds the names and patterns of a line with the server's key.
    fn add(&mut self, listed: &str) {
        if let Some(hash) = Hash::parse(listed) {
            self.names.push(Name::Hashed(hash));
            return;
        }
        let names = split(listed);
        let plain = names.iter().filter(|name| !is_pattern(name)).cloned();
        self.names.extend(plain.map(Name::Plain));
        if names.iter().any(|name| is_pattern(name)) {
            self.patterns.push(names);
        }
    }
}

impl Name {
    fn verdict(&self, patterns: &[String]) -> Verdict {
        match self {
            Self::Plain(name) => plain_verdict(name, patterns),
            // a hash can only be compared with a whole name, so only patterns that are one help
            Self::Hashed(hash) => patterns
                .iter()
                .map(|pattern| pattern.strip_prefix('!').unwrap_or(pattern))
                .find(|name| hash.is_of(name))
                .map_or(Verdict::Unmentioned, |name| plain_verdict(name, patterns)),
        }
    }
}

fn split(listed: &str) -> Vec<String> {
    listed.split(',').map(str::to_owned).collect()
}

fn plain_verdict(name: &str, patterns: &[String]) -> Verdict {
    verdict(&[name, without_port(name)], patterns)
}

/// Returns true if the names of a line have `name`, at any port.
fn has(listed: &str, name: &str) -> bool {
    match Hash::parse(listed) {
        Some(hash) => hash.is_of(name),
        None => host_matches(without_port(name), &bare_patterns(listed.split(','))),
    }
}

/// Returns true if a server of a line with these patterns may be one of `forges`.
fn line_has(line: &[String], forges: &[String]) -> bool {
    let line = bare_patterns(line.iter().map(String::as_str));
    let forges = forges.iter().filter(|forge| !forge.starts_with('!'));
    let mut forges = forges.map(|forge| without_port(forge));
    forges.any(|forge| {
        verdict(&[forge], &line) != Verdict::Excluded
            && line.iter().any(|pattern| overlap(pattern, forge))
    })
}

/// Returns true if a pattern matches one of `names` and no negated one matches any.
fn satisfy(names: &[Name], patterns: &[String]) -> bool {
    let mut is_named = false;
    for name in names {
        match name.verdict(patterns) {
            Verdict::Excluded => return false,
            Verdict::Named => is_named = true,
            Verdict::Unmentioned => {}
        }
    }
    is_named
}

/// Returns the certificate's names, as far as its authority is `listed` for them. A port is not in
/// a certificate; the line may say it.
fn vouched_for(listed: &str, certificate: &Certificate, now: UnixTime) -> Vec<Name> {
    let mut names = Vec::new();
    let (hash, bare) = (Hash::parse(listed), bare_patterns(listed.split(',')));
    for name in certificate.names(now) {
        match &hash {
            Some(hash) if hash.is_of(name) => names.push(Name::Plain(name.to_owned())),
            None if host_matches(name, &bare) => {
                let spelled = listed.split(',').zip(&bare);
                let spelled = spelled.filter(|(_, bare)| host_matches(name, slice::from_ref(bare)));
                names.extend(spelled.map(|(pattern, _)| match port(pattern) {
                    Some(port) => Name::Plain(format!("[{name}]:{port}")),
                    None => Name::Plain(name.to_owned()),
                }));
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests;
