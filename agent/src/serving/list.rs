//! Which identities a connection sees. A certificate holds the person's name and groups, so it is
//! shown on purpose only.

use opkssh_protocol::config::Forwarding;
use opkssh_protocol::time::UnixTime;

use super::destination::Bindings;
use super::hosts::Names;
use super::refusal::Refusal;
use super::source::{Identity, Terms, Visibility};

/// Fails if an identity is not listed on a connection to this server; `None` when the connection
/// did not say to which.
pub fn check(
    identity: &Identity,
    bindings: &Bindings,
    server: Option<&Names>,
    now: UnixTime,
) -> Result<(), Refusal> {
    match &identity.terms {
        Terms::Added(constraints) => constraints.check_listed(bindings, now),
        Terms::Upstream => Ok(()),
        Terms::Account { visibility, .. } => match server {
            _ if bindings.is_forwarded() => check_forwarded(visibility, server),
            // who does not say whom it talks to is served as Go's users are served by key files
            None => Ok(()),
            Some(server) => server.check(visibility),
        },
    }
}

/// Fails if a forwarded connection may not use an identity: a machine that the agent is forwarded
/// to learns of nothing it could not use.
pub fn check_forwarded(visibility: &Visibility, server: Option<&Names>) -> Result<(), Refusal> {
    match server {
        _ if visibility.forwarding == Forwarding::Deny => Err(Refusal::Denied),
        None => Err(Refusal::NoDestination),
        Some(server) if !server.satisfy(visibility) => Err(Refusal::NotMeant),
        Some(_) => Ok(()),
    }
}

/// Returns the names of the accounts whose `hosts:` name the server.
pub fn meant(identities: &[Identity], server: &Names) -> Vec<String> {
    let named = |identity: &&Identity| match &identity.terms {
        Terms::Account { visibility, .. } => server.satisfy(visibility),
        Terms::Added(_) | Terms::Upstream => false,
    };
    let meant = identities.iter().filter(named);
    meant.map(|identity| identity.name.clone()).collect()
}
