//! What the errors of the keyring's libraries mean, in our words and with the library's behind them
//! where they add something. None of them ever holds a secret.

use keyring_core::Error;
use secret_service::Error as ServiceError;
use zbus::Error as BusError;
use zbus::fdo;

use super::error::StoreError;

const NO_BUS: &str = "there is no session bus (DBUS_SESSION_BUS_ADDRESS)";
const NO_SERVICE: &str = "nothing on the session bus offers a keyring (org.freedesktop.secrets)";
const ENDED: &str = "the keyring ended before it answered";
const DENIED: &str = "the session bus does not let the agent use the keyring";
const FAILED: &str = "the keyring failed";

/// Returns what an error other than "no such entry" means for the store.
pub fn unavailable(error: Error) -> StoreError {
    StoreError::Unavailable(match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => {
            return match cause.downcast_ref() {
                Some(cause) => explain(cause),
                None => broken(FAILED, cause),
            };
        }
        Error::NoEntry => "the keyring has no entry for this account".to_owned(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => return StoreError::Unreadable,
        Error::BadStoreFormat(cause) => format!("the keyring's data is malformed: {cause}"),
        Error::TooLong(name, length) => {
            format!("the keyring takes no {name} of more than {length} characters")
        }
        Error::Invalid(name, cause) => format!("the keyring does not take this {name}: {cause}"),
        Error::Ambiguous(entries) => {
            format!("the keyring has {} entries for this account", entries.len())
        }
        Error::NotSupportedByStore(cause) => format!("the keyring cannot do this: {cause}"),
        other => return broken(FAILED, other),
    })
}

/// Returns what an error of the Secret Service means for the store.
pub fn explain(error: &ServiceError) -> StoreError {
    match error {
        ServiceError::Locked => StoreError::Locked,
        ServiceError::Prompt => StoreError::PromptDismissed,
        ServiceError::PromptDisconnected => {
            because("the keyring ended while its prompt was open", "")
        }
        ServiceError::NoResult => because("the keyring has no default collection", ""),
        // the library says this of an address that cannot be read, and of a socket that is not there
        ServiceError::Unavailable => because(NO_BUS, ""),
        ServiceError::Crypto(cause) => broken("the keyring's answer cannot be decrypted", cause),
        ServiceError::Zvariant(cause) => broken("the keyring's answer cannot be read", cause),
        ServiceError::Zbus(error) => explain_bus(error),
        ServiceError::ZbusFdo(error) => explain_fdo(error),
        other => broken(FAILED, other),
    }
}

fn explain_bus(error: &BusError) -> StoreError {
    match error {
        BusError::Address(_) => because(NO_BUS, ""),
        BusError::Connection(cause, _) => because(NO_BUS, cause),
        BusError::InputOutput(cause) => broken("the connection to the session bus failed", cause),
        BusError::Handshake(cause) => because("the session bus refuses this user", cause),
        BusError::FDO(error) => explain_fdo(error),
        BusError::MethodError(name, text, _) => by_name(name, text.as_deref().unwrap_or_default()),
        other => broken("the session bus failed", other),
    }
}

fn explain_fdo(error: &fdo::Error) -> StoreError {
    match error {
        fdo::Error::ZBus(error) => explain_bus(error),
        fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => because(NO_SERVICE, ""),
        fdo::Error::NoReply(cause) | fdo::Error::Disconnected(cause) => broken(ENDED, cause),
        fdo::Error::AccessDenied(cause) => because(DENIED, cause),
        other => broken(FAILED, other),
    }
}

/// Explains an error that the bus or the keyring sent.
fn by_name(name: &str, text: &str) -> StoreError {
    match name.strip_prefix("org.freedesktop.DBus.Error.") {
        None if name == "org.freedesktop.Secret.Error.IsLocked" => StoreError::Locked,
        None if name == "org.freedesktop.Secret.Error.NoSession" => {
            broken("the keyring has forgotten this connection", text)
        }
        Some("ServiceUnknown" | "NameHasNoOwner") => because(NO_SERVICE, ""),
        Some("NoReply" | "Disconnected") => broken(ENDED, text),
        Some("AccessDenied") => because(DENIED, text),
        Some(name) if name.starts_with("Spawn.") => because("the keyring does not start", text),
        _ => broken(FAILED, format!("{name}: {text}")),
    }
}

/// Nothing was done.
fn because(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Unavailable(words(what, cause))
}

/// It may have been done.
fn broken(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Broken(words(what, cause))
}

/// Returns our words with the library's behind them, if it has any.
fn words(what: &str, cause: impl ToString) -> String {
    match cause.to_string().as_str() {
        "" => what.to_owned(),
        cause => format!("{what}: {cause}"),
    }
}

#[cfg(test)]
mod tests;
