//! Where sshd's yes or no comes from. Pure: certificate, providers, keys, policy and time in,
//! verdict out.
//!
//! The steps are types, so that none can be left out, and they go from cheap to dear: what a
//! stranger can make up is refused before anything is asked of the provider or of sudo.
//!
//! [`read_certificate`] → [`before_keys`] → [`Candidate::identify`] → [`Identified::decide`]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::certificate::{
    self, CertificateError, UnverifiedCertificate, VerifiedCertificate, WILDCARD_PRINCIPAL,
};
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{
    self, PkTokenError, TrustedProvider, UnverifiedPkToken, VerifiedPkToken,
};
use opkssh_protocol::time::UnixTime;

use crate::authorized_keys::{AuthorizedKey, UnsafeLine};
use crate::config::DenyLists;
use crate::policy::{Applicant, Policy, PolicyDenial};
use crate::providers::{ProviderRefusal, Providers};

/// The decision.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    Allow(Allowed),
    Deny(DenyReason),
}

/// A yes, and what the log should say about it.
#[derive(Debug)]
pub struct Allowed {
    pub key: AuthorizedKey,
    /// Mail address or subject, at which issuer. Not escaped.
    pub who: String,
    /// File and line that allowed it.
    pub rule: String,
    /// What an admin may want to look at. Not escaped.
    pub notices: Vec<String>,
}

/// A no. The texts may quote the token's claims: escape them where they are shown.
#[derive(Debug, thiserror::Error)]
pub enum DenyReason {
    #[error("the certificate is not base64")]
    Base64,
    #[error("authorized keys key type mismatch: sshd says {said:?}, the certificate {got:?}")]
    KeyType { said: String, got: &'static str },
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    #[error("{0}")]
    PkToken(Box<PkTokenError>),
    #[error("public key 'upk' in PK Token does not match public key in certificate")]
    OtherKey,
    #[error("{0}")]
    Provider(#[from] ProviderRefusal),
    #[error("{0}")]
    Policy(#[from] PolicyDenial),
    #[error("{0}")]
    UnsafeLine(#[from] UnsafeLine),
}

impl DenyReason {
    /// Did somebody say that just this must not be? Then nobody else is asked either.
    pub fn is_by_deny_list(&self) -> bool {
        matches!(
            self,
            Self::Policy(PolicyDenial::Email(_) | PolicyDenial::User(_))
        )
    }
}

impl From<PkTokenError> for DenyReason {
    fn from(error: PkTokenError) -> Self {
        Self::PkToken(Box::new(error))
    }
}

/// Certificate types we look at; any other key is refused by its name alone.
const CERTIFICATE_TYPES: [&str; 2] = [
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
];
/// Longest certificate in base64: one argument of a command, on Linux.
const MAX_BASE64: usize = 128 * 1024;

/// Reads sshd's `%t` and `%k`.
pub fn read_certificate(key_type: &str, base64: &str) -> Result<UnverifiedCertificate, DenyReason> {
    if !CERTIFICATE_TYPES.contains(&key_type) {
        let kind = key_type.chars().take(64).collect();
        return Err(CertificateError::NotACertificate(kind).into());
    }
    let base64 = base64.trim_ascii_end();
    if base64.len() > MAX_BASE64 {
        return Err(CertificateError::Size(base64.len()).into());
    }
    let blob = STANDARD.decode(base64).map_err(|_| DenyReason::Base64)?;
    let certificate = UnverifiedCertificate::parse(&blob)?;
    if certificate.wire_type() != key_type {
        return Err(DenyReason::KeyType {
            said: key_type.to_owned(),
            got: certificate.wire_type(),
        });
    }
    Ok(certificate)
}

/// A certificate in order, whose PK token may be genuine: only the provider's keys can tell.
pub struct Candidate {
    certificate: VerifiedCertificate,
    token: UnverifiedPkToken,
    provider: TrustedProvider,
}

/// Everything that needs neither the provider's keys nor the policy.
pub fn before_keys(
    certificate: UnverifiedCertificate,
    providers: &Providers,
    now: UnixTime,
) -> Result<Candidate, DenyReason> {
    let certificate = certificate::verify(certificate, now)?;
    let token = UnverifiedPkToken::parse_compact(certificate.pk_token())?;
    // a stolen token in another's certificate ends here, whatever else is right about it
    if token.unverified_cic().user_key() != certificate.public_key() {
        return Err(DenyReason::OtherKey);
    }
    let provider = providers.for_issuer(token.unverified_issuer())?.clone();
    pk_token::precheck(&token, &provider)?;
    Ok(Candidate {
        certificate,
        token,
        provider,
    })
}

impl Candidate {
    /// Whose keys are needed.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// Can these keys tell, by their names? If not, the provider may have newer ones.
    pub fn suits(&self, keys: &KeySet) -> bool {
        let refreshed = self.token.unverified_refreshed();
        keys.knows(self.token.unverified_kid().as_deref())
            && refreshed.is_none_or(|token| keys.knows(token.unverified_kid().as_deref()))
    }

    /// Finds out who it is.
    pub fn identify(self, keys: &KeySet, now: UnixTime) -> Result<Identified, DenyReason> {
        let token = pk_token::verify(self.token, &self.provider, keys, now)?;
        if token.user_key() != self.certificate.public_key() {
            return Err(DenyReason::OtherKey);
        }
        Ok(Identified {
            certificate: self.certificate,
            token,
        })
    }
}

/// Somebody whom a trusted provider vouches for, holding the key of the certificate.
pub struct Identified {
    certificate: VerifiedCertificate,
    token: VerifiedPkToken,
}

impl Identified {
    /// May they become `principal`?
    pub fn decide(&self, principal: &str, policy: &Policy, deny: &DenyLists) -> Verdict {
        match self.allowed(principal, policy, deny) {
            Ok(allowed) => Verdict::Allow(allowed),
            Err(reason) => Verdict::Deny(reason),
        }
    }

    fn allowed(
        &self,
        principal: &str,
        policy: &Policy,
        deny: &DenyLists,
    ) -> Result<Allowed, DenyReason> {
        let key = AuthorizedKey::for_certificate(&self.certificate)?;
        let claims = self.token.claims();
        let applicant = Applicant {
            principal,
            issuer: claims.iss(),
            claims: claims.all(),
        };
        let rule = policy.decide(applicant, deny)?;
        let mut notices = Vec::new();
        if rule.identity.rests_on_email(claims.all()) && claims.email_verified() != Some(true) {
            notices.push("matched by email, but email_verified is not true".to_owned());
        }
        let principals = self.certificate.principals();
        if !principals.is_empty()
            && !principals
                .iter()
                .any(|own| own == principal || own == WILDCARD_PRINCIPAL)
        {
            notices.push(format!(
                "the certificate is for {principals:?}, not for {principal:?}"
            ));
        }
        if self.certificate.access_token().is_some() {
            notices.push("the certificate carries an access token, which is not used".to_owned());
        }
        let who = claims.email().unwrap_or(claims.sub());
        Ok(Allowed {
            key,
            who: format!(
                "{who} (sub={}, iss={}, key id {:?})",
                claims.sub(),
                claims.iss(),
                self.certificate.key_id()
            ),
            rule: rule.place.clone(),
            notices,
        })
    }
}
