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
mod tests {
    use super::*;

    #[test]
    fn the_issuer_must_be_ours_and_may_be_missing_only_where_none_is_announced() {
        const OURS: &str = "https://id.example.com";
        let check = |issuers: &[&str], is_announced| {
            let issuers: Vec<_> = issuers.iter().map(|&issuer| issuer.to_owned()).collect();
            check_issuer(&issuers, OURS, is_announced)
        };
        for is_announced in [false, true] {
            assert!(check(&[OURS], is_announced).is_ok());
            for other in [
                "",
                "https://id.example.com/",
                "https://ID.example.com",
                "https://other.example.com",
            ] {
                for issuers in [&[other][..], &[OURS, other]] {
                    let error = check(issuers, is_announced);
                    assert!(
                        matches!(error, Err(LoginError::OtherIssuer { .. })),
                        "{issuers:?}"
                    );
                }
            }
        }
        assert!(check(&[], false).is_ok());
        assert!(matches!(check(&[], true), Err(LoginError::NoIssuer(_))));
    }
}
