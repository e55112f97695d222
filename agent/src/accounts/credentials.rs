//! What an account logs in with: its key, PK token and certificate.

use opkssh_protocol::certificate::{MintError, UnverifiedCertificate};
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{KeyType, Renewal};
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::pk_token::TokenTimes;
use opkssh_protocol::printable::printable;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;

use super::login::CheckedPkToken;
use super::mint::mint;
use crate::serving::source::Visibility;

/// An account's credentials, ready for use. They never change; a renewal makes new ones.
pub struct Credentials {
    pub parts: Parts,
    certificate: UnverifiedCertificate,
    /// The same without the access token, if there is one.
    without_access_token: Option<UnverifiedCertificate>,
    /// The account's own number, by which its renewals keep clear of everybody else's.
    pub early: u8,
}

/// What credentials are made of.
#[derive(Clone)]
pub struct Parts {
    pub provider: Provider,
    pub principals: Vec<String>,
    pub key: std::sync::Arc<UserKey>,
    pub pk_token: CheckedPkToken,
    /// Only where the account sends it to servers.
    pub access_token: Option<Secret>,
    pub renewal: Renewal,
}

impl Credentials {
    /// Mints a certificate from the parts.
    pub fn mint(parts: Parts, now: UnixTime) -> Result<Self, MintError> {
        let certificate = |access_token: Option<&Secret>| {
            mint(
                &parts.key,
                &parts.pk_token,
                access_token,
                &parts.principals,
                now,
            )
        };
        let without = parts.access_token.is_some().then(|| certificate(None));
        let certificate = certificate(parts.access_token.as_ref())?;
        // of the key, which a renewal keeps
        let fingerprint = certificate.unverified_fingerprint();
        Ok(Self {
            early: fingerprint.bytes().fold(0, u8::wrapping_add),
            certificate,
            without_access_token: without.transpose()?,
            parts,
        })
    }

    pub fn provider(&self) -> &Provider {
        &self.parts.provider
    }

    /// Signs for ssh (RFC 4253 section 6.6).
    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.parts.key.sign_ssh(data)
    }

    pub fn public_key(&self) -> PublicKey {
        self.parts.key.public_key()
    }

    pub fn key_type(&self) -> KeyType {
        match self.public_key() {
            PublicKey::Ed25519(_) => KeyType::Ed25519,
            _ => KeyType::Ecdsa,
        }
    }

    /// Returns the `sub` of the ID token.
    pub fn subject(&self) -> &str {
        self.parts.pk_token.claims().sub()
    }

    pub fn email(&self) -> Option<&str> {
        self.parts.pk_token.claims().email()
    }

    /// Returns the person in a word: mail address, else subject.
    pub fn who(&self) -> &str {
        self.email().unwrap_or(self.subject())
    }

    /// Returns the comment of the identity in `ssh-add -l`.
    pub fn comment(&self, account: &str) -> String {
        printable(&format!("opkssh {account} {}", self.who())).to_string()
    }

    /// Returns `SHA256:…` of the user key.
    pub fn fingerprint(&self) -> String {
        self.certificate.unverified_fingerprint()
    }

    /// Returns the certificate to show. It has the access token only for accounts with `hosts:`,
    /// because any server could use the token at the provider.
    pub fn shown(&self, visibility: &Visibility) -> &UnverifiedCertificate {
        let without = self.without_access_token.as_ref();
        without
            .filter(|_| visibility.hosts.is_empty())
            .unwrap_or(&self.certificate)
    }

    /// Returns true if the access token is not in the certificate that is shown.
    pub fn withholds_access_token(&self, visibility: &Visibility) -> bool {
        self.without_access_token.is_some() && visibility.hosts.is_empty()
    }

    /// Returns the times that servers decide by.
    pub fn times(&self) -> TokenTimes {
        self.parts.pk_token.times()
    }
}
