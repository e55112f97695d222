//! What the socket of `opkssh run --account` serves: one account, by the same rules.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_trait::async_trait;

use super::source::{Identity, IdentitySource, LoginSource, Terms};

/// One account of all. After a logout, a login of another person by its name is not the same account.
pub struct OneAccount {
    all: Arc<dyn LoginSource>,
    name: String,
    /// Who it was when it was first seen.
    person: OnceLock<String>,
}

impl OneAccount {
    pub fn new(all: Arc<dyn LoginSource>, name: String) -> Self {
        Self {
            all,
            name,
            person: OnceLock::new(),
        }
    }

    fn is_it(&self, identity: &Identity) -> bool {
        match &identity.terms {
            Terms::Account { person, .. } if identity.name == self.name => {
                self.person.get_or_init(|| person.clone()) == person
            }
            _ => false,
        }
    }

    fn only(&self, names: &[String]) -> Vec<String> {
        let names = names.iter().filter(|name| **name == self.name);
        names.cloned().collect()
    }
}

#[async_trait]
impl IdentitySource for OneAccount {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        let all = self.all.identities().await;
        let one = all.iter().filter(|identity| self.is_it(identity));
        Arc::new(one.cloned().collect())
    }

    async fn find(&self, blob: &[u8]) -> Option<Identity> {
        let found = self.all.find(blob).await;
        found.filter(|identity| self.is_it(identity))
    }

    async fn sign(&self, identity: &Identity, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        if !self.is_it(identity) {
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

#[cfg(test)]
mod tests;
