//! `NO_PROXY`: hosts to connect to without a proxy, with Go's syntax. Pure.

use url::{Host, Url};

use crate::cidr::Cidr;

/// The entries, in lower case.
#[derive(Default)]
pub(super) struct NoProxy(Vec<Entry>);

enum Entry {
    /// `*`
    All,
    /// Addresses in CIDR notation, such as `10.0.0.0/8`.
    Block(Cidr),
    /// An address, a name (including subdomains), or `.name` or `*.name` (only subdomains).
    Host { name: String, port: Option<u16> },
}

impl NoProxy {
    pub fn parse(text: &str) -> Self {
        let entries = text.split(',').map(|entry| entry.trim().to_lowercase());
        Self(entries.map(Entry::parse).collect())
    }

    pub fn names(&self, url: &Url) -> bool {
        self.0.iter().any(|entry| entry.is_for(url))
    }
}

impl Entry {
    fn parse(entry: String) -> Self {
        if entry == "*" {
            return Self::All;
        }
        if entry.contains('/')
            && let Some(block) = Cidr::parse_loosely(&entry)
        {
            return Self::Block(block);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                (name.to_owned(), port.parse().ok())
            }
            _ => (entry, None),
        };
        Self::Host { name, port }
    }

    fn is_for(&self, url: &Url) -> bool {
        match self {
            Self::All => true,
            Self::Block(block) => match url.host() {
                Some(Host::Ipv4(address)) => block.contains(address.into()),
                Some(Host::Ipv6(address)) => block.contains(address.into()),
                // as in Go, names are not resolved for this
                Some(Host::Domain(_)) | None => false,
            },
            Self::Host { name, port } => {
                let other_port = port.is_some_and(|port| url.port_or_known_default() != Some(port));
                !name.is_empty() && !other_port && is_host(name, url)
            }
        }
    }
}

fn is_host(name: &str, url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(host)) => {
            let below = name.strip_prefix('*').unwrap_or(name);
            let is_below = |host: &str| {
                host.strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
            };
            match below.starts_with('.') {
                true => host.ends_with(below),
                false => host == name || is_below(host),
            }
        }
        Some(host) => host.to_string().trim_matches(['[', ']']) == name.trim_matches(['[', ']']),
        None => false,
    }
}

#[cfg(test)]
mod tests;
