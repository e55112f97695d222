//! The provider's userinfo endpoint (OpenID Connect Core section 5.3), requested if a certificate
//! contains an access token: some providers have groups and mail addresses only there.

use std::time::{Duration, SystemTime};

use opkssh_protocol::json::{self, Object};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use serde_json::Value;

use crate::deadline::Deadline;
use crate::http::{Answer, HttpClient, HttpError, Network, NetworkError};
use crate::key_source::{Attempt, Store, previous_failure, userinfo_must_wait};

/// Time limit for discovery and answer together, within the deadline.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Subject and access token of a request.
#[derive(Clone, Copy)]
pub struct UserinfoRequest<'a> {
    /// Exactly as in the ID token; also for `subject`.
    pub issuer: &'a str,
    pub subject: &'a str,
    pub token: &'a Secret,
}

/// The provider's claims about the subject of the ID token.
#[derive(Clone)]
pub struct Userinfo {
    claims: Object,
}

#[derive(Debug, thiserror::Error)]
pub enum UserinfoError {
    #[error("env_vars of the server config: {0}")]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(
        "{issuer} did not answer {ago} s ago{}, and is asked again in {again} s",
        previous_failure(failure.as_deref())
    )]
    AskedJustNow {
        issuer: String,
        ago: i64,
        again: i64,
        failure: Option<String>,
    },
    #[error("{0}: redirected; the access token is not sent to another address")]
    Redirect(String),
    #[error("\"sub\" is missing, or not that of the ID token")]
    Subject,
    #[error("\"email\" is not a text")]
    Email,
}

impl UserinfoRequest<'_> {
    /// Requests userinfo, unless `store` records that the provider did not answer recently. Only a
    /// time-out or a refused connection is recorded: other errors may be about this token only.
    pub fn ask(
        self,
        network: impl FnOnce() -> Result<Network, NetworkError>,
        store: Option<&Store>,
        deadline: Deadline,
    ) -> Result<Userinfo, UserinfoError> {
        let now = || UnixTime::from(SystemTime::now());
        if let Some(store) = store
            && let Some(error) = self.asked_just_now(store, now())
        {
            return Err(error);
        }
        let has_full_time = deadline.remaining() >= TIMEOUT;
        let answer = self.ask_now(&network()?, deadline.at_most(TIMEOUT));
        if let Err(UserinfoError::Http(error)) = &answer
            && let Some(store) = store
            && is_unanswered(error, has_full_time)
        {
            // if it cannot be recorded, the next login waits again
            let _ = store.note_userinfo(&Attempt {
                issuer: self.issuer.to_owned(),
                asked: now(),
                failure: Some(error.to_string()),
            });
        }
        answer
    }

    fn asked_just_now(self, store: &Store, now: UnixTime) -> Option<UserinfoError> {
        let attempt = store.userinfo_attempt(self.issuer)?;
        let again = userinfo_must_wait(attempt.asked, now)?;
        Some(UserinfoError::AskedJustNow {
            issuer: attempt.issuer,
            ago: now.since(attempt.asked),
            again,
            failure: attempt.failure,
        })
    }

    fn ask_now(self, network: &Network, deadline: Deadline) -> Result<Userinfo, UserinfoError> {
        let asking = HttpClient::new(self.issuer, network, deadline);
        let endpoint = asking.discover("userinfo_endpoint")?;
        match asking.get(&endpoint, Some(self.token))? {
            Answer::Document(answer) => {
                Userinfo::read(&answer.bytes, self.subject, endpoint.as_str())
            }
            Answer::Redirect(_) => Err(UserinfoError::Redirect(endpoint.to_string())),
        }
    }
}

/// Returns true if the provider had its full time and did not answer. A short rest of the deadline
/// says nothing about the provider.
fn is_unanswered(error: &HttpError, has_full_time: bool) -> bool {
    match error {
        HttpError::Deadline { .. } => has_full_time,
        other => other.is_unreachable(),
    }
}

impl Userinfo {
    /// Parses a response of the endpoint. Errors name `url`.
    pub fn read(body: &[u8], subject: &str, url: &str) -> Result<Self, UserinfoError> {
        let claims = json::parse_object(body).map_err(|error| HttpError::answer(url, error))?;
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(UserinfoError::Subject);
        }
        match claims.get("email") {
            None | Some(Value::Null | Value::String(_)) => Ok(Self { claims }),
            Some(_) => Err(UserinfoError::Email),
        }
    }

    pub fn claims(&self) -> &Object {
        &self.claims
    }

    /// Returns the claims as JSON with sorted members and a line feed, as in Go.
    pub fn json(&self) -> String {
        format!("{}\n", Value::Object(self.claims.clone()))
    }
}

#[cfg(test)]
mod tests;
