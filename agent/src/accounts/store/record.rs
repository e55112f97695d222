//! What an account is, and what the store keeps of it.

use std::sync::Arc;

use opkssh_protocol::certificate::{MintError, UnverifiedCertificate};
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{KeyType, Renewal};
use opkssh_protocol::pk_token::{PkTokenError, TokenTimes, UnverifiedPkToken};
use opkssh_protocol::secret::{self, Secret};
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::{UnreadableKey, UserKey};
use serde::{Deserialize, Serialize};

use crate::accounts::mint::mint;
use crate::serving::source::Visibility;

/// Everything needed to go on after a restart, as one text in the store.
#[derive(Clone, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    /// Counts the writes.
    pub generation: u64,
    /// A refresh request was about to be sent and its answer is not here yet: if it never comes,
    /// the refresh token may be spent.
    #[serde(default)]
    pub refreshing: bool,
    /// The account's name; empty in a record of the time when it was always the provider's.
    #[serde(default)]
    account: String,
    pub provider: Provider,
    pub principals: Vec<String>,
    #[serde(with = "secret::exposed")]
    user_key: Secret,
    /// Compact; holds the ID token, which is a bearer credential.
    #[serde(with = "secret::exposed")]
    pk_token: Secret,
    #[serde(with = "secret::exposed_option")]
    pub refresh_token: Option<Secret>,
    /// Only where the account sends it to servers.
    #[serde(with = "secret::exposed_option")]
    pub access_token: Option<Secret>,
    pub renewal: Renewal,
    pub logged_in_at: UnixTime,
}

const VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("it was written by another version ({0})")]
    Version(u32),
    #[error("it is not readable")]
    Syntax,
    #[error(transparent)]
    Key(#[from] UnreadableKey),
    #[error(transparent)]
    PkToken(#[from] PkTokenError),
    #[error(transparent)]
    Mint(#[from] MintError),
}

/// An account's credentials, ready for use: what a record holds, parsed and minted.
#[derive(Clone)]
pub struct Credentials {
    pub key: Arc<UserKey>,
    pub pk_token: UnverifiedPkToken,
    pub certificate: UnverifiedCertificate,
    /// The same without the access token, if there is one.
    without_access_token: Option<UnverifiedCertificate>,
}

impl Record {
    #[allow(clippy::too_many_arguments)] // a plain constructor
    pub fn new(
        provider: Provider,
        principals: Vec<String>,
        key: &UserKey,
        pk_token: &UnverifiedPkToken,
        access_token: Option<Secret>,
        refresh_token: Option<Secret>,
        renewal: Renewal,
        now: UnixTime,
    ) -> Self {
        Self {
            version: VERSION,
            generation: 1,
            refreshing: false,
            account: String::new(),
            provider,
            principals,
            user_key: key.to_secret(),
            pk_token: Secret::new(pk_token.compact()),
            refresh_token,
            access_token,
            renewal,
            logged_in_at: now,
        }
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        match self.account.as_str() {
            "" => self.provider.name(),
            name => name,
        }
    }

    /// Gives the account a name of its own, in place of the provider's.
    pub fn set_account(&mut self, name: &str) {
        name.clone_into(&mut self.account);
    }

    pub fn key_type(&self) -> KeyType {
        if self.user_key.expose().starts_with("ed25519:") {
            KeyType::Ed25519
        } else {
            KeyType::Ecdsa
        }
    }

    /// The `sub` of its ID token.
    pub fn subject(&self) -> Option<String> {
        let pk_token = UnverifiedPkToken::parse_compact(self.pk_token.expose()).ok()?;
        Some(pk_token.unverified_claims().sub().to_owned())
    }

    pub fn set_pk_token(&mut self, pk_token: &UnverifiedPkToken) {
        self.pk_token = Secret::new(pk_token.compact());
    }

    pub fn to_secret(&self) -> Result<Secret, RecordError> {
        serde_json::to_string(self)
            .map(Secret::new)
            .map_err(|_| RecordError::Syntax)
    }

    pub fn from_secret(text: &Secret) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text.expose()).map_err(|_| RecordError::Syntax)?;
        if record.version != VERSION {
            return Err(RecordError::Version(record.version));
        }
        Ok(record)
    }

    /// Would both mint the same certificate?
    pub fn mints_as(&self, other: &Self) -> bool {
        self.pk_token.expose() == other.pk_token.expose()
            && self.user_key.expose() == other.user_key.expose()
            && self.access_token.as_ref().map(Secret::expose)
                == other.access_token.as_ref().map(Secret::expose)
            && self.principals == other.principals
    }

    /// Parses key and PK token and mints a certificate from them.
    pub fn credentials(&self, now: UnixTime) -> Result<Credentials, RecordError> {
        let key = UserKey::from_secret(&self.user_key)?;
        let pk_token = UnverifiedPkToken::parse_compact(self.pk_token.expose())?;
        let mint = |token: Option<&Secret>| mint(&key, &pk_token, token, &self.principals, now);
        let certificate = mint(self.access_token.as_ref())?;
        let without = self.access_token.is_some().then(|| mint(None));
        Ok(Credentials {
            without_access_token: without.transpose()?,
            certificate,
            key: Arc::new(key),
            pk_token,
        })
    }
}

impl Credentials {
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

    /// The times that servers decide by. The tokens are our own, verified when they came.
    pub fn times(&self) -> TokenTimes {
        let claims = self.pk_token.unverified_claims();
        let refreshed = self.pk_token.unverified_refreshed();
        TokenTimes {
            issued_at: claims.issued_at(),
            expires_at: claims.expires_at(),
            refreshed_expires_at: refreshed
                .and_then(|token| token.unverified_claims().expires_at()),
        }
    }
}
