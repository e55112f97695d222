//! Answering a signature request (RFC 9987 section 3.6).

use std::time::Instant;

use opkssh_protocol::audit::Question;
use opkssh_protocol::config::Forwarding;
use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::printable::printable;
use opkssh_protocol::wire::{Malformed, Reader, strings};

use super::{Session, now};
use crate::notices::Cause;
use crate::serving::announced::Announcement;
use crate::serving::approvals::ForwardedUse;
use crate::serving::confirm::{forwarded_question, question};
use crate::serving::destination::Bind;
use crate::serving::hosts::Names;
use crate::serving::message::{FAILURE, SIGN_RESPONSE};
use crate::serving::refusal::Refusal;
use crate::serving::sign;
use crate::serving::source::{Identity, Terms, Visibility};
use crate::serving::userauth::UserauthRequest;

impl Session {
    pub(super) async fn sign(&self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(body);
        let (key, data, flags) = (reader.string()?, reader.string()?, reader.u32()?);
        reader.end()?;
        let is_forwarded = self.bindings.is_forwarded();
        // looked up for unknown keys, too: the time it takes must not tell which keys are held
        let server = match is_forwarded {
            true => self.server(),
            false => None,
        };
        let mut is_refused = false;
        for source in self.sources() {
            // a lock may come while a person is asked, or a source signs
            if self.serving.lock.is_locked() {
                break;
            }
            // the first source decides; after a no, the others are looked at for the time's sake only
            let Some(identity) = source.find(key).await.filter(|_| !is_refused) else {
                continue;
            };
            if !self.may_sign(&identity, data, server.as_ref()).await {
                is_refused = true;
                continue;
            }
            if self.serving.lock.is_locked() {
                self.refused(&identity, data, "the agent is locked".to_owned());
                break;
            }
            let name = &identity.name;
            let Some(signature) = source.sign(&identity, data, flags).await else {
                tracing::info!(identity = name, forwarded = is_forwarded, "not signed");
                self.refused(&identity, data, "its holder does not sign it".to_owned());
                break;
            };
            tracing::info!(identity = name, forwarded = is_forwarded, "signed");
            self.audit.signed(&identity, data, &self.bindings);
            return Ok([&[SIGN_RESPONSE][..], &strings(&[&signature])].concat());
        }
        // clients ask for keys of other agents all the time
        Ok(vec![FAILURE])
    }

    /// Returns true if this connection may have `data` signed. If not, `status` or the log says why.
    async fn may_sign(&self, identity: &Identity, data: &[u8], server: Option<&Names>) -> bool {
        let notices = &self.serving.notices;
        let refused = Cause::SignatureRefused(identity.name.clone());
        let not_asked = Cause::NotAsked(identity.name.clone());
        let Err(why) = self.check_signature(identity, data, server).await else {
            if self.bindings.is_forwarded() {
                notices.clear(&refused);
            }
            if let Terms::Added(_) = identity.terms {
                notices.clear(&not_asked);
            }
            return true;
        };
        self.refused(identity, data, why.to_string());
        let text = format!("signature refused: {}: {}", identity.name, why.in_full());
        match (&identity.terms, why) {
            (Terms::Account { .. }, _) => notices.tell(refused, text),
            (_, Refusal::NotAsked(_)) => notices.tell(not_asked, text),
            (Terms::Added(_) | Terms::Upstream, _) => notices.warn(&text),
        }
        false
    }

    fn refused(&self, identity: &Identity, data: &[u8], why: String) {
        let bindings = &self.bindings;
        self.audit.signature_refused(identity, data, bindings, why);
    }

    /// Fails if this connection may not have `data` signed, or the person does not want it.
    async fn check_signature(
        &self,
        identity: &Identity,
        data: &[u8],
        server: Option<&Names>,
    ) -> Result<(), Refusal> {
        sign::check(identity, data, &self.bindings, server, now())?;
        let is_forwarded = self.bindings.is_forwarded();
        match &identity.terms {
            Terms::Added(constraints) if constraints.confirm => {
                let question = question(identity, data, &self.bindings, self.process);
                let asked = self
                    .audit
                    .asked(Question::KeyUse, identity, data, &self.bindings);
                let said = self.serving.confirm.confirm(question, is_forwarded).await;
                asked.answered(&said);
                let said = said.map_err(|why| Refusal::NotAsked(why.to_string()))?;
                said.then_some(()).ok_or(Refusal::NotConfirmed)
            }
            Terms::Account {
                visibility,
                public_key,
            } if is_forwarded && visibility.forwarding == Forwarding::Confirm => {
                self.confirm_forwarding(identity, visibility, public_key, data)
                    .await
            }
            _ => Ok(()),
        }
    }

    /// Fails if the person does not want an account to be used through the machines that the
    /// connection comes from, for a login that was checked.
    async fn confirm_forwarding(
        &self,
        identity: &Identity,
        visibility: &Visibility,
        public_key: &PublicKey,
        data: &[u8],
    ) -> Result<(), Refusal> {
        let look_up = |bind: &Bind| {
            let known_hosts = &self.serving.known_hosts;
            known_hosts.look_up(&bind.host_key, Announcement::default())
        };
        let mut machines = self.bindings.forwarded_to();
        let is_trusted = |bind: &Bind| look_up(bind).is_one_of(&visibility.allow_via);
        let Some(via) = machines.find(|bind| !is_trusted(bind)) else {
            return Ok(());
        };
        let server = self.bindings.destination().ok_or(Refusal::NoDestination)?;
        let request = UserauthRequest::parse(data).ok_or(Refusal::NotThisLogin)?;
        let forwarded_use = ForwardedUse {
            key: public_key.clone(),
            via: via.host_key.key.clone(),
            server: server.host_key.key.clone(),
        };
        let approvals = &self.serving.approvals;
        let said = match approvals.answer(&forwarded_use, Instant::now()) {
            Some(said) => said,
            None => {
                let shown = |bind: &Bind| {
                    let key = fingerprint(&bind.host_key.key);
                    match look_up(bind).first() {
                        Some(name) => format!("{} (host key {key})", printable(name)),
                        None => {
                            format!("a machine that known_hosts has no name for (host key {key})")
                        }
                    }
                };
                let user = String::from_utf8_lossy(request.user);
                let question =
                    forwarded_question(&identity.name, &user, &shown(server), &shown(via));
                let asked =
                    (self.audit).asked(Question::Forwarding, identity, data, &self.bindings);
                let said = self.serving.confirm.confirm(question, true).await;
                asked.answered(&said);
                let said = said.map_err(|why| Refusal::ForwardingNotAsked(why.to_string()))?;
                approvals.remember(forwarded_use, said, Instant::now());
                said
            }
        };
        said.then_some(()).ok_or(Refusal::NotConfirmed)
    }
}
