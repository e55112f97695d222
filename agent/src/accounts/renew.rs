//! When and how an account is renewed without a person.
//!
//! If the refreshed ID token repeats the nonce, it makes a new ordinary PK token with the same key
//! and the same client claims, good on every server. If it has none, it is attached to the old PK
//! token, which helps where the server's policy is `oidc_refreshed`.

use std::sync::Arc;

use opkssh_protocol::control::{AccountStatus, Renewal, WhichAccount};
use opkssh_protocol::id_token::{Audience, Expected, IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{PkTokenError, UnverifiedPkToken, verify_refreshed};
use opkssh_protocol::time::UnixTime;
use tokio::task::JoinSet;

use super::login::{self, LoginError};
use super::mint::bind;
use super::oidc::{self, OidcError, ProviderDocuments, Tokens};
use super::record::{Record, RecordError};
use super::{Account, Accounts, now};

/// Seconds before a failed renewal is tried again: doubled with each failure …
const FIRST_RETRY: i64 = 5;
/// … up to this.
const LAST_RETRY: i64 = 15 * 60;

#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error("the refreshed ID token: {0}")]
    IdToken(#[from] IdTokenError),
    #[error("the refreshed ID token: {0}")]
    PkToken(#[from] PkTokenError),
    #[error("the refreshed ID token: {0}")]
    Login(#[from] LoginError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("the provider gives nothing to renew with")]
    NoRefreshToken,
    #[error("the last renewal failed ({0}); the next try is at {1}")]
    TooSoon(String, UnixTime),
    #[error("the account was logged out")]
    Gone,
}

/// An account that can be used now.
pub struct Ensured(pub AccountStatus);

/// Why an account cannot be used without a person.
pub enum EnsureError {
    /// Only a login helps. The account's name, if there is such an account.
    LoginNeeded {
        account: Option<String>,
        reason: String,
    },
    /// A login would not help, or may not be needed: the store or the provider is out of reach.
    NotNow {
        reason: String,
        hint: Option<String>,
    },
}

impl Accounts {
    /// Makes an account usable without a person, if that can be done.
    pub async fn ensure(self: &Arc<Self>, which: &WhichAccount) -> Result<Ensured, EnsureError> {
        self.restore_missing().await;
        let Some(account) = self.find(which).into_iter().next() else {
            if let Some(reason) = self.why_missing(which) {
                let hint = Some("unlock the keyring and try again".to_owned());
                return Err(EnsureError::NotNow { reason, hint });
            }
            let reason = match which {
                WhichAccount::Named(name) => format!("{name} is not logged in"),
                _ => "nobody is logged in".to_owned(),
            };
            return Err(EnsureError::LoginNeeded {
                account: None,
                reason,
            });
        };
        let failed = self.renew_if_stale(&account).await.err();
        let (plan, renewable) = {
            let state = account.state();
            (self.plan(&state), state.record.refresh_token.is_some())
        };
        if plan.is_usable(now()) {
            return Ok(Ensured(self.report(&account)));
        }
        match failed {
            Some(error) if renewable && plan.renew_at.is_some() => Err(EnsureError::NotNow {
                reason: error.to_string(),
                hint: None,
            }),
            _ => Err(EnsureError::LoginNeeded {
                account: Some(account.alias.clone()),
                reason: self.why_login(&account),
            }),
        }
    }

    /// Renews those of these accounts that are due, side by side. Failures are kept with the
    /// account.
    pub async fn renew_due(self: &Arc<Self>, accounts: Vec<Arc<Account>>) {
        let mut renewing = JoinSet::new();
        for account in accounts {
            let this = self.clone();
            renewing.spawn(async move { this.renew_if_stale(&account).await });
        }
        while renewing.join_next().await.is_some() {}
    }

    /// Renews one account if its plan says so. However many ask at once, one request is made; and
    /// it runs to its end even when nobody waits any more, or its answer would be lost.
    pub(super) async fn renew_if_stale(
        self: &Arc<Self>,
        account: &Arc<Account>,
    ) -> Result<(), RenewError> {
        if !self.plan(&account.state()).wants_renewal(now()) {
            return Ok(());
        }
        let (this, account) = (self.clone(), account.clone());
        let renewing = tokio::spawn(async move { this.renew(&account).await });
        renewing.await.unwrap_or(Err(RenewError::Gone))
    }

    async fn renew(&self, account: &Arc<Account>) -> Result<(), RenewError> {
        let _changing = account.changing.lock().await;
        let provider = {
            let state = account.state();
            // somebody else may have renewed it, or failed to, while we waited
            if !self.plan(&state).wants_renewal(now()) {
                return Ok(());
            }
            if let Some(retry_at) = state.retry_at.filter(|retry_at| now() < *retry_at) {
                let last = state.last_error.clone().unwrap_or_default();
                return Err(RenewError::TooSoon(last, retry_at));
            }
            state.record.provider.clone()
        };
        let renewed = match oidc::discover(&self.http, &provider.issuer).await {
            Ok(documents) => self.exchange(account, &documents).await,
            Err(error) => Err(error.into()),
        };
        self.note(account, renewed)
    }

    /// A first renewal with documents that are at hand, to learn what the provider's refreshes
    /// are good for.
    pub(super) async fn renew_with(
        &self,
        account: &Arc<Account>,
        documents: &ProviderDocuments,
    ) -> Result<(), RenewError> {
        let _changing = account.changing.lock().await;
        if account.state().record.refresh_token.is_none() {
            return Err(RenewError::NoRefreshToken);
        }
        let renewed = self.exchange(account, documents).await;
        self.note(account, renewed)
    }

    /// One refresh request and all that follows from its answer. The caller holds `changing`.
    async fn exchange(
        &self,
        account: &Arc<Account>,
        documents: &ProviderDocuments,
    ) -> Result<(), RenewError> {
        let (mut record, credentials) = {
            let state = account.state();
            (state.record.clone(), state.credentials.clone())
        };
        let refresh_token = record
            .refresh_token
            .clone()
            .ok_or(RenewError::NoRefreshToken)?;
        let tokens =
            match oidc::refresh(&self.http, documents, &record.provider, &refresh_token).await {
                Ok(tokens) => tokens,
                Err(error) => {
                    if error.is_invalid_grant() {
                        record.refresh_token = None;
                        record.renewal = Renewal::NeedsPerson;
                        self.keep(account, record).await?;
                    }
                    return Err(error.into());
                }
            };
        // the old refresh token may be dead already: the new one is made durable before anything
        // else is done with the answer
        let Tokens {
            id_token,
            access_token,
            refresh_token,
        } = tokens;
        if let Some(new) = refresh_token {
            record.refresh_token = Some(new);
            self.keep(account, record.clone()).await?;
        }
        if record.access_token.is_some() {
            record.access_token = Some(access_token);
        }
        let (pk_token, renewal) = match id_token {
            None => (None, Renewal::NeedsPerson),
            Some(id_token) => {
                let (pk_token, renewal) = renewed(
                    &record,
                    &credentials.key,
                    &credentials.pk_token,
                    &id_token,
                    documents,
                )?;
                (Some(pk_token), renewal)
            }
        };
        record.renewal = renewal;
        if let Some(pk_token) = &pk_token {
            record.set_pk_token(pk_token);
        }
        tracing::info!(account = account.alias, ?renewal, "renewed");
        self.keep(account, record).await
    }

    /// Puts a changed record into memory and into the store. A store that fails now is told about
    /// in `status`, and gets the record with the next change.
    async fn keep(&self, account: &Arc<Account>, mut record: Record) -> Result<(), RenewError> {
        let credentials = record.credentials(now())?;
        let store = {
            let mut state = account.state();
            if state.gone {
                return Err(RenewError::Gone);
            }
            record.generation = state.record.generation + 1;
            state.record = record.clone();
            state.credentials = credentials;
            state.store
        };
        let saved = self
            .stores
            .save(store, &account.alias, record.to_secret()?)
            .await;
        account.state().store_error = saved.err().map(|error| error.to_string());
        self.publish();
        Ok(())
    }

    /// Remembers how a renewal went.
    fn note(
        &self,
        account: &Arc<Account>,
        renewed: Result<(), RenewError>,
    ) -> Result<(), RenewError> {
        let mut state = account.state();
        state.last_error = match &renewed {
            // a provider may answer with the same old token: that must not become a busy loop
            Ok(()) if self.plan(&state).wants_renewal(now()) => {
                Some("the refreshed ID token is no newer than the last".to_owned())
            }
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = &state.last_error {
            tracing::warn!(account = account.alias, "renewal failed: {error}");
            let wait = (FIRST_RETRY << state.failures.min(10)).min(LAST_RETRY);
            state.failures += 1;
            state.retry_at = Some(now().plus(wait));
        } else {
            state.failures = 0;
            state.retry_at = None;
        }
        drop(state);
        self.replan.notify_one();
        renewed
    }

    fn why_login(&self, account: &Account) -> String {
        let state = account.state();
        match &state.last_error {
            Some(error) => format!("{} cannot be renewed: {error}", account.alias),
            None => format!(
                "{} is past its planned deadline ({})",
                account.alias,
                self.settings.of(&state.record.provider).expiration
            ),
        }
    }
}

/// The PK token that a refreshed ID token makes, verified in full, and what kind of renewal it is.
fn renewed(
    record: &Record,
    key: &opkssh_protocol::user_key::UserKey,
    current: &UnverifiedPkToken,
    id_token: &str,
    documents: &ProviderDocuments,
) -> Result<(UnverifiedPkToken, Renewal), RenewError> {
    let id_token = UnverifiedIdToken::parse(id_token)?;
    let client_ids = [record.provider.client_id.clone()];
    let expected = Expected {
        issuer: &record.provider.issuer,
        audience: Audience::OneOf(&client_ids),
    };
    let cic = current.unverified_cic();
    verify_refreshed(
        id_token.clone(),
        current.unverified_claims(),
        cic,
        expected,
        &documents.keys,
        now(),
    )?;
    match id_token.unverified_claims().nonce() {
        Some(nonce) if !nonce.is_empty() => {
            let pk_token = bind(key, cic, id_token);
            login::check(&pk_token, &record.provider, documents, now())?;
            Ok((pk_token, Renewal::ByItself))
        }
        _ => Ok((
            current.clone().with_refreshed(id_token),
            Renewal::OnRefreshedServers,
        )),
    }
}
