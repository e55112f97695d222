//! What the provider's endpoints share.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::grants::Grants;
use crate::id_token::Signer;

/// Everything the endpoints share.
pub struct Provider {
    pub issuer: String,
    pub signer: Signer,
    pub id_token_lifetime: Duration,
    pub nonce_on_refresh: bool,
    /// The only password that is accepted; `None` accepts any.
    pub password: Option<String>,
    grants: Mutex<Grants>,
}

/// Parameters of a query or a form, each at most once (RFC 6749, section 3.1).
pub type Parameters = HashMap<String, String>;

impl Provider {
    pub fn new(
        issuer: &str,
        id_token_lifetime: Duration,
        nonce_on_refresh: bool,
        password: Option<String>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            issuer: issuer.to_owned(),
            signer: Signer::generate()?,
            id_token_lifetime,
            nonce_on_refresh,
            password,
            grants: Mutex::default(),
        })
    }

    pub fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock()
    }
}
