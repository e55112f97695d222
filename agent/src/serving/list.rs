//! Which identities a connection sees. A certificate holds the person's name and groups, so it is
//! shown on purpose only.

use std::collections::HashSet;

use opkssh_protocol::config::Forwarding;
use opkssh_protocol::time::UnixTime;

use super::destination::Bindings;
use super::hosts::Names;
use super::message::{MAX_ANSWER, MAX_LISTED};
use super::refusal::Refusal;
use super::source::{Identity, Terms, Visibility};

/// Why an identity is not in a list.
#[derive(Debug, PartialEq, Eq)]
pub enum Unlisted {
    Refused(Refusal),
    /// An upstream agent may hold what is here, too: the first source decides.
    Duplicate,
    Full,
}

/// Returns for each identity, in the order of the sources, whether it is listed on a connection to
/// this server, else why not.
pub fn list<'a>(
    identities: impl Iterator<Item = &'a Identity>,
    bindings: &Bindings,
    server: Option<&Names>,
    now: UnixTime,
) -> Vec<(&'a Identity, Result<(), Unlisted>)> {
    let (mut count, mut length, mut seen) = (0, 0, HashSet::new());
    let decided = identities.map(|identity| {
        if !seen.insert(&identity.blob[..]) {
            return (identity, Err(Unlisted::Duplicate));
        }
        if let Err(refusal) = check(identity, bindings, server, now) {
            return (identity, Err(Unlisted::Refused(refusal)));
        }
        let longer = length + identity.blob.len() + identity.comment.len() + 8;
        if count == MAX_LISTED || longer > MAX_ANSWER {
            return (identity, Err(Unlisted::Full));
        }
        (count, length) = (count + 1, longer);
        (identity, Ok(()))
    });
    decided.collect()
}

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
