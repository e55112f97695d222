//! Blocks of addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3). Pure.

use std::fmt;
use std::net::IpAddr;

/// An address, or a block without bits after its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    /// `None`: this address alone.
    prefix: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address or a CIDR block without bits behind its prefix")]
pub struct NotACidr(String);

/// Length in bits of the prefix of IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2).
const MAPPED_PREFIX: u32 = 96;

impl Cidr {
    /// Parses `ADDRESS` or `ADDRESS/PREFIX`. A block of IPv4-mapped addresses becomes the IPv4 block.
    pub fn parse(text: &str) -> Result<Self, NotACidr> {
        // sshd reads a short number only, and takes what is longer for a pattern
        let is_short = text.split_once('/').is_none_or(|(_, end)| end.len() <= 3);
        Self::find(text)
            .filter(|(_, has_bits_behind)| is_short && !has_bits_behind)
            .map(|(block, _)| block)
            .ok_or_else(|| NotACidr(text.chars().take(64).collect()))
    }

    /// Parses a block that may have bits behind its prefix.
    pub fn parse_loosely(text: &str) -> Option<Self> {
        Self::find(text).map(|(block, _)| block)
    }

    fn find(text: &str) -> Option<(Self, bool)> {
        let Some((address, prefix)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            let (address, prefix) = (address.to_canonical(), None);
            return Some((Self { address, prefix }, false));
        };
        let address: IpAddr = address.parse().ok()?;
        let is_number = !prefix.is_empty() && prefix.bytes().all(|c| c.is_ascii_digit());
        let prefix: u32 = prefix.parse().ok().filter(|_| is_number)?;
        (prefix <= width(address)).then_some(())?;
        let has_bits_behind = bits(address).checked_shl(prefix).unwrap_or(0) != 0;
        let inner = prefix.checked_sub(MAPPED_PREFIX);
        let (address, prefix) = match (address.to_canonical(), inner) {
            (mapped @ IpAddr::V4(_), Some(inner)) if address.is_ipv6() => (mapped, Some(inner)),
            _ => (address, Some(prefix)),
        };
        Some((Self { address, prefix }, has_bits_behind))
    }

    /// Returns true if the address is in the block. IPv4-mapped addresses are IPv4 addresses.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let prefix = self.prefix.unwrap_or(width(self.address));
        let behind = 128 - prefix;
        let front = |address| bits(address).checked_shr(behind).unwrap_or(0);
        address.is_ipv4() == self.address.is_ipv4() && front(address) == front(self.address)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            None => write!(f, "{}", self.address),
            Some(prefix) => write!(f, "{}/{prefix}", self.address),
        }
    }
}

/// Returns the address's bits, the first one in the highest position.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests;
