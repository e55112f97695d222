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
mod tests {
    use super::*;

    #[track_caller]
    fn names(entries: &str, direct: &[&str], proxied: &[&str]) {
        let entries = NoProxy::parse(entries);
        for url in direct {
            assert!(entries.names(&Url::parse(url).unwrap()), "{url}");
        }
        for url in proxied {
            assert!(!entries.names(&Url::parse(url).unwrap()), "{url}");
        }
    }

    #[test]
    fn hosts_as_in_go() {
        names(
            "a.example, .b.example,*.c.example,10.0.0.1,d.example:8443,[::1]",
            &[
                "https://a.example",
                "https://x.a.example",
                "https://x.b.example",
                "https://x.c.example",
                "https://10.0.0.1",
                "https://d.example:8443",
                "https://[::1]/",
            ],
            &[
                "https://b.example",
                "https://xa.example",
                "https://c.example",
                "https://10.0.0.12",
                "https://d.example",
                "https://example",
            ],
        );
        names("*", &["https://a.example", "https://[::1]"], &[]);
        names("", &[], &["https://a.example"]);
    }

    #[test]
    fn blocks_of_addresses_as_in_go() {
        names(
            "10.1.2.3/8, 192.168.16.0/20,2001:db8::/32, 203.0.113.7/32",
            &[
                "https://10.0.0.1",
                "https://10.255.255.255:8443",
                "https://192.168.31.255",
                "https://[2001:db8:1::1]",
                "https://[::ffff:10.0.0.1]",
                "https://203.0.113.7",
            ],
            &[
                "https://11.0.0.1",
                "https://192.168.32.0",
                "https://[2001:db9::1]",
                "https://203.0.113.6",
                "https://10.example",
            ],
        );
        names(
            "0.0.0.0/0",
            &["https://8.8.8.8"],
            &["https://[2001:db8::1]", "https://a.example"],
        );
        names("::/0", &["https://[2001:db8::1]"], &["https://8.8.8.8"]);
    }

    #[test]
    fn what_is_no_block_names_nothing() {
        names(
            "10.0.0.0/33, 10.0.0.0/, 10.0.0/8, 10.0.0.0/+8, /8, 10.0.0.0/8:443, a.example/8",
            &[],
            &["https://10.0.0.1", "https://a.example"],
        );
    }
}
