//! Names of servers: which host patterns a host key satisfies, by what known_hosts says.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::time::UnixTime;
use ring::hmac;

use super::host_key::{HostCertificate, HostKey};
pub use super::patterns::host_matches;
use super::patterns::{Verdict, verdict};

/// The user's and the system's known_hosts, read when a question comes up: they are small, and
/// change as hosts are met.
pub struct KnownHosts {
    files: Vec<PathBuf>,
}

/// What known_hosts says of one server.
#[derive(Default)]
pub struct Names {
    names: Vec<Name>,
    is_known: bool,
    is_revoked: bool,
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

    /// The names of the server with this host key.
    pub fn look_up(&self, host_key: &HostKey) -> Names {
        let now = UnixTime::from(SystemTime::now());
        let mut names = Names::default();
        for file in &self.files {
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
    /// Is the server one that `patterns` name? Never without patterns, and not when one of its
    /// names is excluded, whatever the others are.
    pub fn satisfy(&self, patterns: &[String]) -> bool {
        let mut is_named = false;
        for name in &self.names {
            match name.verdict(patterns) {
                Verdict::Excluded => return false,
                Verdict::Named => is_named = true,
                Verdict::Unmentioned => {}
            }
        }
        is_named && !self.is_revoked
    }

    /// Does known_hosts know the server at all? One that is met for the first time it does not.
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
