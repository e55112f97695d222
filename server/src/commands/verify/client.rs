//! The client's address, as passed by sshd.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use super::context::Context;
use crate::arguments::{self, Argument, End, NoConnection};

/// Returns the client's address. If it is unknown, logs the reason if a rule needs it or
/// `server.yml` declares it.
pub(super) fn client_address(context: Context<'_>) -> Option<IpAddr> {
    let Context {
        args, files, log, ..
    } = context;
    let unknown = match find(&files.settings.arguments, &args.extra) {
        Ok(address) => return Some(address),
        Err(unknown) => unknown,
    };
    let is_declared = !matches!(unknown, NoConnection::NotDeclared);
    if is_declared || files.policy.rules.have_client_address() {
        log.line(&format!(
            "warning: the client's address is not known: {unknown}. Rules with client_address do \
             not allow; those that deny, deny"
        ));
    }
    None
}

/// Returns the address to explain the decision for: the `given` one, if sshd would pass an address.
/// Otherwise logs the reason.
pub(super) fn assumed_address(context: Context<'_>, given: Option<IpAddr>) -> Option<IpAddr> {
    let Context { files, log, .. } = context;
    let is_declared = files.settings.arguments.contains(&Argument::Connection);
    let have_client_address = files.policy.rules.have_client_address();
    match given {
        Some(address) if is_declared => return Some(address.to_canonical()),
        Some(_) => log.line(&format!(
            "--client-address has no effect: {}",
            NoConnection::NotDeclared
        )),
        None if have_client_address && is_declared => {
            log.line("the client's address is not known: give it with --client-address");
        }
        None if have_client_address => log.line(&format!(
            "the client's address is not known: {}",
            NoConnection::NotDeclared
        )),
        None => {}
    }
    None
}

fn find(declared: &[Argument], words: &[String]) -> Result<IpAddr, NoConnection> {
    let connection = arguments::connection(declared, words)?;
    connection.client(is_ours).ok_or(NoConnection::NotOurs(
        connection.first.address,
        connection.second.address,
    ))
}

/// Returns true for an address of this machine: only then does the kernel use it as the source
/// address of packets to it. Sends nothing.
fn is_ours(end: &End) -> bool {
    let (any, to) = match end.address {
        address if address.is_loopback() => return true,
        address if address.is_unspecified() || address.is_multicast() => return false,
        IpAddr::V4(address) => (
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::from((address, end.port)),
        ),
        IpAddr::V6(address) => {
            let scope = end.zone.as_deref().and_then(scope_id).unwrap_or(0);
            (
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                SocketAddrV6::new(address, end.port, 0, scope).into(),
            )
        }
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(to)?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == end.address)
}

/// Returns the index of an interface, given by number or name.
fn scope_id(zone: &str) -> Option<u32> {
    let from_name = || {
        let text = fs::read_to_string(format!("/sys/class/net/{zone}/ifindex")).ok()?;
        text.trim().parse().ok()
    };
    zone.parse().ok().or_else(from_name)
}

#[cfg(test)]
mod tests;
