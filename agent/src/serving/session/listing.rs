//! Answering a request for identities (RFC 9987 section 3.5).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use opkssh_protocol::wire::put_string;

use super::{Session, now};
use crate::notices::Cause;
use crate::serving::hosts::Names;
use crate::serving::message::{IDENTITIES_ANSWER, MAX_ANSWER, MAX_LISTED};
use crate::serving::refusal::Refusal;
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
        let (mut listed, mut count, mut seen) = (Vec::new(), 0_u32, HashSet::new());
        for identity in identities.iter().flat_map(|identities| identities.iter()) {
            // an upstream agent may hold what is here, too: the first source decides
            if !seen.insert(&identity.blob[..]) {
                continue;
            }
            let checked = self.check(identity, server.as_ref());
            let length = listed.len() + identity.blob.len() + identity.comment.len() + 8;
            if checked.is_ok() && count < MAX_LISTED && length <= MAX_ANSWER {
                put_string(&mut listed, &identity.blob);
                put_string(&mut listed, identity.comment.as_bytes());
                count += 1;
            }
            if server.is_some() && matches!(identity.terms, Terms::Account { .. }) {
                self.note_listed(&identity.name, checked);
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
            let wanted = wanted.filter(|identity| self.check(identity, Some(server)).is_ok());
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

    fn check(&self, identity: &Identity, server: Option<&Names>) -> Result<(), Refusal> {
        list::check(identity, &self.bindings, server, now())
    }

    /// Notes for `status` why an identity was not listed, and clears the note of one that was.
    /// Without an identity ssh asks for no signature and just fails.
    fn note_listed(&self, name: &str, checked: Result<(), Refusal>) {
        let cause = Cause::NotOffered(name.to_owned());
        let notices = &self.serving.notices;
        match checked {
            Ok(()) => notices.clear(&cause),
            Err(why) if why.is_plain() => {}
            Err(why) => notices.tell(cause, format!("not offered: {name}: {}", why.in_full())),
        }
    }
}
