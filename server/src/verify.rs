//! The decision for sshd. Pure: certificate, providers, keys, policy and time are inputs, the
//! verdict is the result.
//!
//! Each step is a type, so that none can be skipped. Cheap checks come first: garbage is refused
//! before a request to the provider or sudo.
//!
//! [`peek`] → [`read_certificate`] → [`before_keys`] → [`Candidate::identify`] →
//! [`Identified::check_denials`] → [`Undenied::allowed_by`]

mod deny_reason;

pub use deny_reason::DenyReason;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::certificate::{
    self, CERTIFICATE_TYPES, CertificateError, UnverifiedCertificate, VerifiedCertificate,
    WILDCARD_PRINCIPAL,
};
use opkssh_protocol::id_token::{Claims, VerifiedIdToken};
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{
    self, AuthenticPkToken, BoundPkToken, PkTokenError, TrustedProvider, UnverifiedPkToken,
};
use opkssh_protocol::printable::quoted;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;

use crate::account::LocalAccount;
use crate::authorized_keys::{AuthorizedKey, Options};
use crate::config::DenyLists;
use crate::policy::{Applicant, Granted, Policy, PolicyDenial};
use crate::providers::Providers;
use crate::userinfo::Userinfo;

/// A permission, and notices for the log.
#[derive(Debug)]
pub struct Allowed {
    pub key: AuthorizedKey,
    /// Mail address or subject, and issuer. Not escaped.
    pub who: String,
    /// File and line, or file and rule, that allowed it.
    pub rule: String,
    /// Notices for the admin. Not escaped.
    pub notices: Vec<String>,
}

/// Longest certificate in base64: one argument of a command on Linux.
const MAX_BASE64: usize = 128 * 1024;

/// A certificate of an opkssh type with a token. Not parsed any further.
pub struct Peeked {
    blob: Vec<u8>,
}

/// Fails if sshd's `%t` and `%k` are not an opkssh certificate: for most keys, the type name is
/// sufficient.
pub fn peek(key_type: &str, base64: &str) -> Result<Peeked, DenyReason> {
    if !CERTIFICATE_TYPES.contains(&key_type) {
        let kind = key_type.chars().take(64).collect();
        return Err(CertificateError::NotACertificate(kind).into());
    }
    let base64 = base64.trim_ascii_end();
    if base64.len() > MAX_BASE64 {
        return Err(CertificateError::Size(base64.len()).into());
    }
    let blob = STANDARD.decode(base64).map_err(|_| DenyReason::Base64)?;
    let got = certificate::peek(&blob)?;
    if got != key_type {
        return Err(DenyReason::KeyType {
            said: key_type.to_owned(),
            got,
        });
    }
    Ok(Peeked { blob })
}

pub fn read_certificate(peeked: &Peeked) -> Result<UnverifiedCertificate, DenyReason> {
    Ok(UnverifiedCertificate::parse(&peeked.blob)?)
}

/// A valid certificate with a PK token that only the provider's keys can verify.
pub struct Candidate {
    certificate: VerifiedCertificate,
    token: BoundPkToken,
}

/// Checks everything that needs neither the provider's keys nor the policy.
pub fn before_keys(
    certificate: UnverifiedCertificate,
    providers: &Providers,
    now: UnixTime,
) -> Result<Candidate, DenyReason> {
    let certificate = certificate::verify(certificate, now)?;
    let token = UnverifiedPkToken::parse_compact(certificate.pk_token())?;
    // refuses a stolen token in a certificate for another key
    if token.unverified_cic().user_key() != certificate.public_key() {
        return Err(DenyReason::OtherKey);
    }
    let provider = providers.for_issuer(token.unverified_issuer())?;
    Ok(Candidate {
        certificate,
        token: pk_token::precheck(token, provider)?,
    })
}

impl Candidate {
    pub fn issuer(&self) -> &str {
        &self.token.provider().issuer
    }

    /// Returns true if these keys include those that the token names; otherwise the provider may
    /// have newer ones.
    pub fn suits(&self, keys: &KeySet) -> bool {
        let token = self.token.unverified();
        let refreshed = token.unverified_refreshed();
        keys.knows(token.unverified_kid().as_deref())
            && refreshed.is_none_or(|token| keys.knows(token.unverified_kid().as_deref()))
    }

    /// Verifies the token with the provider's keys. [`Undenied::allowed_by`] checks the age of the
    /// login.
    pub fn identify(self, keys: &KeySet, now: UnixTime) -> Result<Identified, DenyReason> {
        let provider = self.token.provider().clone();
        let token = pk_token::authenticate(self.token, keys, now)?;
        if token.user_key() != self.certificate.public_key() {
            return Err(DenyReason::OtherKey);
        }
        Ok(Identified {
            fingerprint: self.certificate.fingerprint(),
            login: token.login_id(),
            refreshed_login: token.refreshed_login_id(),
            certificate: self.certificate,
            token,
            userinfo: None,
            account: None,
            provider,
            now,
            client_address: None,
        })
    }
}

/// A login with a verified token and the key of the certificate.
pub struct Identified {
    certificate: VerifiedCertificate,
    token: AuthenticPkToken,
    /// Claims from the provider's userinfo endpoint.
    pub userinfo: Option<Userinfo>,
    /// Kind of the local account. No claim may name an unknown account.
    pub account: Option<LocalAccount>,
    /// The client's address, for rules with `client_address`.
    pub client_address: Option<IpAddr>,
    provider: TrustedProvider,
    now: UnixTime,
    /// `SHA256:…` of the user key and of the ID tokens' payloads.
    fingerprint: String,
    login: String,
    refreshed_login: Option<String>,
}

