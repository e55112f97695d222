//! The stores by name: in `accounts.json`, in `--store`, in sentences.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The store of an account, chosen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// org.freedesktop.secrets on the session bus.
    SecretService,
    /// Encrypted with a passphrase.
    File,
    /// Nothing survives the daemon.
    Memory,
}

impl StoreKind {
    /// Returns the word of `accounts.json`.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns what a sentence calls the store.
    pub fn place(self) -> &'static str {
        self.words().1
    }

    /// Returns the value of `--store` that asks for this store.
    pub fn choice(self) -> StoreChoice {
        self.words().2
    }

    fn words(self) -> (&'static str, &'static str, StoreChoice) {
        match self {
            Self::SecretService => ("secret-service", "the keyring", StoreChoice::Keyring),
            Self::File => ("file", "the encrypted file store", StoreChoice::File),
            Self::Memory => ("memory", "memory", StoreChoice::Memory),
        }
    }
}

/// Which store new accounts get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum StoreChoice {
    /// The keyring where there is one, else an encrypted file that was set up, else memory.
    #[default]
    Auto,
    /// The keyring or nothing.
    Keyring,
    /// Encrypted with a passphrase that has to be said once after each start.
    File,
    Memory,
}

impl StoreChoice {
    /// Returns the value of `--store`.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

#[cfg(test)]
mod tests;
