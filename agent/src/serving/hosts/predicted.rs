//! What will be known of a server when ssh connects to it.

use opkssh_protocol::control::{HostQuery, NewHostKey};
use opkssh_protocol::wire::Reader;

use super::line::{Hash, fields, without_port};
use super::{KnownHosts, Name, Names, has, host_matches, split};
use crate::serving::announced::Announcement;
use crate::serving::destination::Bindings;
use crate::serving::host_key::{HostKey, UnprovedHostKey};

/// The types of host keys in ssh's order; all others come after these.
const PREFERRED: [&[u8]; 4] = [
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
];

/// The server as an ssh that was not announced would make it known.
pub struct Prediction {
    pub bindings: Bindings,
    pub names: Names,
    /// known_hosts has its key.
    pub is_known: bool,
}

/// What known_hosts has for a server.
enum Expected {
    Key(Vec<u8>),
    Authority(Vec<u8>),
}

impl KnownHosts {
    pub fn predict(&self, query: &HostQuery) -> Prediction {
        let expected = self.expected_key(query);
        let is_known = expected.is_some();
        let bindings = match expected {
            Some(Expected::Key(key)) => match HostKey::parse(&key) {
                Ok(host_key) => Bindings::predicted(host_key),
                Err(_) => Bindings::predicted_unproved(UnprovedHostKey::parse(&key)),
            },
            Some(Expected::Authority(key)) => {
                let host = without_port(&query.name);
                Bindings::predicted(HostKey::certified_by(key, host))
            }
            None => Bindings::predicted(HostKey::unknown()),
        };
        let names = match is_known {
            true => self.look_up_bound(&bindings, Announcement::default()),
            false => Some(self.names_of_new_key(query)),
        };
        Prediction {
            bindings,
            names: names.unwrap_or_default(),
            is_known,
        }
    }

    /// Returns the key by which ssh will know the server: of several that are known, the type that
    /// ssh asks for first.
    fn expected_key(&self, query: &HostQuery) -> Option<Expected> {
        let texts = self.texts(&query.known_hosts, &mut Vec::new());
        let lines = texts.iter().flat_map(|text| text.lines());
        let lines: Vec<_> = lines.filter_map(fields).collect();
        let is_revoked = |key: &Vec<u8>| {
            let mut revoked = lines.iter();
            revoked.any(|(marker, _, other)| *marker == Some("revoked") && other == key)
        };
        let find = |is_named: &dyn Fn(&str) -> bool| {
            let named = lines.iter().filter(|(_, listed, _)| is_named(listed));
            let with = |marker: Option<&'static str>| {
                let found = named.clone().filter(move |(its, ..)| *its == marker);
                found.map(|(.., key)| key)
            };
            let key = with(None).min_by_key(|key| (is_revoked(key), rank(key)));
            let authority = || with(Some("cert-authority")).next().cloned();
            let key = key.cloned().map(Expected::Key);
            key.or_else(|| authority().map(Expected::Authority))
        };
        // ssh looks for a server at an unusual port without its port, too
        let exact = |listed: &str| match Hash::parse(listed) {
            Some(hash) => hash.is_of(&query.name),
            None => host_matches(&query.name, &split(listed)),
        };
        let at_any_port =
            |listed: &str| has(listed, &query.name) || has(listed, without_port(&query.name));
        find(&exact).or_else(|| find(&at_any_port))
    }

    /// Returns what is known of a server that no file knows, once ssh has recorded its key or not.
    fn names_of_new_key(&self, query: &HostQuery) -> Names {
        let mut names = Names {
            // a forge's key is known without known_hosts
            patterns: vec![vec![query.name.clone()]],
            ..Names::default()
        };
        self.texts(&[], &mut names.unreadable);
        let recorded_here = |file| self.files.contains(file);
        let is_recorded_here = query.known_hosts.first().is_none_or(recorded_here);
        let name = match query.new_key {
            NewHostKey::Recorded => Name::Plain(query.name.clone()),
            NewHostKey::Hashed => Name::Hashed(Hash::of(&query.name)),
            NewHostKey::NotRecorded => return names,
        };
        if is_recorded_here {
            names.is_known = true;
            names.names.push(name);
        }
        names
    }
}

fn rank(key: &[u8]) -> usize {
    let kind = Reader::new(key).string().unwrap_or_default();
    let mut preferred = PREFERRED.iter();
    preferred
        .position(|other| *other == kind)
        .unwrap_or(PREFERRED.len())
}

#[cfg(test)]
mod tests;
