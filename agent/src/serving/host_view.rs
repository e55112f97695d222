//! What a server would see if ssh connected to it now, by the rules that a list is made with.

use std::slice;
use std::sync::Arc;
use std::time::SystemTime;

use opkssh_protocol::control::{
    HiddenIdentity, HostIdentity, HostQuery, HostView, NotOffered, Origin,
};
use opkssh_protocol::time::UnixTime;

use super::Serving;
use super::added::fingerprint_of;
use super::expected::explain;
use super::hosts::{Names, Prediction};
use super::list::{self, Unlisted};
use super::refusal::Refusal;
use super::source::{Identity, IdentitySource, Terms, Visibility};

/// As many as fit into a frame, with names of this length.
const MAX_IDENTITIES: usize = 500;
const MAX_NAME: usize = 100;

/// An account that no server sees now.
pub struct UnavailableAccount {
    pub name: String,
    pub visibility: Visibility,
    pub is_locked: bool,
    pub reason: String,
}

impl Serving {
    /// Returns what the server would see. Asks upstream agents for their keys, and nothing else.
    pub async fn host_view(
        &self,
        query: &HostQuery,
        unavailable: Vec<UnavailableAccount>,
    ) -> HostView {
        let server = self.known_hosts.predict(query);
        let mut view = HostView {
            is_known: server.is_known,
            offered: Vec::new(),
            not_offered: Vec::new(),
            left_out: 0,
        };
        let of_account = |account| unavailable_account(account, &server.names, &query.name);
        view.not_offered
            .extend(unavailable.into_iter().map(of_account));
        if self.lock.is_locked() {
            let added = self.added.fingerprints().into_iter().map(locked_key);
            view.not_offered.extend(added);
        } else {
            self.add_identities(&mut view, &server, &query.name).await;
        }
        shorten(&mut view);
        view
    }

    async fn add_identities(&self, view: &mut HostView, server: &Prediction, name: &str) {
        let mut sources = vec![
            (Origin::Account, self.accounts.identities().await),
            (Origin::SshAdd, self.added.identities().await),
        ];
        // keys that an upstream agent would hide by binds that only the server's proof makes are
        // listed here
        for upstream in self.upstreams.connect(None) {
            let socket = upstream.socket().display().to_string();
            sources.push((Origin::Upstream { socket }, upstream.identities().await));
        }
        let of_source = |(origin, identities): &(Origin, Arc<Vec<Identity>>)| {
            vec![origin.clone(); identities.len()]
        };
        let origins = sources.iter().flat_map(of_source);
        let all = sources.iter().flat_map(|(_, identities)| identities.iter());
        let now = UnixTime::from(SystemTime::now());
        let listed = list::list(all, &server.bindings, Some(&server.names), now);
        for ((identity, listed), source) in listed.into_iter().zip(origins) {
            let shown = HostIdentity {
                name: name_of(identity),
                source,
                fingerprint: Some(fingerprint_of(&identity.blob)),
                state: None,
            };
            match listed {
                Ok(()) => view.offered.push(shown),
                Err(why) => {
                    let hidden = hidden(shown, &why, &identity.terms, &server.names, name);
                    view.not_offered.push(hidden);
                }
            }
        }
    }
}

fn hidden(
    identity: HostIdentity,
    why: &Unlisted,
    terms: &Terms,
    server: &Names,
    name: &str,
) -> HiddenIdentity {
    let (reason, hint) = match (why, terms) {
        (Unlisted::Duplicate, _) => ("an earlier source has the same key".to_owned(), None),
        (Unlisted::Full, _) => ("ssh takes no longer list".to_owned(), None),
        (Unlisted::Refused(why), Terms::Account { visibility, .. }) => {
            let name = name.to_owned();
            let account = (&*identity.name, visibility);
            let (reason, hint) = explain(why, server, account, slice::from_ref(&name));
            (reason, Some(hint))
        }
        (Unlisted::Refused(why), _) => {
            let hint = format!(
                "add the key again, for all of its servers: ssh-add -h {name} -h OTHER KEY"
            );
            (why.to_string(), Some(hint))
        }
    };
    let why = match why {
        Unlisted::Duplicate => NotOffered::Duplicate,
        Unlisted::Full => NotOffered::ListFull,
        Unlisted::Refused(refusal) => kind(refusal),
    };
    HiddenIdentity {
        identity,
        why,
        reason,
        hint,
    }
}

fn unavailable_account(account: UnavailableAccount, server: &Names, host: &str) -> HiddenIdentity {
    let name = account.name.as_str();
    let (why, (reason, hint)) = match server.check(&account.visibility) {
        _ if account.is_locked => (NotOffered::Locked, (account.reason, None)),
        Ok(()) => (
            NotOffered::Unavailable,
            (
                account.reason,
                Some("see what is wrong: opkssh status".to_owned()),
            ),
        ),
        Err(refusal) => {
            let names = [host.to_owned()];
            let (reason, hint) = explain(&refusal, server, (name, &account.visibility), &names);
            (kind(&refusal), (reason, Some(hint)))
        }
    };
    HiddenIdentity {
        identity: HostIdentity {
            name: account.name,
            source: Origin::Account,
            fingerprint: None,
            state: None,
        },
        why,
        reason,
        hint,
    }
}

fn locked_key(fingerprint: String) -> HiddenIdentity {
    HiddenIdentity {
        identity: HostIdentity {
            name: fingerprint.clone(),
            source: Origin::SshAdd,
            fingerprint: Some(fingerprint),
            state: None,
        },
        why: NotOffered::Locked,
        reason: "the agent is locked".to_owned(),
        hint: None,
    }
}

fn name_of(identity: &Identity) -> String {
    let name = match &identity.terms {
        Terms::Account { .. } => &identity.name,
        Terms::Added(_) | Terms::Upstream if identity.comment.is_empty() => &identity.name,
        Terms::Added(_) | Terms::Upstream => &identity.comment,
    };
    name.chars().take(MAX_NAME).collect()
}

fn kind(refusal: &Refusal) -> NotOffered {
    match refusal {
        Refusal::Revoked => NotOffered::Revoked,
        Refusal::OtherHost => NotOffered::OtherHost,
        Refusal::Unreadable(_) => NotOffered::KnownHostsUnreadable,
        Refusal::Forge | Refusal::PerhapsForge => NotOffered::Forge,
        Refusal::OtherKey => NotOffered::OtherKey,
        Refusal::Unknown => NotOffered::UnknownKey,
        Refusal::BindFailed | Refusal::OtherDestination | Refusal::NoSuchLogin => {
            NotOffered::Destination
        }
        Refusal::NoDestination
        | Refusal::NotMeant
        | Refusal::Denied
        | Refusal::NotThisLogin
        | Refusal::NotHostBound
        | Refusal::NotConfirmed
        | Refusal::NotAsked(_)
        | Refusal::ForwardingNotAsked(_)
        | Refusal::LocalNotAsked(_) => NotOffered::Forwarded,
    }
}

/// Leaves out what does not fit into an answer.
fn shorten(view: &mut HostView) {
    let before = view.offered.len() + view.not_offered.len();
    view.offered.truncate(MAX_IDENTITIES);
    let left = MAX_IDENTITIES - view.offered.len();
    view.not_offered.truncate(left);
    view.left_out = before - view.offered.len() - view.not_offered.len();
}
