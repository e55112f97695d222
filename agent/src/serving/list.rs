//! Which identities a connection sees. A certificate holds the person's name and groups, so it is
//! shown on purpose only.

use super::hosts::Names;
use crate::held::Identity;

/// The identities to offer on a connection to the server with these `names`; `None` when it was
/// not said to which.
pub fn visible<'a>(
    identities: &'a [Identity],
    names: Option<&Names>,
    is_forwarded: bool,
) -> Vec<&'a Identity> {
    identities
        .iter()
        .filter(|identity| is_visible(identity, names, is_forwarded))
        .collect()
}

/// The accounts whose `hosts:` name the server.
pub fn meant(identities: &[Identity], names: &Names) -> Vec<String> {
    let named = |identity: &&Identity| names.satisfy(&identity.hosts);
    let meant = identities.iter().filter(named);
    meant.map(|identity| identity.account.clone()).collect()
}

fn is_visible(identity: &Identity, names: Option<&Names>, is_forwarded: bool) -> bool {
    match names {
        // a machine that the agent is forwarded to learns of nothing it could not use
        _ if is_forwarded => names.is_some_and(|names| names.satisfy(&identity.hosts)),
        // who does not say whom it talks to is served as Go's users are served by key files
        None => true,
        Some(_) if identity.hosts.is_empty() => true,
        // a host key met for the first time has no name yet
        Some(names) => !names.are_known() || names.satisfy(&identity.hosts),
    }
}
