//! Lines of known_hosts, and the names in them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// A name that known_hosts has as `|1|salt|hash`.
pub struct Hash {
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Hash {
    pub fn parse(names: &str) -> Option<Self> {
        let (salt, hash) = names.strip_prefix("|1|")?.split_once('|')?;
        Some(Self {
            salt: STANDARD.decode(salt).ok()?,
            hash: STANDARD.decode(hash).ok()?,
        })
    }

    /// Hashes `name`, as ssh would with a salt of its own.
    pub fn of(name: &str) -> Self {
        let salt = vec![0; 20];
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        let hash = hmac::sign(&key, name.to_ascii_lowercase().as_bytes());
        Self {
            salt,
            hash: hash.as_ref().to_vec(),
        }
    }

    /// Returns true if it is the hash of `name`. ssh hashes names in lower case.
    pub fn is_of(&self, name: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.salt);
        hmac::verify(&key, name.to_ascii_lowercase().as_bytes(), &self.hash).is_ok()
    }
}

/// Returns marker, names and key of a line that has them.
pub fn fields(line: &str) -> Option<(Option<&str>, &str, Vec<u8>)> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().filter(|word| !word.starts_with('#'))?;
    let (marker, names) = match first.strip_prefix('@') {
        Some(marker) => (Some(marker), words.next()?),
        None => (None, first),
    };
    let key = STANDARD.decode(words.nth(1)?).ok()?;
    Some((marker, names, key))
}

pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '!'])
}

/// Returns the name in `[name]:port`.
pub fn without_port(name: &str) -> &str {
    name_and_port(name).map_or(name, |(name, _port)| name)
}

pub fn port(pattern: &str) -> Option<&str> {
    let (_name, port) = name_and_port(pattern)?;
    Some(port).filter(|port| !is_pattern(port))
}

/// Returns the patterns of a line without their ports.
pub fn bare_patterns<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let bare = |pattern: &str| match pattern.strip_prefix('!') {
        Some(negated) => format!("!{}", without_port(negated)),
        None => without_port(pattern).to_owned(),
    };
    patterns.into_iter().map(bare).collect()
}

fn name_and_port(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix('[')?.split_once("]:")
}
