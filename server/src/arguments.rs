//! The words that sshd passes after `%u %k %t`, as declared by `arguments` in `server.yml`. Pure.

use std::net::IpAddr;

use serde::Deserialize;

use crate::connection::SshdConnection;

/// Meaning of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// `%C`: addresses and ports of client and server.
    Connection,
    /// `%D`: the routing domain; empty if there is none.
    RoutingDomain,
}

impl Argument {
    /// Returns sshd's token for it.
    pub fn token(self) -> &'static str {
        match self {
            Self::Connection => "%C",
            Self::RoutingDomain => "%D",
        }
    }
}

/// Reason why the client is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    #[error("server.yml does not declare `arguments: [connection]`")]
    NotDeclared,
    #[error("server.yml declares `connection` in `arguments`, but sshd passes no word for it")]
    Missing,
    #[error("{0:?} is not ADDRESS PORT ADDRESS PORT, as sshd's %C would be")]
    Malformed(String),
    #[error("neither {0} nor {1} is an address of this machine")]
    NotOurs(IpAddr, IpAddr),
}

/// Returns the connection among `words`, which begin as `declared` says. The position decides,
/// never the form of a word.
pub fn connection(declared: &[Argument], words: &[String]) -> Result<SshdConnection, NoConnection> {
    let place = declared
        .iter()
        .position(|argument| *argument == Argument::Connection)
        .ok_or(NoConnection::NotDeclared)?;
    let word = words.get(place).ok_or(NoConnection::Missing)?;
    SshdConnection::parse(word)
        .ok_or_else(|| NoConnection::Malformed(word.chars().take(128).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_found_by_its_place_alone() {
        use Argument::{Connection, RoutingDomain};
        let word = "198.51.100.1 22 192.0.2.7 51234";
        let find = |declared: &[Argument], words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            connection(declared, &words).map(|connection| connection.second.port)
        };
        assert_eq!(find(&[Connection], &[word]), Ok(51234));
        assert_eq!(find(&[Connection], &[word, "SHA256:x"]), Ok(51234));
        assert_eq!(find(&[RoutingDomain, Connection], &["", word]), Ok(51234));
        assert_eq!(find(&[], &[word]), Err(NoConnection::NotDeclared));
        assert_eq!(
            find(&[RoutingDomain], &[word]),
            Err(NoConnection::NotDeclared)
        );
        assert_eq!(find(&[Connection], &[]), Err(NoConnection::Missing));
        assert_eq!(
            find(&[RoutingDomain, Connection], &[word]),
            Err(NoConnection::Missing)
        );
        for words in [&["", word][..], &["SHA256:x", word], &["%C"]] {
            let found = find(&[Connection], words);
            assert!(
                matches!(found, Err(NoConnection::Malformed(_))),
                "{words:?}"
            );
        }
    }
}
