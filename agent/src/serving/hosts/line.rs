//! Lines of known_hosts, and the names in them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Marker, names and key of a line that has them.
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

pub fn split(listed: &str) -> Vec<String> {
    listed.split(',').map(str::to_owned).collect()
}

pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '!'])
}

/// `|1|salt|hash`
pub fn hashed(names: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = names.strip_prefix("|1|")?.split_once('|')?;
    Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?))
}

/// ssh hashes names in lower case.
pub fn is_hash_of(salt: &[u8], hash: &[u8], name: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    hmac::verify(&key, name.to_ascii_lowercase().as_bytes(), hash).is_ok()
}

/// `[name]:port` without its decoration.
pub fn without_port(name: &str) -> &str {
    decorated(name).map_or(name, |(name, _port)| name)
}

pub fn bare_pattern(pattern: &str) -> String {
    match pattern.strip_prefix('!') {
        Some(negated) => format!("!{}", without_port(negated)),
        None => without_port(pattern).to_owned(),
    }
}

pub fn port(pattern: &str) -> Option<&str> {
    let (_name, port) = decorated(pattern)?;
    Some(port).filter(|port| !is_pattern(port))
}

fn decorated(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix('[')?.split_once("]:")
}
