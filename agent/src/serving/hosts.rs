//! Names of servers: which host patterns a host key satisfies, by what known_hosts says.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::time::UnixTime;
use ring::hmac;

use super::announced::Announcement;
use super::forges::publisher;
use super::held::Visibility;
use super::host_key::{HostCertificate, HostKey};
pub use super::patterns::host_matches;
use super::patterns::{Verdict, verdict};

/// The user's and the system's known_hosts, read when a question comes up: they are small, and
/// change as hosts are met.
pub struct KnownHosts {
    files: Vec<PathBuf>,
}

/// What is known of one server; by default, nothing.
#[derive(Default)]
pub struct Names {
    names: Vec<Name>,
    is_known: bool,
    is_revoked: bool,
    /// What the ssh that connects was asked for.
    asked_for: Vec<Name>,
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
            asked_for: ssh.names.into_iter().map(Name::Plain).collect(),
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
                Err(_) => names.is_known = true,
            }
        }
        names
    }
}

impl Names {
    /// Returns true if `hosts:` name the server.
    pub fn satisfy(&self, visibility: &Visibility) -> bool {
        !self.is_revoked && self.is_named(&self.names, visibility)
    }

    /// Returns true if `hosts:` name a server that nothing knows yet by what ssh was asked for.
    pub fn satisfy_unknown(&self, visibility: &Visibility) -> bool {
        !self.is_known && self.is_named(&self.asked_for, visibility)
    }

    /// Returns true if one of its names is a public forge's.
    pub fn is_forge(&self, visibility: &Visibility) -> bool {
        let mut names = self.names.iter().chain(&self.asked_for);
        names.any(|name| name.verdict(&visibility.public_forges) == Verdict::Named)
    }

    /// Returns true if `hosts:` have one of `names`, for a public forge without wildcards.
    fn is_named(&self, names: &[Name], visibility: &Visibility) -> bool {
        if !satisfy(names, &visibility.hosts) {
            return false;
        }
        let exact = |pattern: &&String| !is_pattern(pattern);
        let exact: Vec<String> = visibility.hosts.iter().filter(exact).cloned().collect();
        !self.is_forge(visibility)
            || names.iter().any(|name| {
                name.verdict(&visibility.public_forges) == Verdict::Named
                    && name.verdict(&exact) == Verdict::Named
            })
    }

    /// Returns true if a `@revoked` line has the server's key or its authority's.
    pub fn is_revoked(&self) -> bool {
        self.is_revoked
    }

    /// Returns true if known_hosts has the server's key, or a forge publishes it.
    pub fn are_known(&self) -> bool {
        self.is_known
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
                    self.names.extend(names_of_key(listed));
                }
                (Some("cert-authority"), Some(certificate)) => {
                    self.is_known = true;
                    self.names.extend(vouched_for(listed, certificate, now));
                }
                (Some("revoked"), authority) if is_key || authority.is_some() => {
                    (self.is_known, self.is_revoked) = (true, true);
                }
                _ => {}
            }
        }
    }
}

impl Name {
    fn verdict(&self, patterns: &[String]) -> Verdict {
        match self {
            Self::Plain(name) => verdict(&[name, without_port(name)], patterns),
            // a hash can only be compared with a whole name, so only patterns that are one help
            Self::Hashed { salt, hash } => patterns
                .iter()
                .map(|pattern| pattern.strip_prefix('!').unwrap_or(pattern))
                .find(|name| is_hash_of(salt, hash, name))
                .map_or(Verdict::Unmentioned, |name| {
                    verdict(&[name, without_port(name)], patterns)
                }),
        }
    }
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

/// Marker, names and key of a line that has them.
fn fields(line: &str) -> Option<(Option<&str>, &str, Vec<u8>)> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().filter(|word| !word.starts_with('#'))?;
    let (marker, names) = match first.strip_prefix('@') {
        Some(marker) => (Some(marker), words.next()?),
        None => (None, first),
    };
    let key = STANDARD.decode(words.nth(1)?).ok()?;
    Some((marker, names, key))
}

fn names_of_key(listed: &str) -> Vec<Name> {
    match hashed(listed) {
        Some((salt, hash)) => vec![Name::Hashed { salt, hash }],
        None => listed
            .split(',')
            .filter(|name| !is_pattern(name))
            .map(|name| Name::Plain(name.to_owned()))
            .collect(),
    }
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

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '!'])
}

/// `|1|salt|hash`
fn hashed(names: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = names.strip_prefix("|1|")?.split_once('|')?;
    Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?))
}

/// ssh hashes names in lower case.
fn is_hash_of(salt: &[u8], hash: &[u8], name: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    hmac::verify(&key, name.to_ascii_lowercase().as_bytes(), hash).is_ok()
}

/// `[name]:port` without its decoration.
fn without_port(name: &str) -> &str {
    decorated(name).map_or(name, |(name, _port)| name)
}

fn bare_pattern(pattern: &str) -> String {
    match pattern.strip_prefix('!') {
        Some(negated) => format!("!{}", without_port(negated)),
        None => without_port(pattern).to_owned(),
    }
}

fn port(pattern: &str) -> Option<&str> {
    let (_name, port) = decorated(pattern)?;
    Some(port).filter(|port| !is_pattern(port))
}

fn decorated(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix('[')?.split_once("]:")
}

#[cfg(test)]
mod tests;
