//! What a store keeps of an account, as one text.

use std::sync::Arc;

use opkssh_protocol::certificate::MintError;
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::Renewal;
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::secret::{self, Secret};
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::{UnreadableKey, UserKey};
use serde::{Deserialize, Serialize};

use crate::accounts::credentials::{Credentials, Parts};
use crate::accounts::lifecycle::Version;
use crate::accounts::login::CheckedPkToken;
use crate::accounts::material::Item;
use crate::accounts::shared::Shared;

/// Everything needed to go on after a restart.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    /// Counts the writes since the login.
    generation: u64,
    /// A refresh request was about to be sent and its answer is not here yet: if it never comes,
    /// the refresh token may be spent.
    #[serde(default)]
    refreshing: bool,
    /// The account's name, for whoever reads the store without the agent.
    #[serde(default)]
    account: String,
    provider: Provider,
    principals: Vec<String>,
    #[serde(with = "secret::exposed")]
    user_key: Secret,
    /// Compact; holds the ID token, which is a bearer credential.
    #[serde(with = "secret::exposed")]
    pk_token: Secret,
    #[serde(with = "secret::exposed_option")]
    refresh_token: Option<Secret>,
    /// Only where the account sends it to servers.
    #[serde(with = "secret::exposed_option")]
    access_token: Option<Secret>,
    renewal: Renewal,
    logged_in_at: UnixTime,
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

/// Writes an item as the text that the store keeps.
pub fn write(account: &str, item: &Item) -> Result<Secret, RecordError> {
    let parts = &item.credentials.parts;
    let record = Record {
        version: VERSION,
        generation: item.version.generation,
        refreshing: item.intent,
        account: account.to_owned(),
        provider: parts.provider.clone(),
        principals: parts.principals.clone(),
        user_key: parts.key.to_secret(),
        pk_token: Secret::new(parts.pk_token.token().compact()),
        refresh_token: item.refresh_token.as_ref().map(|token| (**token).clone()),
        access_token: parts.access_token.clone(),
        renewal: parts.renewal,
        logged_in_at: UnixTime(item.version.login),
    };
    serde_json::to_string(&record)
        .map(Secret::new)
        .map_err(|_| RecordError::Syntax)
}

/// Reads an item, and mints its certificate anew.
pub fn read(text: &Secret, now: UnixTime) -> Result<Item, RecordError> {
    let record = parse(text)?;
    let version = version(&record);
    let parts = Parts {
        key: Arc::new(UserKey::from_secret(&record.user_key)?),
        pk_token: CheckedPkToken::from_store(&record.pk_token)?,
        provider: record.provider,
        principals: record.principals,
        access_token: record.access_token,
        renewal: record.renewal,
    };
    Ok(Item {
        version,
        intent: record.refreshing,
        refresh_token: record.refresh_token.map(Shared::new),
        credentials: Shared::new(Credentials::mint(parts, now)?),
    })
}

/// Reads the version only.
pub fn read_version(text: &Secret) -> Result<Version, RecordError> {
    Ok(version(&parse(text)?))
}

fn parse(text: &Secret) -> Result<Record, RecordError> {
    let record: Record = serde_json::from_str(text.expose()).map_err(|_| RecordError::Syntax)?;
    match record.version {
        VERSION => Ok(record),
        other => Err(RecordError::Version(other)),
    }
}

fn version(record: &Record) -> Version {
    Version {
        login: record.logged_in_at.0,
        generation: record.generation,
    }
}
