//! Accounts as a source of identities for the serving wing.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use opkssh_protocol::secret::Secret;

use super::held::{FreshenWish, Held};
use crate::serving::source::{Identity, IdentitySource, PasswordLock, SignError};

#[async_trait]
impl IdentitySource for Held {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        self.look();
        self.listed()
    }

    async fn freshen(&self, names: &[String], end: Instant) {
        self.ask(names.to_vec(), FreshenWish::Renew, end).await;
    }

    async fn ask_person(&self, names: &[String], end: Instant) {
        self.ask(names.to_vec(), FreshenWish::AskPerson, end).await;
    }

    /// Signature flags choose among RSA's hashes; an account's key has one.
    async fn sign(&self, name: &str, data: &[u8], _flags: u32) -> Result<Vec<u8>, SignError> {
        let key = self.key(name).ok_or(SignError::NotUsable)?;
        self.note_use(name);
        Ok(key.sign_ssh(data))
    }
}

#[async_trait]
impl PasswordLock for Held {
    async fn set(&self, locked: bool, password: Secret) -> bool {
        self.say_password(locked, password).await
    }
}

#[cfg(test)]
mod tests {
    use opkssh_protocol::control::KeyType;
    use opkssh_protocol::user_key::UserKey;

    use super::*;
    use crate::serving::source::Visibility;

    #[tokio::test]
    async fn what_is_locked_is_neither_shown_nor_renewed_nor_signed_with() {
        let (held, mut requests) = Held::new(Arc::default());
        let key = Arc::new(UserKey::generate(KeyType::Ed25519).unwrap());
        let identity = Identity {
            name: "test".to_owned(),
            blob: Vec::new(),
            public_key: key.public_key(),
            comment: String::new(),
            visibility: Visibility::default(),
        };
        held.replace(vec![(identity, key)]);
        let names = ["test".to_owned()];
        held.set_locked(true);
        held.freshen(&names, Instant::now()).await;
        held.ask_person(&names, Instant::now()).await;
        assert!(requests.try_recv().is_err());
        assert!(held.identities().await.is_empty());
        let signed = held.sign("test", b"data", 0).await;
        assert_eq!(signed.err(), Some(SignError::NotUsable));
        held.set_locked(false);
        held.freshen(&names, Instant::now()).await;
        assert_eq!(requests.try_recv().unwrap().accounts, names);
        assert_eq!(held.identities().await.len(), 1);
        assert!(held.sign("test", b"data", 0).await.is_ok());
    }
}
