//! What the socket of `opkssh run --account` serves: one account, by the same rules.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::source::{Identity, IdentitySource, LoginSource};

/// One account of all.
pub struct OneAccount {
    pub all: Arc<dyn LoginSource>,
    pub name: String,
}

impl OneAccount {
    fn only(&self, names: &[String]) -> Vec<String> {
        let names = names.iter().filter(|name| **name == self.name);
        names.cloned().collect()
    }
}

#[async_trait]
impl IdentitySource for OneAccount {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        let all = self.all.identities().await;
        let one = all.iter().filter(|identity| identity.name == self.name);
        Arc::new(one.cloned().collect())
    }

    async fn find(&self, blob: &[u8]) -> Option<Identity> {
        let found = self.all.find(blob).await;
        found.filter(|identity| identity.name == self.name)
    }

    async fn sign(&self, identity: &Identity, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        if identity.name != self.name {
            return None;
        }
        self.all.sign(identity, data, flags).await
    }
}

#[async_trait]
impl LoginSource for OneAccount {
    async fn bring_up_to_date(&self, names: &[String], end: Instant) {
        self.all.bring_up_to_date(&self.only(names), end).await;
    }

    async fn ask_person(&self, names: &[String], end: Instant) {
        self.all.ask_person(&self.only(names), end).await;
    }
}
