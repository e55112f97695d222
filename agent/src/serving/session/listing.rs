//! Answering a request for identities (RFC 9987 section 3.5).

use std::sync::Arc;
use std::time::Instant;

use opkssh_protocol::wire::put_string;

use super::{Session, now};
use crate::notices::Cause;
use crate::serving::hosts::Names;
use crate::serving::list::Unlisted;
use crate::serving::message::IDENTITIES_ANSWER;
use crate::serving::source::{Identity, Terms};
use crate::serving::{PERSON_TIMEOUT, RENEW_TIMEOUT, list};

impl Session {
    pub(super) async fn list(&self) -> Vec<u8> {
        let server = self.server();
        // Only a session of this machine that says whom it talks to is worth a renewal, or a look
        // into the store: `ssh-add -l` never causes traffic, and another machine causes none here.
        if let Some(server) = &server
            && !self.bindings.is_forwarded()
        {
            self.bring_up_to_date(server).await;
        }
        let mut identities: Vec<Arc<Vec<Identity>>> = Vec::new();
        for source in self.sources() {
            if self.serving.lock.is_locked() {
                identities.clear();
                break;
            }
            identities.push(source.identities().await);
        }
        let all = identities.iter().flat_map(|identities| identities.iter());
        let (mut listed, mut count) = (Vec::new(), 0_u32);
        for (identity, result) in list::list(all, &self.bindings, server.as_ref(), now()) {
            if result.is_ok() {
                put_string(&mut listed, &identity.blob);
                put_string(&mut listed, identity.comment.as_bytes());
                count += 1;
            }
            if server.is_some() && matches!(identity.terms, Terms::Account { .. }) {
                self.note_listed(&identity.name, result);
            }
        }
        [&[IDENTITIES_ANSWER][..], &count.to_be_bytes(), &listed].concat()
    }

    /// Has all accounts that this session will see brought up to date. What comes back from the
    /// store only meanwhile is asked for in its turn. Where that does not help, and accounts name
    /// this server, the person is asked.
    async fn bring_up_to_date(&self, server: &Names) {
        let (accounts, since) = (&self.serving.accounts, Instant::now());
        let mut asked: Option<Vec<String>> = None;
        loop {
            let identities = accounts.identities().await;
            let wanted = identities.iter();
            let wanted = wanted.filter(|identity| {
                list::check(identity, &self.bindings, Some(server), now()).is_ok()
            });
            let mut next: Vec<_> = wanted.map(|identity| identity.name.clone()).collect();
            if let Some(asked) = &asked {
                next.retain(|name| !asked.contains(name));
                if next.is_empty() {
                    break;
                }
            }
            accounts
                .bring_up_to_date(&next, since + RENEW_TIMEOUT)
                .await;
            asked.get_or_insert_default().extend(next);
        }
        let meant = list::meant(&accounts.identities().await, server);
        if !meant.is_empty() {
            accounts.ask_person(&meant, since + PERSON_TIMEOUT).await;
        }
    }

    /// Notes for `status` why an identity was not listed, and clears the note of one that was.
    /// Without an identity ssh asks for no signature and just fails.
    fn note_listed(&self, name: &str, listed: Result<(), Unlisted>) {
        let cause = Cause::NotOffered(name.to_owned());
        let notices = &self.serving.notices;
        match listed {
            Ok(()) => notices.clear(&cause),
            Err(Unlisted::Refused(why)) if !why.is_plain() => {
                notices.tell(cause, format!("not offered: {name}: {}", why.in_full()))
            }
            Err(_) => {}
        }
    }
}
