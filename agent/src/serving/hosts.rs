//! Names of servers: which host patterns a host key satisfies, by what known_hosts says.

mod line;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

use self::line::{bare_pattern, fields, hashed, is_hash_of, is_pattern, port, split, without_port};
use super::announced::Announcement;
use super::forges::publisher;
use super::host_key::{HostCertificate, HostKey, UnprovedHostKey};
pub use super::patterns::host_matches;
use super::patterns::{Verdict, overlap, verdict};
use super::source::Visibility;

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

/// Why a server is not shown an account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    #[error("known_hosts cannot be read, so the server may be any: {0}")]
    Unreadable(String),
    #[error(
        "the server is a public forge; to show it the account, put its full name into `hosts:`"
    )]
    Forge,
    #[error(
        "`agent.public_forges` has wildcards, and known_hosts has the server's name as a hash, so it \
         may be one of them; list the forges by their full names, or the server in `hosts:`"
    )]
    PerhapsForge,
    #[error("known_hosts has another key for the server; if that is right, correct known_hosts")]
    OtherKey,
    #[error(
        "it has `hosts:`, and known_hosts does not know the server's key; connect with: opkssh ssh \
         HOST"
    )]
    Unknown,
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
    Hashed {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
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
        if let Some(forge) = publisher(host_key.key()) {
            names.is_known = true;
            names.names.push(Name::Plain(forge.to_owned()));
        }
        let announced = ssh.known_hosts.iter().filter(|file| file.is_file());
        for file in self.files.iter().chain(announced) {
            match std::fs::read(file) {
                // one odd byte spoils the word it is in, and no other
                Ok(bytes) => names.read(&String::from_utf8_lossy(&bytes), host_key, now),
                Err(error) if is_absent(error.kind()) => {}
                // it may know this server under a name that decides
                Err(error) => {
                    let file = file.display();
                    names.unreadable.push(format!("{file}: {error}"));
                }
            }
        }
        names
    }

    /// Returns what is known of the key that a server showed and did not prove.
    pub fn look_up_unproved(&self, shown: &UnprovedHostKey, ssh: Announcement) -> Names {
        Names {
            is_unproved: true,
            ..self.look_up(shown.claimed(), ssh)
        }
    }
}

impl Names {
    /// Returns true if `hosts:` name the server.
    pub fn satisfy(&self, visibility: &Visibility) -> bool {
        !self.is_revoked && self.is_proved() && self.is_named(&self.names, visibility)
    }

    /// Returns true if `hosts:` name a server that nothing knows yet by what ssh was asked for.
    pub fn satisfy_unknown(&self, visibility: &Visibility) -> bool {
        let asked_for: Vec<_> = self.asked_for.iter().cloned().map(Name::Plain).collect();
        !self.is_known
            && !self.has_other_key
            && self.is_proved()
            && self.is_named(&asked_for, visibility)
    }

    /// Returns true if an account without `hosts:` is shown to the server.
    pub fn satisfy_without_hosts(&self, visibility: &Visibility) -> bool {
        !self.is_revoked && self.unreadable.is_empty() && !self.is_forge(visibility)
    }

    /// Returns true if one of its names is a public forge's, or may be.
    pub fn is_forge(&self, visibility: &Visibility) -> bool {
        self.forge(visibility) != Forge::No
    }

    /// Returns why an account that is shown to a server of this name, or to any, is not shown to
    /// this one. `None` where that is plain.
    pub fn why_withheld(&self, visibility: &Visibility) -> Option<Withheld> {
        let names = &self.names;
        let meant = visibility.hosts.is_empty() || satisfy(names, &visibility.hosts);
        match self.forge(visibility) {
            _ if self.is_revoked => None,
            _ if !self.unreadable.is_empty() => {
                Some(Withheld::Unreadable(self.unreadable.join(", ")))
            }
            Forge::Yes if meant => Some(Withheld::Forge),
            Forge::Perhaps if meant => Some(Withheld::PerhapsForge),
            _ if self.is_known || self.is_unproved => None,
            _ if self.has_other_key => Some(Withheld::OtherKey),
            _ => Some(Withheld::Unknown),
        }
    }

    fn is_proved(&self) -> bool {
        !self.is_unproved && self.unreadable.is_empty()
    }

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
            Name::Hashed { salt, hash } if forges.iter().any(|forge| is_pattern(forge)) => {
                let mut candidates = visibility.hosts.iter().chain(&self.asked_for);
                match candidates.find(|name| is_hash_of(salt, hash, name)) {
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
            let is_key = key == host_key.key();
            let authority = certificate.filter(|certificate| certificate.authority() == key);
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
        if let Some((salt, hash)) = hashed(listed) {
            self.names.push(Name::Hashed { salt, hash });
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
            Self::Hashed { salt, hash } => patterns
                .iter()
                .map(|pattern| pattern.strip_prefix('!').unwrap_or(pattern))
                .find(|name| is_hash_of(salt, hash, name))
                .map_or(Verdict::Unmentioned, |name| plain_verdict(name, patterns)),
        }
    }
}

fn plain_verdict(name: &str, patterns: &[String]) -> Verdict {
    verdict(&[name, without_port(name)], patterns)
}

/// Returns true if the names of a line have `name`, at any port.
fn has(listed: &str, name: &str) -> bool {
    match hashed(listed) {
        Some((salt, hash)) => is_hash_of(&salt, &hash, name),
        None => {
            let bare: Vec<_> = listed.split(',').map(bare_pattern).collect();
            host_matches(without_port(name), &bare)
        }
    }
}

/// Returns true if a server of a line with these patterns may be one of `forges`.
fn line_has(line: &[String], forges: &[String]) -> bool {
    let line: Vec<_> = line.iter().map(|pattern| bare_pattern(pattern)).collect();
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

fn is_absent(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The certificate's names, as far as its authority is `listed` for them. A port is not in a
/// certificate; the line may say it.
fn vouched_for(listed: &str, certificate: &HostCertificate, now: UnixTime) -> Vec<Name> {
    let names = certificate.names(now);
    if let Some((salt, hash)) = hashed(listed) {
        return names
            .filter(|name| is_hash_of(&salt, &hash, name))
            .map(|name| Name::Plain(name.to_owned()))
            .collect();
    }
    let bare: Vec<String> = listed.split(',').map(bare_pattern).collect();
    let spelled = |name: &str| {
        let listed = listed.split(',').zip(&bare);
        let listed = listed.filter(|(_, bare)| host_matches(name, std::slice::from_ref(bare)));
        let spelled = listed.map(|(pattern, _)| match port(pattern) {
            Some(port) => Name::Plain(format!("[{name}]:{port}")),
            None => Name::Plain(name.to_owned()),
        });
        spelled.collect::<Vec<_>>()
    };
    names
        .filter(|name| host_matches(name, &bare))
        .flat_map(spelled)
        .collect()
}

#[cfg(test)]
mod tests;
