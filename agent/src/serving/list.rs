//! Which identities a connection sees. A certificate holds the person's name and groups, so it is
//! shown on purpose only.

use super::destination::Bindings;
use super::hosts::KnownHosts;
use crate::held::Identity;

/// The identities to offer on this connection.
pub fn visible<'a>(
    identities: &'a [Identity],
    bindings: &Bindings,
    known_hosts: &KnownHosts,
) -> Vec<&'a Identity> {
    identities
        .iter()
        .filter(|identity| is_visible(identity, bindings, known_hosts))
        .collect()
}

fn is_visible(identity: &Identity, bindings: &Bindings, known_hosts: &KnownHosts) -> bool {
    let destination = bindings.destination();
    if bindings.is_forwarded() {
        // a machine that the agent is forwarded to learns of nothing it could not use
        return destination.is_some_and(|destination| {
            known_hosts.is_meant(destination.host_key, &identity.hosts)
        });
    }
    match destination {
        // who does not say whom it talks to is served as Go's users are served by key files
        None => true,
        Some(_) if identity.hosts.is_empty() => true,
        // a host key met for the first time has no name yet
        Some(destination) => {
            !known_hosts.has_names(destination.host_key)
                || known_hosts.is_meant(destination.host_key, &identity.hosts)
        }
    }
}
