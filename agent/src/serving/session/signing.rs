//! Answering a signature request (RFC 9987 section 3.6).

use opkssh_protocol::audit::QuestionKind;
use opkssh_protocol::config::Forwarding;
use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::wire::{Malformed, Reader, strings};

use super::{Session, now};
use crate::notices::Cause;
use crate::serving::announced::Announcement;
use crate::serving::confirmation::KeyUse;
use crate::serving::confirmation::question::{Question, SignatureRequest};
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
        let refused = match self.bindings.is_forwarded() {
            true => Cause::SignatureRefused(identity.name.clone()),
            false => Cause::LocalUseRefused(identity.name.clone()),
        };
        let not_asked = Cause::NotAsked(identity.name.clone());
        let Err(why) = self.check_signature(identity, data, server).await else {
            notices.clear(&refused);
            notices.clear(&not_asked);
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
        let kind = match self.bindings.is_forwarded() {
            true => QuestionKind::Forwarding,
            false => QuestionKind::LocalUse,
        };
        let asked = match &identity.terms {
            Terms::Added(constraints) if constraints.confirm => {
                let question = Question::about_key(identity, &self.request(identity, data));
                Some((question, QuestionKind::KeyUse, None))
            }
            Terms::Account {
                visibility,
                public_key,
                person,
            } => {
                let question = self.question(identity, visibility, person, data);
                question.map(|question| (question, kind, Some((public_key, person))))
            }
            Terms::Added(_) | Terms::Upstream => None,
        };
        let Some((question, kind, account)) = asked else {
            return Ok(());
        };
        let wanted = self.key_use(identity, account, data);
        let record = self.audit.question(kind, identity, data, &self.bindings);
        let confirmations = &self.serving.confirmations;
        let said = confirmations.ask_permission(wanted, question, record).await;
        match said.map_err(|why| (why.to_string(), kind)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::NotConfirmed),
            Err((why, QuestionKind::KeyUse)) => Err(Refusal::NotAsked(why)),
            Err((why, QuestionKind::LocalUse)) => Err(Refusal::LocalNotAsked(why)),
            Err((why, QuestionKind::Forwarding | QuestionKind::Login)) => {
                Err(Refusal::ForwardingNotAsked(why))
            }
        }
    }

    /// Returns what to ask the person before an account signs something that was checked; `None`:
    /// nothing.
    fn question(
        &self,
        identity: &Identity,
        visibility: &Visibility,
        person: &str,
        data: &[u8],
    ) -> Option<Question> {
        let request = self.request(identity, data);
        let jump_hosts = &self.serving.confirmations.jump_hosts;
        let name = &identity.name;
        let untrusted: Vec<_> = match visibility.forwarding {
            Forwarding::Confirm => (self.bindings.forwarded_to())
                .filter(|bind| !self.look_up(bind).is_one_of(&visibility.allow_via))
                .map(|bind| request.machine(bind))
                .filter(|machine| !jump_hosts.is_permitted(name, person, &machine.host_key))
                .collect(),
            Forwarding::Allow | Forwarding::Deny => Vec::new(),
        };
        // a program of this machine can pretend to be another machine
        let is_asked = visibility.confirm_local || !untrusted.is_empty();
        is_asked.then(|| Question::about_account(name, &request, untrusted))
    }

    /// Describes a use. `account` has its key and its person.
    fn key_use(
        &self,
        identity: &Identity,
        account: Option<(&PublicKey, &String)>,
        data: &[u8],
    ) -> KeyUse {
        let request = self.request(identity, data);
        let machines = self.bindings.forwarded_to();
        let via = machines.map(|bind| request.machine(bind));
        let login = request.login();
        KeyUse {
            identity: identity.name.clone(),
            key: account.map(|(key, _)| key.clone()),
            person: account
                .map(|(_, person)| person.clone())
                .unwrap_or_default(),
            via: self.bindings.is_forwarded().then(|| via.collect()),
            login: login.map(|(user, bind)| (user, fingerprint(&bind.host_key.key))),
        }
    }

    fn request<'a>(&'a self, identity: &'a Identity, data: &'a [u8]) -> SignatureRequest<'a> {
        SignatureRequest {
            data,
            bindings: &self.bindings,
            process: self.process,
            host_names: &self.serving.host_names,
            hosts: match &identity.terms {
                Terms::Account { visibility, .. } => &visibility.hosts,
                Terms::Added(_) | Terms::Upstream => &[],
            },
        }
    }

    fn look_up(&self, bind: &Bind) -> Names {
        let known_hosts = &self.serving.known_hosts;
        known_hosts.look_up(&bind.host_key, Announcement::default())
    }
}
