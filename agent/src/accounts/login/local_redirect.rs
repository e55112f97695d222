//! Where a loopback redirect URI (RFC 8252 section 7.3) leads to on this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;
use tokio::net::TcpListener;
use url::{Host, Position, Url};

use super::error::LoginError;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Where a redirect URI leads to on this machine.
pub(super) struct LocalRedirect {
    /// All that a browser may try.
    addresses: &'static [IpAddr],
    pub port: u16,
    pub path: String,
    /// What the browser sends as `Host`.
    pub authority: String,
}

impl LocalRedirect {
    pub fn parse(redirect_uri: &str) -> Result<Self, LoginError> {
        let refused = || LoginError::NotLoopback(redirect_uri.to_owned());
        let url = Url::parse(redirect_uri).map_err(|_| refused())?;
        let addresses: &[IpAddr] = match url.host() {
            Some(Host::Domain("localhost")) => &[V4, V6],
            Some(Host::Ipv4(Ipv4Addr::LOCALHOST)) => &[V4],
            Some(Host::Ipv6(Ipv6Addr::LOCALHOST)) => &[V6],
            _ => return Err(refused()),
        };
        match url.port() {
            Some(port) if url.scheme() == "http" => Ok(Self {
                addresses,
                port,
                path: url.path().to_owned(),
                authority: authority(&url),
            }),
            _ => Err(refused()),
        }
    }

    /// Listens on all of its addresses that the machine has. A port that another program holds on
    /// one of them counts as busy: that program could take the code from us.
    pub async fn listen(&self) -> io::Result<Vec<TcpListener>> {
        let mut listeners = Vec::new();
        let mut missing = None;
        for address in self.addresses {
            match TcpListener::bind((*address, self.port)).await {
                Ok(listener) => listeners.push(listener),
                Err(error) if is_of_missing_family(&error) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if listeners.is_empty() => Err(error),
            _ => Ok(listeners),
        }
    }
}

/// Returns true if the machine has no such address: no other program can listen there, either.
fn is_of_missing_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error())
}

/// Returns the `Host` of requests that a relay at `remote` passes on: the name of either side.
pub(super) fn passed_on_authorities(remote: &str, port: u16) -> Vec<String> {
    let remote = Url::parse(remote).ok().map(|url| authority(&url));
    let local = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}"));
    local.into_iter().chain(remote).collect()
}

fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

#[cfg(test)]
mod tests;
