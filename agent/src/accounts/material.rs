//! The lifecycle's types in the daemon: real secrets, stores and settings.

use opkssh_protocol::control::Renewal;
use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use super::credentials::Credentials;
use super::lifecycle::{self, Material, Plan};
use super::renewal::plan::plan;
use super::renewal::refresh::RefreshedTokens;
use super::settings::InForce;
use super::shared::Shared;
use super::store::StoreKind;
use crate::seal::{SealKey, SealRecipient};
use crate::serving::source::Visibility;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Real;

/// Whose an account is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    pub issuer: String,
    /// `None`: noted by an early version, which did not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// What accounts.json says of an account besides its life.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    #[serde(default)]
    pub client_id: String,
    /// What its provider is called, besides its issuer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_aliases: Vec<String>,
    /// To which servers it is shown, by the settings that could be read last; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

pub type Facts = lifecycle::Facts<Real>;
pub type AccountFacts = lifecycle::AccountFacts<Real>;
pub type Item = lifecycle::Item<Real>;
pub type IndexEntry = lifecycle::IndexEntry<Real>;

impl Material for Real {
    type Name = String;
    type Person = Person;
    type Store = StoreKind;
    type RefreshToken = Shared<Secret>;
    type Credentials = Shared<Credentials>;
    type Answer = Shared<RefreshedTokens>;
    type SealedText = Shared<String>;
    type SealKey = Shared<SealKey>;
    type Recipient = Shared<SealRecipient>;
    type Password = Shared<Secret>;
    type Settings = Shared<InForce>;
    type Profile = Profile;

    fn plan(
        name: &String,
        credentials: &Shared<Credentials>,
        has_refresh_token: bool,
        settings: &Shared<InForce>,
    ) -> Plan {
        plan(
            credentials.times(),
            settings.expiration(name, credentials.provider()),
            credentials.parts.renewal,
            has_refresh_token,
            credentials.early,
        )
    }

    fn profile(
        name: &String,
        credentials: &Shared<Credentials>,
        settings: &Shared<InForce>,
        before: Option<&Profile>,
    ) -> Profile {
        let provider = credentials.provider();
        let before = before.and_then(|before| before.visibility.as_ref());
        Profile {
            client_id: provider.client_id.clone(),
            provider_aliases: provider.aliases.clone(),
            visibility: Some(settings.visibility(name, provider, before)),
        }
    }

    fn recipient(key: &Shared<SealKey>) -> Shared<SealRecipient> {
        Shared::new(key.recipient())
    }
}

impl Person {
    pub fn of(credentials: &Credentials) -> Self {
        Self {
            issuer: credentials.provider().issuer.clone(),
            subject: Some(credentials.subject().to_owned()),
        }
    }
}

/// Returns how this item is renewed; without a refresh token only a person can.
pub fn renewal(item: &Item) -> Renewal {
    match item.refresh_token {
        Some(_) => item.credentials.parts.renewal,
        None => Renewal::NeedsPerson,
    }
}
