//! Where sshd's yes or no comes from. Pure: certificate, providers, keys, policy and time in,
//! verdict out.
//!
//! The steps are types, so that none can be left out, and they go from cheap to dear: what a
//! stranger can make up is refused before anything is asked of the provider or of sudo.
//!
//! [`peek`] → [`read_certificate`] → [`before_keys`] → [`Candidate::identify`] → [`Identified::decide`]

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::certificate::{
    self, CERTIFICATE_TYPES, CertificateError, UnverifiedCertificate, VerifiedCertificate,
    WILDCARD_PRINCIPAL,
};
use opkssh_protocol::id_token::Claims;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{
    self, AuthenticPkToken, PkTokenError, TrustedProvider, UnverifiedPkToken,
};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;

use crate::authorized_keys::{AuthorizedKey, Options, UnsafeLine};
use crate::config::DenyLists;
use crate::policy::{Applicant, Granted, Policy, PolicyDenial};
use crate::providers::{ProviderRefusal, Providers};
use crate::userinfo::Userinfo;

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
    /// File and line, or file and rule, that allowed it.
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
    /// Did somebody say that just this must not be? Then nobody else is to be asked either.
    pub fn is_by_deny_list(&self) -> bool {
        matches!(
            self,
            Self::Policy(
                PolicyDenial::Email(_)
                    | PolicyDenial::User(_)
                    | PolicyDenial::Revoked(_)
                    | PolicyDenial::Rule(_)
            )
        )
    }
}

impl From<PkTokenError> for DenyReason {
    fn from(error: PkTokenError) -> Self {
        Self::PkToken(Box::new(error))
    }
}

/// Longest certificate in base64: one argument of a command, on Linux.
const MAX_BASE64: usize = 128 * 1024;

/// A certificate of one of our types with a token in it, not read any further.
pub struct Peeked {
    blob: Vec<u8>,
}

/// Are sshd's `%t` and `%k` for us? Any other key is refused by the name of its type alone.
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

/// Parses it whole.
pub fn read_certificate(peeked: &Peeked) -> Result<UnverifiedCertificate, DenyReason> {
    Ok(UnverifiedCertificate::parse(&peeked.blob)?)
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

    /// Finds out who it is. How old the login may be is for [`Identified::decide`] to say.
    pub fn identify(self, keys: &KeySet, now: UnixTime) -> Result<Identified, DenyReason> {
        let token = pk_token::authenticate(self.token, &self.provider, keys, now)?;
        if token.user_key() != self.certificate.public_key() {
            return Err(DenyReason::OtherKey);
        }
        Ok(Identified {
            fingerprint: self.certificate.fingerprint(),
            login: token.login_id(),
            certificate: self.certificate,
            token,
            userinfo: None,
            provider: self.provider,
            now,
            client_address: None,
        })
    }
}

/// Somebody whom a trusted provider vouches for, holding the key of the certificate.
pub struct Identified {
    certificate: VerifiedCertificate,
    token: AuthenticPkToken,
    userinfo: Option<Userinfo>,
    provider: TrustedProvider,
    now: UnixTime,
    /// `SHA256:…` of the user key, and of the ID token's payload.
    fingerprint: String,
    login: String,
    client_address: Option<IpAddr>,
}

impl Identified {
    pub fn claims(&self) -> &Claims {
        self.token.claims()
    }

    /// For asking the provider about them, if the certificate carries one.
    pub fn access_token(&self) -> Option<&Secret> {
        self.certificate
            .access_token()
            .filter(|token| !token.is_empty())
    }

    /// With what the provider said about them.
    pub fn with_userinfo(self, userinfo: Userinfo) -> Self {
        Self {
            userinfo: Some(userinfo),
            ..self
        }
    }

    /// Sets where the client connects from, for rules with `client_address`.
    pub fn with_client_address(self, client_address: Option<IpAddr>) -> Self {
        Self {
            client_address,
            ..self
        }
    }

