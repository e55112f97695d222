//! How an account is renewed: one refresh request, and all that follows from its answer.
//!
//! If the refreshed ID token repeats the nonce, it makes a new ordinary PK token with the same key
//! and the same client claims, good on every server. If it has none, it is attached to the old PK
//! token, which helps where the server's policy is `oidc_refreshed`.

use std::sync::Arc;

use opkssh_protocol::control::Renewal;
use opkssh_protocol::id_token::{Audience, Expected, IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{PkTokenError, UnverifiedPkToken, verify_refreshed};
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;

use crate::accounts::login::{self, LoginError};
use crate::accounts::mint::bind;
use crate::accounts::provider::{self, OidcError, ProviderDocuments, Tokens};
use crate::accounts::store::StoreError;
use crate::accounts::store::record::{Record, RecordError};
use crate::accounts::{Account, Accounts};
use crate::failpoint;

/// Seconds until a store that failed is asked again.
pub(super) const SAVE_AGAIN: i64 = 30;

#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
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
    #[error("it waits until its result can be stored: {0}")]
    Store(StoreError),
    #[error(
        "the agent ended while it was being renewed, the provider's answer never arrived, and the \
         old refresh token is spent"
    )]
    AnswerLost,
    #[error("the provider gives nothing to renew with")]
    NoRefreshToken,
    #[error("the account was logged out")]
    Gone,
}

impl Accounts {
    /// The caller has the account's turn.
    pub(in crate::accounts) async fn exchange(
        &self,
        account: &Arc<Account>,
        documents: &ProviderDocuments,
    ) -> Result<(), ExchangeError> {
        let (mut record, credentials) = {
            let state = account.state();
            (state.record.clone(), state.credentials.clone())
        };
        failpoint::reached("renewal: documents fetched");
        let refresh_token = record
            .refresh_token
            .clone()
            .ok_or(ExchangeError::NoRefreshToken)?;
        // many providers give each refresh token once: none is spent whose successor could not be
        // stored. The record says from here on that an answer is outstanding.
        let interrupted = std::mem::replace(&mut record.refreshing, true);
        self.keep(account, record.clone()).await?;
        {
            let mut state = account.state();
            if let Some(error) = state.store_error.clone() {
                state.record.refreshing = interrupted;
                return Err(ExchangeError::Store(error));
            }
        }
        failpoint::reached("renewal: intent stored");
        let asked =
            provider::refresh(&self.http, documents, &record.provider, &refresh_token).await;
        failpoint::reached("renewal: answer arrived");
        record.refreshing = false;
        let Tokens {
            id_token,
            access_token,
            refresh_token,
        } = match asked {
            Ok(tokens) => tokens,
            Err(error) => {
                let spent = error.is_invalid_grant();
                if spent {
                    record.refresh_token = None;
                }
                if spent || error.needs_person() {
                    record.renewal = Renewal::NeedsPerson;
                }
                self.keep(account, record).await?;
                return Err(match spent && interrupted {
                    true => ExchangeError::AnswerLost,
                    false => error.into(),
                });
            }
        };
        // the old one may be dead already: the new one is made durable before anything else is
        // done with the answer
        if let Some(new) = refresh_token {
            record.refresh_token = Some(new);
        }
        self.keep(account, record.clone()).await?;
        failpoint::reached("renewal: new refresh token stored");
        if record.access_token.is_some() {
            record.access_token = Some(access_token);
        }
        match id_token {
            None => record.renewal = Renewal::NeedsPerson,
            Some(id_token) => {
                let (key, current) = (&credentials.key, &credentials.pk_token);
                let (pk_token, renewal) = renewed(
                    &record,
                    key,
                    current,
                    &id_token,
                    documents,
                    self.clock.now(),
                )?;
                record.set_pk_token(&pk_token);
                record.renewal = renewal;
            }
        }
        tracing::info!(account = account.alias, renewal = ?record.renewal, "renewed");
        let kept = self.keep(account, record).await;
        failpoint::reached("renewal: all stored");
        kept
    }

    /// Puts a changed record into memory and into the store. A store that fails now is told about
    /// in `status` and asked again by the clockwork.
    pub(in crate::accounts) async fn keep(
        &self,
        account: &Arc<Account>,
        mut record: Record,
    ) -> Result<(), ExchangeError> {
        let (store, may_be_sealed) = {
            let mut state = account.state();
            if state.gone {
                return Err(ExchangeError::Gone);
            }
            // most writes are about the refresh token only
            if !record.mints_as(&state.record) {
                state.credentials = record.credentials(self.clock.now())?;
            }
            record.generation = state.record.generation + 1;
            state.record = record.clone();
            (state.store, state.may_be_sealed)
        };
        let saved = self
            .save_in_clear(store, &account.alias, record.to_secret()?, may_be_sealed)
            .await;
        {
            let mut state = account.state();
            state.may_be_sealed &= saved.is_err();
            state.store_error = saved.err();
            let failed = state.store_error.is_some();
            state.save_at = failed.then(|| self.save_next());
        }
        self.publish();
        Ok(())
    }

    /// When a store that failed just now is asked again.
    pub(in crate::accounts) fn save_next(&self) -> UnixTime {
        self.clock.now().plus(SAVE_AGAIN)
    }

    /// Tries again to store what could not be stored.
    pub(in crate::accounts) async fn save_unsaved(&self, account: &Arc<Account>) {
        let _my_turn = account.turn.lock().await;
        if self.is_held(account) {
            self.save_again(account).await;
        }
    }

    /// As [`save_unsaved`](Self::save_unsaved), for an account that is no longer in the table.
    pub(in crate::accounts) async fn save_dropped(&self, account: &Arc<Account>) {
        let _my_turn = account.turn.lock().await;
        self.save_again(account).await;
    }

    async fn save_again(&self, account: &Arc<Account>) {
        let unsaved = {
            let mut state = account.state();
            let unsaved = state.store_error.is_some() && !state.gone;
            state.save_at = unsaved.then(|| self.save_next());
            unsaved.then(|| state.record.clone())
        };
        if let Some(record) = unsaved {
            // its only failures are told by the account
            let _ = self.keep(account, record).await;
        }
    }
}

/// The PK token that a refreshed ID token makes, verified in full, and what kind of renewal it is.
fn renewed(
    record: &Record,
    key: &UserKey,
    current: &UnverifiedPkToken,
    id_token: &str,
    documents: &ProviderDocuments,
    now: UnixTime,
) -> Result<(UnverifiedPkToken, Renewal), ExchangeError> {
    let id_token = UnverifiedIdToken::parse(id_token)?;
    let client_ids = [record.provider.client_id.clone()];
    let expected = Expected {
        issuer: &record.provider.issuer,
        audience: Audience::OneOf(&client_ids),
    };
    let (cic, first) = (current.unverified_cic(), current.unverified_claims());
    let verified = verify_refreshed(id_token.clone(), first, cic, expected, &documents.keys, now)?;
    match id_token.unverified_claims().nonce() {
        Some(nonce) if !nonce.is_empty() => {
            let pk_token = bind(key, cic, id_token);
            login::check(&pk_token, &record.provider, documents, now)?;
            Ok((pk_token, Renewal::ByItself))
        }
        _ => {
            login::check_refreshed(verified.claims(), &record.provider, now)?;
            Ok((
                current.clone().with_refreshed(id_token),
                Renewal::OnRefreshedServers,
            ))
        }
    }
}
