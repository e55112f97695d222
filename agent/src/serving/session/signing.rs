//! Answering a signature request (RFC 9987 section 3.6).

use opkssh_protocol::audit;
use opkssh_protocol::config::Forwarding;
use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::wire::{Malformed, Reader, strings};

use super::audited::QuestionRecord;
use super::{Session, now};
use crate::notices::Cause;
use crate::serving::announced::Announcement;
use crate::serving::asking::KeyUse;
use crate::serving::asking::question::{Asked, Machine, NameMachine, Question};
use crate::serving::destination::Bind;
use crate::serving::hosts::Names;
use crate::serving::message::{FAILURE, SIGN_RESPONSE};
use crate::serving::refusal::Refusal;
use crate::serving::sign;
use crate::serving::source::{Identity, Terms, Visibility};

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
        match &identity.terms {
            Terms::Added(constraints) if constraints.confirm => {
                let question = Question::about_key(identity, &self.asked(data));
                let wanted = self.key_use(identity, None, data);
                let record = self.record(audit::Question::KeyUse, identity, data);
                let said = self.serving.asking.permit(wanted, question, record).await;
                said.map_err(|why| Refusal::NotAsked(why.to_string()))?
            }
            Terms::Account {
                visibility,
                public_key,
            } => {
                let Some(question) = self.question(identity, visibility, data) else {
                    return Ok(());
                };
                let wanted = self.key_use(identity, Some(public_key.clone()), data);
                let kind = match self.bindings.is_forwarded() {
                    true => audit::Question::Forwarding,
                    false => audit::Question::LocalUse,
                };
                let record = self.record(kind, identity, data);
                let said = self.serving.asking.permit(wanted, question, record).await;
                said.map_err(|why| match self.bindings.is_forwarded() {
                    true => Refusal::ForwardingNotAsked(why.to_string()),
                    false => Refusal::LocalNotAsked(why.to_string()),
                })?
            }
            Terms::Added(_) | Terms::Upstream => return Ok(()),
        }
        .then_some(())
        .ok_or(Refusal::NotConfirmed)
    }

    /// Returns what to ask the person before an account signs something that was checked; `None`:
    /// nothing.
    fn question(
        &self,
        identity: &Identity,
        visibility: &Visibility,
        data: &[u8],
    ) -> Option<Question> {
        let asked = self.asked(data);
        if !self.bindings.is_forwarded() {
            let question = || Question::about_account(&identity.name, &asked, Vec::new());
            return visibility.confirm_local.then(question);
        }
        if visibility.forwarding != Forwarding::Confirm {
            return None;
        }
        let jump_hosts = &self.serving.asking.jump_hosts;
        let machines = self.bindings.forwarded_to();
        let untrusted: Vec<_> = machines
            .filter(|bind| !self.look_up(bind).is_one_of(&visibility.allow_via))
            .map(|bind| self.machine(bind))
            .filter(|machine| !jump_hosts.permit(&identity.name, &machine.host_key))
            .collect();
        let is_trusted = untrusted.is_empty();
        (!is_trusted).then(|| Question::about_account(&identity.name, &asked, untrusted))
    }

    fn key_use(&self, identity: &Identity, key: Option<PublicKey>, data: &[u8]) -> KeyUse {
        let asked = self.asked(data);
        let login = asked.login();
        let machines = self.bindings.forwarded_to();
        let via = machines.map(|bind| fingerprint(&bind.host_key.key));
        KeyUse {
            identity: identity.name.clone(),
            key,
            via: self.bindings.is_forwarded().then(|| via.collect()),
            server: login.map(|(_, bind)| fingerprint(&bind.host_key.key)),
        }
    }

    fn record(
        &self,
        question: audit::Question,
        identity: &Identity,
        data: &[u8],
    ) -> QuestionRecord {
        self.audit
            .question(question, identity, data, &self.bindings)
    }

    fn asked<'a>(&'a self, data: &'a [u8]) -> Asked<'a> {
        Asked {
            data,
            bindings: &self.bindings,
            process: self.process,
            machine: self,
        }
    }

    fn look_up(&self, bind: &Bind) -> Names {
        let known_hosts = &self.serving.known_hosts;
        known_hosts.look_up(&bind.host_key, Announcement::default())
    }
}

impl NameMachine for Session {
    fn machine(&self, bind: &Bind) -> Machine {
        Machine {
            name: self.look_up(bind).first().unwrap_or_default().to_owned(),
            host_key: fingerprint(&bind.host_key.key),
        }
    }
}
