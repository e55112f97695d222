//! Answering a signature request (RFC 9987 section 3.6).

use opkssh_protocol::wire::{Malformed, Reader, strings};

use super::{Session, now};
use crate::notices::Cause;
use crate::serving::confirm::question;
use crate::serving::hosts::Names;
use crate::serving::message::{FAILURE, SIGN_RESPONSE};
use crate::serving::refusal::Refusal;
use crate::serving::sign;
use crate::serving::source::{Identity, Terms};

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
                break;
            }
            let name = &identity.name;
            let Some(signature) = source.sign(&identity, data, flags).await else {
                tracing::info!(identity = name, forwarded = is_forwarded, "not signed");
                break;
            };
            tracing::info!(identity = name, forwarded = is_forwarded, "signed");
            return Ok([&[SIGN_RESPONSE][..], &strings(&[&signature])].concat());
        }
        // clients ask for keys of other agents all the time
        Ok(vec![FAILURE])
    }

    /// Returns true if this connection may have `data` signed. If not, `status` or the log says why.
    async fn may_sign(&self, identity: &Identity, data: &[u8], server: Option<&Names>) -> bool {
        let notices = &self.serving.notices;
        let refused = Cause::SignatureRefused(identity.name.clone());
        let Err(why) = self.check_signature(identity, data, server).await else {
            if self.bindings.is_forwarded() {
                notices.clear(&refused);
            }
            return true;
        };
        let text = format!("signature refused: {}: {}", identity.name, why.in_full());
        match identity.terms {
            Terms::Account { .. } => notices.tell(refused, text),
            Terms::Added(_) | Terms::Upstream => notices.warn(&text),
        }
        false
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
                let question = question(identity, data, &self.bindings, self.process);
                let is_forwarded = self.bindings.is_forwarded();
                let confirmed = self.serving.confirm.confirm(question, is_forwarded).await;
                confirmed.then_some(()).ok_or(Refusal::NotConfirmed)
            }
            _ => Ok(()),
        }
    }
}
