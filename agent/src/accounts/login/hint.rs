//! What the person can do about a login that failed.

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::LoginRequest;
use opkssh_protocol::id_token::IdTokenError;
use opkssh_protocol::pk_token::PkTokenError;

use super::error::{LoginError, LoopbackError};
use crate::accounts::provider;

/// Returns what the person can do about a failed login.
pub(super) fn hint(
    error: &LoginError,
    provider: &Provider,
    request: &LoginRequest,
) -> Option<String> {
    plain_hint(error, provider).map(|hint| with_words(&hint, provider, request))
}

/// Puts the arguments that begin this login again in place of the provider's name in a hint.
pub(super) fn with_words(hint: &str, provider: &Provider, request: &LoginRequest) -> String {
    let name = provider.name();
    let words = match &request.account {
        // also where the configuration has no such provider, or no longer
        Some(account) if request.again => account.to_string(),
        Some(account) if account.as_str() != name => format!("{} --as {account}", typed(provider)),
        _ => typed(provider),
    };
    let mut said = hint.to_owned();
    for command in ["opkssh login ", "opkssh login --device "] {
        said = said.replace(&format!("{command}{name}"), &format!("{command}{words}"));
    }
    said
}

/// Returns the provider as the person names it on the command line.
pub fn typed(provider: &Provider) -> String {
    match provider.aliases.first() {
        Some(alias) => alias.clone(),
        None => format!("--provider {},{}", provider.issuer, provider.client_id),
    }
}

fn plain_hint(error: &LoginError, provider: &Provider) -> Option<String> {
    match error {
        LoginError::Oidc(error) => provider::explain(error, provider),
        LoginError::Loopback(LoopbackError::AllBusy(_)) => {
            Some("end the other login, or free one of these ports".to_owned())
        }
        LoginError::PkToken(PkTokenError::NoCommitment(_) | PkTokenError::Commitment { .. }) => {
            let text = "the provider must return the nonce it was sent; this one cannot be used";
            Some(text.to_owned())
        }
        LoginError::PkToken(PkTokenError::IdToken(IdTokenError::FromTheFuture { .. })) => {
            Some("set the clock of this machine".to_owned())
        }
        LoginError::NoNonceInDeviceFlow(_) => Some(format!(
            "log in with a browser: opkssh login {}",
            provider.name()
        )),
        LoginError::CodeExpired => Some(format!(
            "log in again: opkssh login --device {}",
            provider.name()
        )),
        LoginError::Loopback(LoopbackError::NotLoopback(_)) => {
            Some("correct `redirect_uris:` in the client configuration".to_owned())
        }
        LoginError::OtherIssuer { .. } => Some(format!(
            "its code was not used. Where this happens again, remove {} from the client \
             configuration: a provider that sends your browser to another one can get logins of \
             yours there",
            provider.name()
        )),
        LoginError::NoIssuer(_) => Some(format!(
            "log in again: opkssh login {}; where the address is pasted, the whole of it is needed",
            provider.name()
        )),
        LoginError::NoCode | LoginError::NobodyCame | LoginError::NeedsPerson(_) => {
            Some(format!("log in again: opkssh login {}", provider.name()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The words behind "opkssh login" in the hint of a login that nobody finished in time.
    fn said(alias: &str, account: Option<&str>, again: bool, device: bool) -> String {
        let aliases: Vec<_> = alias.split_whitespace().collect();
        let request = json!({"providers": [{
            "aliases": aliases, "issuer": "https://id.example.com", "client_id": "client",
            "client_secret": "secret", "scopes": [], "access_type": "", "prompt": "",
            "redirect_uris": [], "send_access_token": false,
        }], "account": account});
        let mut request: LoginRequest = serde_json::from_value(request).unwrap();
        request.again = again;
        let error = match device {
            true => LoginError::CodeExpired,
            false => LoginError::NobodyCame,
        };
        let hint = hint(&error, &request.providers[0], &request).unwrap();
        let (_, words) = hint.split_once("opkssh login ").unwrap();
        words.to_owned()
    }

    #[test]
    fn hints_name_what_can_be_typed() {
        let typed = "--provider https://id.example.com,client";
        let named = format!("{typed} --as mine");
        for (alias, account, again, words) in [
            ("work", None, false, "work"),
            ("work", Some("work"), false, "work"),
            ("work", Some("mine"), false, "work --as mine"),
            ("work", Some("mine"), true, "mine"),
            ("", None, false, typed),
            ("", Some("mine"), false, &named),
            ("", Some("mine"), true, "mine"),
        ] {
            assert_eq!(said(alias, account, again, false), words);
            let device = format!("--device {words}");
            assert_eq!(said(alias, account, again, true), device);
        }
    }
}