    pub fn userinfo(&self) -> Option<&Userinfo> {
        self.userinfo.as_ref()
    }

    pub fn user_key(&self) -> &PublicKey {
        self.token.user_key()
    }

    /// The PK token's compact form, and that of the ID token in it.
    pub fn compact_tokens(&self) -> (&str, String) {
        (self.certificate.pk_token(), self.token.id_token().compact())
    }

    /// May nobody let them in, whatever else is said for them? So it is with who is revoked, on a
    /// deny list or denied by a rule, and with a login that has expired.
    pub fn is_refused(
        &self,
        principal: &str,
        policy: &Policy,
        deny: &DenyLists,
    ) -> Result<(), DenyReason> {
        policy.refuses(&self.applicant(principal), deny, &mut |_| ())?;
        self.age()?;
        Ok(())
    }

    /// A plugin of this name let them in, who [`are not refused`](Self::is_refused).
    pub fn let_in_by_plugin(
        &self,
        principal: &str,
        policy: &Policy,
        deny: &DenyLists,
        plugin: &str,
    ) -> Result<Allowed, DenyReason> {
        self.is_refused(principal, policy, deny)?;
        self.let_in(
            principal,
            Granted {
                place: format!("plugin {plugin:?}"),
                options: Options::default(),
                by_email: false,
            },
        )
    }

    /// May they become `principal`?
    pub fn decide(&self, principal: &str, policy: &Policy, deny: &DenyLists) -> Verdict {
        self.decide_telling(principal, policy, deny, &mut |_| ())
    }

    /// As [`decide`](Self::decide), and `tell` hears of each step, in words for an admin. Not
    /// escaped.
    pub fn decide_telling(
        &self,
        principal: &str,
        policy: &Policy,
        deny: &DenyLists,
        tell: &mut dyn FnMut(String),
    ) -> Verdict {
        match self.allowed(principal, policy, deny, tell) {
            Ok(allowed) => Verdict::Allow(allowed),
            Err(reason) => Verdict::Deny(reason),
        }
    }

    fn allowed(
        &self,
        principal: &str,
        policy: &Policy,
        deny: &DenyLists,
        tell: &mut dyn FnMut(String),
    ) -> Result<Allowed, DenyReason> {
        let age = self.age();
        tell(self.who());
        match &age {
            Ok(None) => tell("the login does not expire".to_owned()),
            Ok(Some(end)) => tell(format!("the login counts until {end}")),
            Err(error) => tell(error.to_string()),
        }
        if let Some(Err(error)) = self.token.refreshed() {
            tell(format!("its refreshed part does not count: {error}"));
        }
        let granted = match (policy.decide(self.applicant(principal), deny, tell), age) {
            (Ok(granted), _) => granted,
            // a newer login may do; nothing that is added to the policy would
            (Err(PolicyDenial::NoRule { .. }), Err(expired)) => return Err(expired.into()),
            (Err(denial), _) => return Err(denial.into()),
        };
        self.let_in(principal, granted)
    }

    /// Until when the login counts under the provider's policy, or that it has expired. Whoever
    /// lets somebody in on other grounds than a rule with an age of its own has to ask.
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
            userinfo: self.userinfo.as_ref().map(Userinfo::claims),
            email_verified: claims.email_verified() == Some(true),
            issued_at: claims.issued_at(),
            refreshed_at: refreshed.and_then(|refreshed| refreshed.claims().issued_at()),
            counts_still: self.age().is_ok(),
            key: &self.fingerprint,
            login: &self.login,
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
                "the certificate is for {principals:?}, not for {principal:?}"
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

    /// Mail address or subject, at which issuer. Not escaped.
    fn who(&self) -> String {
        let claims = self.token.claims();
        format!(
            "{} (sub={}, iss={}, key id {:?})",
            claims.email().unwrap_or(claims.sub()),
            claims.sub(),
            claims.iss(),
            self.certificate.key_id()
        )
    }
}