impl Identified {
    pub fn claims(&self) -> &Claims {
        self.token.claims()
    }

    /// Returns the access token for a userinfo request, if the certificate contains one.
    pub fn access_token(&self) -> Option<&Secret> {
        self.certificate
            .access_token()
            .filter(|token| !token.is_empty())
    }

    pub fn user_key(&self) -> &PublicKey {
        self.token.user_key()
    }

    /// Returns the compact PK token and its compact ID token.
    pub fn compact_tokens(&self) -> (&str, String) {
        (self.certificate.pk_token(), self.token.id_token().compact())
    }

    /// Fails if a revocation, deny list or deny rule applies. `tell` gets a message for the admin
    /// about each step, not escaped.
    pub fn check_denials<'a>(
        &'a self,
        principal: &'a str,
        policy: &Policy,
        deny: &DenyLists,
        tell: &mut dyn FnMut(String),
    ) -> Result<Undenied<'a>, DenyReason> {
        tell(self.who());
        match self.age() {
            Ok(None) => tell("the login does not expire".to_owned()),
            Ok(Some(end)) => tell(format!("the login is valid until {end}")),
            Err(error) => tell(error.to_string()),
        }
        if let Some(Err(error)) = self.token.refreshed() {
            tell(format!("the refreshed ID token is not valid: {error}"));
        }
        policy.refuses(&self.applicant(principal), deny, tell)?;
        Ok(Undenied {
            identified: self,
            principal,
        })
    }

    /// Returns until when the login is valid under the provider's policy, or that it has expired.
    /// Only rules with their own age limit replace this check.
    fn age(&self) -> Result<Option<UnixTime>, PkTokenError> {
        self.token.age(self.provider.expiration, self.now)
    }

    fn applicant<'a>(&'a self, principal: &'a str) -> Applicant<'a> {
        let claims = self.token.claims();
        let refreshed = self.token.refreshed().and_then(Result::ok);
        Applicant {
            principal,
            issuer: claims.iss(),
            claims: claims.all(),
            refreshed: refreshed.map(|refreshed| refreshed.claims().all()),
            userinfo: self.userinfo.as_ref().map(Userinfo::claims),
            account: self.account.as_ref(),
            email_verified: claims.email_is_verified(refreshed.map(VerifiedIdToken::claims)),
            issued_at: claims.issued_at(),
            refreshed_at: refreshed.and_then(|refreshed| refreshed.claims().issued_at()),
            is_unexpired: self.age().is_ok(),
            key: &self.fingerprint,
            login: &self.login,
            refreshed_login: self
                .refreshed_login
                .as_deref()
                .filter(|_| refreshed.is_some()),
            now: self.now,
            client_address: self.client_address,
        }
    }

    fn let_in(&self, principal: &str, granted: Granted) -> Result<Allowed, DenyReason> {
        let key = AuthorizedKey::for_certificate(&self.certificate)?;
        let claims = self.token.claims();
        let mut notices = Vec::new();
        if granted.by_email && claims.email_verified() != Some(true) {
            notices.push("matched by email, but email_verified is not true".to_owned());
        }
        let principals = self.certificate.principals();
        if !principals.is_empty()
            && !principals
                .iter()
                .any(|own| own == principal || own == WILDCARD_PRINCIPAL)
        {
            notices.push(format!(
                "the certificate is for {}, not for {principal:?}",
                quoted(&principals.join(","))
            ));
        }
        if granted.options.command.is_some() && self.certificate.has_forced_command() {
            notices.push(
                "certificate and rule each force a command; sshd refuses unless they are equal"
                    .to_owned(),
            );
        }
        Ok(Allowed {
            key: key.with_options(granted.options),
            who: self.who(),
            rule: granted.place,
            notices,
        })
    }

    /// Returns mail address or subject, and issuer. Not escaped.
    fn who(&self) -> String {
        let claims = self.token.claims();
        format!(
            "{} (sub={}, iss={}, key id {})",
            quoted(claims.email().unwrap_or(claims.sub())),
            quoted(claims.sub()),
            quoted(claims.iss()),
            quoted(self.certificate.key_id())
        )
    }
}

/// An identified login to which no denial applies.
pub struct Undenied<'a> {
    identified: &'a Identified,
    principal: &'a str,
}

impl Undenied<'_> {
    /// Allows by the first matching rule, then by the first matching row of `auth_id`.
    pub fn allowed_by(
        &self,
        policy: &Policy,
        tell: &mut dyn FnMut(String),
    ) -> Result<Allowed, DenyReason> {
        let applicant = self.identified.applicant(self.principal);
        let granted = match (policy.allows(&applicant, tell), self.identified.age()) {
            (Ok(granted), _) => granted,
            // logging in again may help; changing the policy would not
            (Err(PolicyDenial::NoRule { .. }), Err(expired)) => return Err(expired.into()),
            (Err(denial), _) => return Err(denial.into()),
        };
        self.identified.let_in(self.principal, granted)
    }

    /// Allows by a plugin that said yes. Fails for an expired login.
    pub fn allowed_by_plugin(&self, plugin: &str) -> Result<Allowed, DenyReason> {
        self.identified.age()?;
        let granted = Granted {
            place: format!("plugin {plugin:?}"),
            options: Options::default(),
            by_email: false,
        };
        self.identified.let_in(self.principal, granted)
    }
}
