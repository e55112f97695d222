//! Verifies PK tokens: [`verify`] is the only constructor of [`VerifiedPkToken`].

use super::{ExpirationPolicy, PkTokenError, TokenTimes, UnverifiedPkToken};
use crate::cic::ClientInstanceClaims;
use crate::id_token::{self, Audience, Claims, Expected, UnverifiedIdToken, VerifiedIdToken};
use crate::jwk::PublicKey;
use crate::key_set::KeySet;
use crate::time::UnixTime;

/// A trusted provider and its expiration policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProvider {
    /// Compared byte for byte.
    pub issuer: String,
    /// At least one of these must be in `aud`. Ignored if the commitment is in `aud`.
    pub client_ids: Vec<String>,
    /// How long its tokens are valid.
    pub expiration: ExpirationPolicy,
}

/// A PK token whose key signed it for this provider and is bound to its ID token. The provider's
/// signature was not verified.
pub struct BoundPkToken {
    token: UnverifiedPkToken,
    provider: TrustedProvider,
}

impl BoundPkToken {
    /// Returns the provider that the token names.
    pub fn provider(&self) -> &TrustedProvider {
        &self.provider
    }

    /// Returns the unverified token.
    pub fn unverified(&self) -> &UnverifiedPkToken {
        &self.token
    }
}

/// A PK token whose signatures and commitments were all verified, but not its age.
pub struct AuthenticPkToken {
    id_token: VerifiedIdToken,
    cic: ClientInstanceClaims,
    /// The refreshed ID token that the client attached after a renewal: verified like the first
    /// one, or the reason why it is not valid.
    refreshed: Option<Result<VerifiedIdToken, PkTokenError>>,
}

impl AuthenticPkToken {
    /// Returns the verified claims.
    pub fn claims(&self) -> &Claims {
        self.id_token.claims()
    }

    /// Returns the verified ID token.
    pub fn id_token(&self) -> &VerifiedIdToken {
        &self.id_token
    }

    /// Returns the key that the provider's token is bound to.
    pub fn user_key(&self) -> &PublicKey {
        self.cic.user_key()
    }

    /// Returns `SHA256:…` (base64 without padding) of the ID token's signed payload. Unlike a hash
    /// of the certificate, the holder cannot change it.
    pub fn login_id(&self) -> String {
        self.id_token.payload_id()
    }

    /// Returns the [`login_id`](Self::login_id) of the refreshed ID token, if one is attached and
    /// verifies.
    pub fn refreshed_login_id(&self) -> Option<String> {
        let refreshed = self.refreshed().and_then(Result::ok);
        refreshed.map(VerifiedIdToken::payload_id)
    }

    /// Returns the attached refreshed ID token, verified like the first one, or the reason why it
    /// is not valid.
    pub fn refreshed(&self) -> Option<Result<&VerifiedIdToken, &PkTokenError>> {
        self.refreshed.as_ref().map(Result::as_ref)
    }

