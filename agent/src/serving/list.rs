//! Which identities a connection sees. A certificate holds the person's name and groups, so it is
//! shown on purpose only.

use opkssh_protocol::config::Forwarding;

use super::hosts::Names;
use super::source::Identity;

/// The identities to offer on a connection to this server; `None` when the connection did not say
/// to which.
pub fn visible<'a>(
    identities: &'a [Identity],
    server: Option<&Names>,
    is_forwarded: bool,
) -> Vec<&'a Identity> {
    identities
        .iter()
        .filter(|identity| is_visible(identity, server, is_forwarded))
        .collect()
}

/// Returns the names of the identities whose `hosts:` name the server.
pub fn meant(identities: &[Identity], server: &Names) -> Vec<String> {
    let named = |identity: &&Identity| server.satisfy(&identity.visibility);
    let meant = identities.iter().filter(named);
    meant.map(|identity| identity.name.clone()).collect()
}

fn is_visible(identity: &Identity, server: Option<&Names>, is_forwarded: bool) -> bool {
    let visibility = &identity.visibility;
    match server {
        // a machine that the agent is forwarded to learns of nothing it could not use
        _ if is_forwarded => {
            visibility.forwarding == Forwarding::Allow
                && server.is_some_and(|server| server.satisfy(visibility))
        }
        // who does not say whom it talks to is served as Go's users are served by key files
        None => true,
        Some(server) if visibility.hosts.is_empty() => server.satisfy_without_hosts(visibility),
        Some(server) => server.satisfy(visibility) || server.satisfy_unknown(visibility),
    }
}
