//! The words that sshd passes after `%u %k %t`, as declared by `arguments` in `server.yml`. Pure.

use std::net::{IpAddr, Ipv6Addr};

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// `%C`: addresses and ports of client and server.
    Connection,
    /// `%D`: the routing domain; empty if there is none.
    RoutingDomain,
}

impl Argument {
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

/// The two ends, in sshd's order.
///
/// sshd_config(5) says that the client's end comes first, but OpenSSH 10.0 and 10.6 pass the
/// server's first. The order is therefore ignored: [`SshdConnection::client`] asks which addresses
/// are this machine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshdConnection {
    pub first: End,
    pub second: End,
}

/// An address and a TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Never an IPv4-mapped address.
    pub address: IpAddr,
    /// Name or number of the interface, for a link-local address.
    pub zone: Option<String>,
    pub port: u16,
}

impl SshdConnection {
    /// Parses sshd's `%C`: `ADDRESS PORT ADDRESS PORT`.
    pub fn parse(word: &str) -> Option<Self> {
        let parts: Vec<&str> = word.split(' ').collect();
        let [address, port, other, other_port] = parts.as_slice() else {
            return None;
        };
        Some(Self {
            first: End::parse(address, port)?,
            second: End::parse(other, other_port)?,
        })
    }

    /// Returns the address of the remote end, or `None` if neither end is local. If both are local,
    /// the first one is taken as the server's.
    pub fn client(&self, is_ours: impl Fn(&End) -> bool) -> Option<IpAddr> {
        if is_ours(&self.first) {
            Some(self.second.address)
        } else if is_ours(&self.second) {
            Some(self.first.address)
        } else {
            None
        }
    }
}

impl End {
    fn parse(address: &str, port: &str) -> Option<Self> {
        let is_number = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number)?;
        let (address, zone) = match address.split_once('%') {
            None => (address.parse::<IpAddr>().ok()?, None),
            Some((address, zone)) if is_zone(zone) => {
                let address: Ipv6Addr = address.parse().ok()?;
                (IpAddr::V6(address), Some(zone.to_owned()))
            }
            Some(_) => return None,
        };
        Some(Self {
            address: address.to_canonical(),
            zone,
            port,
        })
    }
}

/// Returns true for a possible interface name that is not a path.
fn is_zone(zone: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    (1..16).contains(&zone.len()) && zone.bytes().all(good) && !zone.starts_with('.')
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

    #[test]
    fn the_four_parts() {
        let parse = |word: &str| SshdConnection::parse(word).unwrap();
        let found = parse("192.0.2.7 51234 198.51.100.1 22");
        assert_eq!(found.first.address, IpAddr::from([192, 0, 2, 7]));
        assert_eq!((found.first.port, found.second.port), (51234, 22));
        assert_eq!(found.second.address, IpAddr::from([198, 51, 100, 1]));
        let found = parse("::1 22 2001:db8::5 65535");
        assert_eq!(found.second.address.to_string(), "2001:db8::5");
        let found = parse("fe80::1%eth0.5 22 fe80::2%3 1");
        assert_eq!(found.first.zone.as_deref(), Some("eth0.5"));
        assert_eq!(found.second.address.to_string(), "fe80::2");
        let found = parse("::ffff:192.0.2.7 1 ::ffff:10.0.0.1 22");
        assert_eq!(found.first.address, IpAddr::from([192, 0, 2, 7]));
    }

    #[test]
    fn what_is_no_connection() {
        for word in [
            "",
            "192.0.2.7",
            "192.0.2.7 1 198.51.100.1",
            "192.0.2.7 1 198.51.100.1 22 5",
            "192.0.2.7  1 198.51.100.1 22",
            " 192.0.2.7 1 198.51.100.1 22",
            "192.0.2.7 1 198.51.100.1 22\n",
            "192.0.2.7 +1 198.51.100.1 22",
            "192.0.2.7 65536 198.51.100.1 22",
            "192.0.2.7 1 198.51.100.1 -1",
            "192.0.2 1 198.51.100.1 22",
            "192.0.2.7/32 1 198.51.100.1 22",
            "[::1] 1 ::1 22",
            "host.example 1 198.51.100.1 22",
            "192.0.2.7%eth0 1 198.51.100.1 22",
            "fe80::1%../x 1 ::1 22",
            "fe80::1% 1 ::1 22",
            "UNKNOWN 65535 UNKNOWN 65535",
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        ] {
            assert!(SshdConnection::parse(word).is_none(), "{word:?}");
        }
    }

    /// The manual and the code differ in the order, depending on the version.
    #[test]
    fn the_client_is_the_end_that_is_not_ours_in_either_order() {
        let ours: IpAddr = "198.51.100.1".parse().unwrap();
        let client = |word: &str| {
            let connection = SshdConnection::parse(word).unwrap();
            let client = connection.client(|end| end.address == ours || end.address.is_loopback());
            client.map(|address| address.to_string())
        };
        for word in [
            "198.51.100.1 22 192.0.2.7 51234",
            "192.0.2.7 51234 198.51.100.1 22",
        ] {
            assert_eq!(client(word).as_deref(), Some("192.0.2.7"), "{word}");
        }
        // another network namespace (container or router): unknown
        assert_eq!(client("203.0.113.1 22 192.0.2.7 51234"), None);
        // from this machine, in the order of OpenSSH 10.0 and 10.6
        let from_here = client("127.0.0.1 22 127.0.0.2 51234");
        assert_eq!(from_here.as_deref(), Some("127.0.0.2"));
    }
}
