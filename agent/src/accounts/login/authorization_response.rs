//! The authorization response (RFC 6749 section 4.1.2): which provider sent it (RFC 9207), and the
//! code in it.

use super::error::LoginError;
use super::loopback::Visit;
use crate::accounts::provider::{Effect, OidcError, ProviderClient};

/// Longest `iss` that an error message quotes, in characters.
const LONGEST_QUOTE: usize = 200;

/// Returns the code of the authorization response.
///
/// The issuer comes first: of another provider's response not even its error counts.
pub(super) fn code(visit: &Visit, client: &ProviderClient) -> Result<String, LoginError> {
    let issuers: Vec<_> = visit.parameters("iss").collect();
    check_issuer(&issuers, &client.provider.issuer, client.announces_issuer())?;
    if let Some(error) = visit.parameter("error") {
        let description = visit.parameter("error_description");
        let refused = OidcError::Refused { error, description };
        return Err(match refused.effect() {
            Effect::NeedsPerson => LoginError::NeedsPerson(refused),
            _ => refused.into(),
        });
    }
    visit.parameter("code").ok_or(LoginError::NoCode)
}

/// Fails if the response names an issuer other than `expected`, byte for byte (RFC 9207 section
/// 2.4), or none although the provider announces one.
fn check_issuer(issuers: &[String], expected: &str, is_announced: bool) -> Result<(), LoginError> {
    if let Some(other) = issuers.iter().find(|issuer| *issuer != expected) {
        return Err(LoginError::OtherIssuer {
            got: other.chars().take(LONGEST_QUOTE).collect(),
            expected: expected.to_owned(),
        });
    }
    match issuers {
        [] if is_announced => Err(LoginError::NoIssuer(expected.to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
