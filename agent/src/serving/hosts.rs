//! Names of servers: which host patterns a host key satisfies, by what known_hosts says.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ssh_agent_lib::ssh_key::Certificate;

/// The user's and the system's known_hosts, read when a question comes up: they are small, and
/// change as hosts are met.
pub struct KnownHosts {
    files: Vec<PathBuf>,
}

impl KnownHosts {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// Is the server with this host key one that `patterns` name? Never without patterns.
    pub fn is_meant(&self, host_key: &[u8], patterns: &[String]) -> bool {
        !patterns.is_empty()
            && self
                .texts()
                .iter()
                .any(|text| is_meant(text, host_key, patterns))
    }

    /// Does known_hosts know any name for this host key?
    pub fn has_names(&self, host_key: &[u8]) -> bool {
        self.texts()
            .iter()
            .any(|text| lines_for(text, host_key).next().is_some())
    }

    fn texts(&self) -> Vec<String> {
        self.files
            .iter()
            .filter_map(|file| std::fs::read_to_string(file).ok())
            .collect()
    }
}

/// Does `host` satisfy `patterns`, as a list of ssh_config's Host does: some pattern matches, and
/// no negated one?
pub fn host_matches(host: &str, patterns: &[String]) -> bool {
    let mut matched = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if glob(negated, host) => return false,
            Some(_) => {}
            None => matched |= glob(pattern, host),
        }
    }
    matched
}

fn is_meant(known_hosts: &str, host_key: &[u8], patterns: &[String]) -> bool {
    let mut meant = false;
    for names in lines_for(known_hosts, host_key) {
        match names {
            Names::Listed(names) => {
                for name in names
                    .split(',')
                    .filter(|name| !name.contains(['*', '?', '!']))
                {
                    meant |=
                        host_matches(without_port(name), patterns) || host_matches(name, patterns);
                }
            }
            // a hash can only be compared with a whole name, so only patterns that are one help;
            // a negated name that is this host's settles it
            Names::Hashed { salt, hash } => {
                for pattern in patterns {
                    let (name, negated) = match pattern.strip_prefix('!') {
                        Some(name) => (name, true),
                        None => (pattern.as_str(), false),
                    };
                    if is_hash_of(&salt, &hash, name) {
                        if negated {
                            return false;
                        }
                        meant = true;
                    }
                }
            }
            Names::Principals(names) => {
                meant |= names.iter().any(|name| host_matches(name, patterns));
            }
        }
    }
    meant
}

enum Names<'a> {
    Listed(&'a str),
    Hashed {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    /// Of a host certificate whose authority is trusted for them.
    Principals(Vec<String>),
}

/// The names that lines for this host key give (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
fn lines_for<'a>(text: &'a str, host_key: &[u8]) -> impl Iterator<Item = Names<'a>> {
    let certificate = Certificate::from_bytes(host_key).ok();
    let authority = certificate.as_ref().and_then(|certificate| {
        ssh_agent_lib::ssh_key::PublicKey::from(certificate.signature_key().clone())
            .to_bytes()
            .ok()
    });
    let host_key = host_key.to_vec();
    text.lines().filter_map(move |line| {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().filter(|word| !word.starts_with('#'))?;
        let (marker, names) = match first.strip_prefix('@') {
            Some(marker) => (Some(marker), words.next()?),
            None => (None, first),
        };
        let key = words.nth(1).and_then(|key| STANDARD.decode(key).ok())?;
        match marker {
            None if key == host_key => Some(match hashed(names) {
                Some((salt, hash)) => Names::Hashed { salt, hash },
                None => Names::Listed(names),
            }),
            Some("cert-authority") if Some(&key) == authority.as_ref() => {
                let allowed: Vec<String> = names.split(',').map(str::to_owned).collect();
                let principals = certificate.as_ref()?.valid_principals();
                Some(Names::Principals(
                    principals
                        .iter()
                        .filter(|name| host_matches(name, &allowed))
                        .cloned()
                        .collect(),
                ))
            }
            _ => None,
        }
    })
}

/// `|1|salt|hash`
fn hashed(names: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = names.strip_prefix("|1|")?.split_once('|')?;
    Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?))
}

fn is_hash_of(salt: &[u8], hash: &[u8], name: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    hmac::verify(&key, name.as_bytes(), hash).is_ok()
}

/// `[name]:port` without its decoration.
fn without_port(name: &str) -> &str {
    match name
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
    {
        Some((name, _port)) => name,
        None => name,
    }
}

/// `*` and `?` as in ssh_config(5) PATTERNS; letter case does not count in host names.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    p = star_p + 1;
                    t = star_t + 1;
                    star = Some((star_p, star_t + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn patterns(list: &[&str]) -> Vec<String> {
        list.iter().map(|&pattern| pattern.to_owned()).collect()
    }

    fn meant(line: &str, list: &[&str]) -> bool {
        is_meant(line, &STANDARD.decode(KEY).unwrap(), &patterns(list))
    }

    #[test]
    fn patterns_as_in_ssh_config() {
        for (pattern, host, expected) in [
            ("*", "anything", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.example.com.evil", false),
            ("10.0.?.1", "10.0.5.1", true),
            ("10.0.?.1", "10.0.55.1", false),
            ("Web-*-1", "web-eu-1", true),
            ("a*b*c", "axxbyyc", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, host), expected, "{pattern} {host}");
        }
        assert!(host_matches("a.x", &patterns(&["*.x", "!b.x"])));
        assert!(!host_matches("b.x", &patterns(&["*.x", "!b.x"])));
        assert!(!host_matches("a.x", &patterns(&["!b.x"])));
        assert!(!host_matches("a.x", &[]));
    }

    #[test]
    fn names_come_from_lines_with_this_key() {
        let line = format!("web1.example.com,10.0.0.1 ssh-ed25519 {KEY}");
        assert!(meant(&line, &["*.example.com"]));
        assert!(meant(&line, &["10.0.0.1"]));
        assert!(!meant(&line, &["*.example.org"]));
        assert!(!meant(&line, &[]));
        let other = KEY.replace("Hh8f", "Hh8g").replace("HR4f", "HR4g");
        assert!(!meant(
            &format!("web1.example.com ssh-ed25519 {other}"),
            &["*"]
        ));
        assert!(meant(
            &format!("[localhost]:2222 ssh-ed25519 {KEY}"),
            &["localhost"]
        ));
        assert!(meant(
            &format!("[localhost]:2222 ssh-ed25519 {KEY}"),
            &["[localhost]:2222"]
        ));
    }

    #[test]
    fn revoked_keys_patterns_and_comments_name_nothing() {
        assert!(!meant(&format!("@revoked web ssh-ed25519 {KEY}"), &["*"]));
        assert!(!meant(&format!("# web ssh-ed25519 {KEY}"), &["*"]));
        assert!(!meant(&format!("*.example.com ssh-ed25519 {KEY}"), &["*"]));
    }

    #[test]
    fn hashed_names_match_whole_names_only() {
        let salt = [7; 20];
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        let hash = hmac::sign(&key, b"web1.example.com");
        let line = format!(
            "|1|{}|{} ssh-ed25519 {KEY}",
            STANDARD.encode(salt),
            STANDARD.encode(hash.as_ref())
        );
        assert!(meant(&line, &["web1.example.com"]));
        assert!(!meant(&line, &["*.example.com"]));
        assert!(!meant(&line, &["web1.example.com", "!web1.example.com"]));
    }
}
