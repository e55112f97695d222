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
mod tests;