    /// Returns the last valid second under `policy` (`None`: no end). Fails if the token is expired
    /// at `now`.
    pub fn age(
        &self,
        policy: ExpirationPolicy,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, PkTokenError> {
        let refreshed = match &self.refreshed {
            // other policies ignore the refreshed token
            Some(refreshed) if policy == ExpirationPolicy::OidcRefreshed => Some(
                refreshed
                    .as_ref()
                    .map_err(|error| PkTokenError::RefreshedUnusable(error.to_string()))?,
            ),
            _ => None,
        };
        let times = TokenTimes {
            issued_at: self.claims().issued_at(),
            expires_at: self.claims().expires_at(),
            refreshed_expires_at: refreshed.and_then(|refreshed| refreshed.claims().expires_at()),
        };
        Ok(policy.check(times, now)?)
    }
}

/// A PK token whose signatures, commitments and times were all verified.
pub struct VerifiedPkToken(AuthenticPkToken);

impl VerifiedPkToken {
    /// Returns the verified claims.
    pub fn claims(&self) -> &Claims {
        self.0.claims()
    }
}

/// Checks a PK token: client signature, issuer, audience, provider signature, commitment, age.
pub fn verify(
    token: UnverifiedPkToken,
    provider: &TrustedProvider,
    keys: &KeySet,
    now: UnixTime,
) -> Result<VerifiedPkToken, PkTokenError> {
    let token = authenticate(precheck(token, provider)?, keys, now)?;
    token.age(provider.expiration, now)?;
    Ok(VerifiedPkToken(token))
}

/// Verifies like [`verify`], but without the age, for servers whose rules have their own age
/// limits. An invalid refreshed token is an error if the provider's policy depends on it; otherwise
/// it is kept with the reason.
pub fn authenticate(
    token: BoundPkToken,
    keys: &KeySet,
    now: UnixTime,
) -> Result<AuthenticPkToken, PkTokenError> {
    let BoundPkToken { token, provider } = token;
    let (cic, expected) = (token.cic, expected(&provider));
    let id_token = id_token::verify(token.id_token, expected, keys, now)?;
    let verify = |token| verify_refreshed(token, id_token.claims(), &cic, expected, keys, now);
    let refreshed = match token.refreshed.map(verify) {
        Some(Err(error)) if provider.expiration == ExpirationPolicy::OidcRefreshed => {
            return Err(error);
        }
        refreshed => refreshed,
    };
    Ok(AuthenticPkToken {
        id_token,
        cic,
        refreshed,
    })
}

/// Checks what does not need the provider's keys, so that garbage never causes a request to the
/// provider.
pub fn precheck(
    token: UnverifiedPkToken,
    provider: &TrustedProvider,
) -> Result<BoundPkToken, PkTokenError> {
    let expected = expected(provider);
    id_token::precheck(&token.id_token, expected)?;
    has_commitment(token.unverified_claims(), &token.cic, expected.audience)?;
    let (cic, message) = (&token.cic, token.signed_by_client());
    let signature = &token.cic_part.signature;
    let key = cic.user_key();
    key.verify(cic.algorithm(), message.as_bytes(), signature)
        .map_err(PkTokenError::CicSignature)?;
    Ok(BoundPkToken {
        token,
        provider: provider.clone(),
    })
}

/// Verifies a refreshed ID token like the first one, and that it has the same subject and client
/// (OpenID Connect Core section 12.2). Its nonce is absent or the same commitment.
///
/// Refused if the commitment is in `aud`: there, a refreshed token would be a token for another
/// key.
pub fn verify_refreshed(
    refreshed: UnverifiedIdToken,
    original: &Claims,
    cic: &ClientInstanceClaims,
    expected: Expected<'_>,
    keys: &KeySet,
    now: UnixTime,
) -> Result<VerifiedIdToken, PkTokenError> {
    let mismatch = |reason| Err(PkTokenError::RefreshedMismatch(reason));
    let Audience::OneOf(client_ids) = expected.audience else {
        return mismatch("this issuer's tokens carry the commitment in aud, and are not refreshed");
    };
    let refreshed =
        id_token::verify(refreshed, expected, keys, now).map_err(PkTokenError::Refreshed)?;
    let (new, old) = (refreshed.claims(), original);
    if !is_for_clients_of(new, old, client_ids) {
        return mismatch("it is for another client");
    }
    if new.sub() != old.sub() {
        return mismatch("it is another subject's");
    }
    if new.issued_at() < old.issued_at() {
        return mismatch("it is older than the original");
    }
    let nonce = new.nonce().filter(|nonce| !nonce.is_empty());
    if nonce.is_some_and(|nonce| nonce != cic.commitment().as_str()) {
        return mismatch("its nonce is another commitment");
    }
    Ok(refreshed)
}

/// Returns true if `new` names each accepted client id that `old` names, and `azp` is equal if both
/// have it.
fn is_for_clients_of(new: &Claims, old: &Claims, client_ids: &[String]) -> bool {
    let ours = old.audience().iter().filter(|id| client_ids.contains(id));
    let azp = |claims: &Claims| claims.get("azp").filter(|azp| !azp.is_null()).cloned();
    ours.into_iter().all(|id| new.audience().contains(id))
        && azp(new).is_none_or(|new| azp(old).is_none_or(|old| new == old))
}

/// Returns what the provider's ID tokens must contain, by issuer, as Go opkssh does.
fn expected(provider: &TrustedProvider) -> Expected<'_> {
    let issuer = provider.issuer.as_str();
    let path = issuer.strip_suffix('/').unwrap_or(issuer);
    let is_ci =
        issuer == "https://token.actions.githubusercontent.com" || path.ends_with("/api/actions");
    Expected {
        issuer,
        audience: match is_ci {
            true => Audience::Commitment,
            false => Audience::OneOf(&provider.client_ids),
        },
    }
}

fn has_commitment(
    claims: &Claims,
    cic: &ClientInstanceClaims,
    audience: Audience<'_>,
) -> Result<(), PkTokenError> {
    let (name, got) = match audience {
        Audience::OneOf(_) => ("nonce", claims.nonce()),
        Audience::Commitment => ("aud", claims.single_audience()),
    };
    let got = got.ok_or(PkTokenError::NoCommitment(name))?;
    let expected = cic.commitment();
    if got == expected.as_str() {
        Ok(())
    } else {
        Err(PkTokenError::Commitment {
            got: got.to_owned(),
            expected: expected.as_str().to_owned(),
        })
    }
}
