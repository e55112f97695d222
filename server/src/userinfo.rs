//! The provider's userinfo endpoint (OpenID Connect Core section 5.3), asked when a certificate
//! carries an access token: some providers put groups and mail addresses only there.

use std::time::Duration;

use opkssh_protocol::json::{self, Object};
use opkssh_protocol::secret::Secret;
use serde_json::Value;

use crate::http::{Answer, Asking, HttpError, Network, NetworkError};

/// For discovery and answer together; sshd's LoginGraceTime is running.
const DEADLINE: Duration = Duration::from_secs(10);

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
    #[error("{0}: redirected, and the token goes to no other address")]
    Redirect(String),
    #[error("\"sub\" is missing, or not that of the ID token")]
    Subject,
    #[error("\"email\" is not a text")]
    Email,
}

impl Userinfo {
    /// Asks the provider of exactly this name about the holder of `token`, who must be `subject`.
    pub fn ask(
        issuer: &str,
        subject: &str,
        token: &Secret,
        network: &Network,
    ) -> Result<Self, UserinfoError> {
        let asking = Asking::new(issuer, network, DEADLINE);
        let endpoint = asking.discover("userinfo_endpoint")?;
        match asking.get(&endpoint, Some(token))? {
            Answer::Document(answer) => Self::read(&answer.bytes, subject, endpoint.as_str()),
            Answer::Redirect(_) => Err(UserinfoError::Redirect(endpoint.to_string())),
        }
    }

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
