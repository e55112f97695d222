//! The provider's userinfo endpoint (OpenID Connect Core section 5.3), asked when a certificate
//! carries an access token: some providers put groups and mail addresses only there.

use std::time::{Duration, SystemTime};

use opkssh_protocol::json::{self, Object};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use serde_json::Value;

use crate::deadline::Deadline;
use crate::http::{Answer, Asking, HttpError, Network, NetworkError};
use crate::key_source::{Attempt, Store, userinfo_must_wait};

/// For discovery and answer together, of what the deadline leaves.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Whom the provider is asked about, and with what right.
#[derive(Clone, Copy)]
pub struct UserinfoRequest<'a> {
    /// Exactly as in the ID token, like `subject`.
    pub issuer: &'a str,
    pub subject: &'a str,
    pub token: &'a Secret,
}

/// What the provider says about the person whom the ID token names.
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
        said(failure.as_deref())
    )]
    AskedJustNow {
        issuer: String,
        ago: i64,
        again: i64,
        failure: Option<String>,
    },
    #[error("{0}: redirected, and the token goes to no other address")]
    Redirect(String),
    #[error("\"sub\" is missing, or not that of the ID token")]
    Subject,
    #[error("\"email\" is not a text")]
    Email,
}

impl UserinfoRequest<'_> {
    /// Asks, unless `store` says that the provider did not answer a moment ago. Only a time-out or
    /// a refused connection is stored there: any answer may be about this token alone.
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
            && is_silence(error, has_full_time)
        {
            // where it cannot be stored, the next login waits as this one did
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
        let asking = Asking::new(self.issuer, network, deadline);
        let endpoint = asking.discover("userinfo_endpoint")?;
        match asking.get(&endpoint, Some(self.token))? {
            Answer::Document(answer) => {
                Userinfo::read(&answer.bytes, self.subject, endpoint.as_str())
            }
            Answer::Redirect(_) => Err(UserinfoError::Redirect(endpoint.to_string())),
        }
    }
}

/// Returns true if the provider had its time and gave no answer. What an earlier question had left
/// of the deadline says nothing about the provider.
fn is_silence(error: &HttpError, has_full_time: bool) -> bool {
    match error {
        HttpError::Deadline { .. } => has_full_time,
        other => other.is_unreachable(),
    }
}

fn said(failure: Option<&str>) -> String {
    failure.map_or_else(String::new, |failure| format!(" ({failure})"))
}

impl Userinfo {
    /// Reads an answer of the endpoint. `url` is for the errors' texts.
    pub fn read(body: &[u8], subject: &str, url: &str) -> Result<Self, UserinfoError> {
        let claims = json::parse_object(body).map_err(|error| HttpError::Json {
            url: url.to_owned(),
            error,
        })?;
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

    /// The claims as JSON, members sorted by name, with a line feed, as Go writes them.
    pub fn json(&self) -> String {
        format!("{}\n", Value::Object(self.claims.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Userinfo, UserinfoError> {
        Userinfo::read(body.as_bytes(), "sub-1", "u")
    }

    #[test]
    fn only_silence_is_stored_and_only_after_the_full_time() {
        let late = HttpError::Deadline {
            issuer: "i".to_owned(),
            deadline: TIMEOUT,
        };
        assert!(is_silence(&late, true));
        assert!(!is_silence(&late, false));
        let io = |kind: std::io::ErrorKind| HttpError::Request {
            url: "u".to_owned(),
            error: Box::new(ureq::Error::Io(kind.into())),
        };
        assert!(is_silence(
            &io(std::io::ErrorKind::ConnectionRefused),
            false
        ));
        assert!(!is_silence(&io(std::io::ErrorKind::ConnectionReset), true));
        for status in [401, 500, 503] {
            let url = "u".to_owned();
            assert!(!is_silence(&HttpError::Status { url, status }, true));
        }
    }

    #[test]
    fn row_116_and_117_only_an_object_about_the_same_person_counts() {
        let told = read(r#"{"sub":"sub-1","groups":["a"],"email":"a@x"}"#).unwrap();
        assert_eq!(
            told.json(),
            "{\"email\":\"a@x\",\"groups\":[\"a\"],\"sub\":\"sub-1\"}\n"
        );
        for body in [
            "null",
            "[]",
            "\"sub-1\"",
            "",
            "<html>",
            "{}",
            r#"{"sub":"sub-2"}"#,
            r#"{"sub":1}"#,
            r#"{"sub":"sub-2","sub":"sub-1"}"#,
            r#"{"sub":"sub-1","email":["a@x"]}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
