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

/// The claim that contains the commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentClaim {
    /// Browser and device logins.
    Nonce,
    /// CI tokens of GitHub and Forgejo Actions. Their holder chooses `aud`, so they must be GQ
    /// signed.
    Audience,
}

impl CommitmentClaim {
    /// Returns the kind by issuer, as Go opkssh does.
    pub fn of_issuer(issuer: &str) -> Self {
        let path = issuer.strip_suffix('/').unwrap_or(issuer);
        if issuer == "https://token.actions.githubusercontent.com" || path.ends_with("/api/actions")
        {
            Self::Audience
        } else {
            Self::Nonce
        }
    }
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
#[derive(Clone)]
pub struct VerifiedPkToken {
    id_token: VerifiedIdToken,
    cic: ClientInstanceClaims,
    valid_until: Option<UnixTime>,
}

impl VerifiedPkToken {
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

    /// Returns the last valid second under the provider's expiration policy; `None`: no end.
    pub fn valid_until(&self) -> Option<UnixTime> {
        self.valid_until
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
    let valid_until = token.age(provider.expiration, now)?;
    Ok(VerifiedPkToken {
        id_token: token.id_token,
        cic: token.cic,
        valid_until,
    })
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
    let provider = &provider;
    let UnverifiedPkToken {
        id_token,
        cic,
        refreshed,
        ..
    } = token;
    let expected = expected(provider);
    let id_token = id_token::verify(id_token, expected, keys, now)?;
    let refreshed = refreshed
        .map(|refreshed| verify_refreshed(refreshed, id_token.claims(), &cic, expected, keys, now));
    let refreshed = match refreshed {
        Some(Err(error)) if provider.expiration == ExpirationPolicy::OidcRefreshed => {
            return Err(error);
        }
        other => other,
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
    id_token::precheck(&token.id_token, expected(provider))?;
    has_commitment(
        &token.id_token,
        &token.cic,
        CommitmentClaim::of_issuer(&provider.issuer),
    )?;
    let message = token.signed_by_client();
    token
        .cic
        .user_key()
        .verify(
            token.cic.algorithm(),
            message.as_bytes(),
            &token.cic_part.signature,
        )
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
    let Audience::OneOf(client_ids) = expected.audience else {
        return Err(PkTokenError::RefreshedMismatch(
            "this issuer's tokens carry the commitment in aud, and are not refreshed",
        ));
    };
    let refreshed =
        id_token::verify(refreshed, expected, keys, now).map_err(PkTokenError::Refreshed)?;
    let (new, old) = (refreshed.claims(), original);
    if !is_for_clients_of(new, old, client_ids) {
        return Err(PkTokenError::RefreshedMismatch("it is for another client"));
    }
    if new.sub() != old.sub() {
        return Err(PkTokenError::RefreshedMismatch("it is another subject's"));
    }
    if new.issued_at() < old.issued_at() {
        return Err(PkTokenError::RefreshedMismatch(
            "it is older than the original",
        ));
    }
    if new
        .nonce()
        .is_some_and(|nonce| !nonce.is_empty() && nonce != cic.commitment().as_str())
    {
        return Err(PkTokenError::RefreshedMismatch(
            "its nonce is another commitment",
        ));
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

fn expected(provider: &TrustedProvider) -> Expected<'_> {
    Expected {
        issuer: &provider.issuer,
        audience: match CommitmentClaim::of_issuer(&provider.issuer) {
            CommitmentClaim::Nonce => Audience::OneOf(&provider.client_ids),
            CommitmentClaim::Audience => Audience::Commitment,
        },
    }
}

fn has_commitment(
    id_token: &UnverifiedIdToken,
    cic: &ClientInstanceClaims,
    claim: CommitmentClaim,
) -> Result<(), PkTokenError> {
    let claims = id_token.unverified_claims();
    let got = match claim {
        CommitmentClaim::Nonce => claims.nonce().ok_or(PkTokenError::NoCommitment("nonce"))?,
        CommitmentClaim::Audience => claims
            .single_audience()
            .ok_or(PkTokenError::NoCommitment("aud"))?,
    };
    let expected = cic.commitment();
    if got == expected.as_str() {
        Ok(())
    } else {
        Err(PkTokenError::Commitment {
            got: got.chars().take(64).collect(),
            expected: expected.as_str().to_owned(),
        })
    }
}
