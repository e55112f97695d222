//! What the errors of the keyring's libraries mean, in our words and with the library's behind them
//! where they add something. None of them ever holds a secret.

use keyring_core::Error;
use secret_service::Error as ServiceError;
use zbus::Error as BusError;
use zbus::fdo;

use super::error::StoreError;

/// Returns what an error other than "no such entry" means for the store.
pub fn unavailable(error: &Error) -> StoreError {
    let text = match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => {
            return match cause.downcast_ref() {
                Some(cause) => explain(cause),
                None => broken("the keyring failed", cause),
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
            let count = entries.len();
            format!("the keyring has {count} entries for this account")
        }
        Error::NotSupportedByStore(cause) => format!("the keyring cannot do this: {cause}"),
        other => return broken("the keyring failed", other),
    };
    StoreError::Unavailable(text)
}

/// Returns what an error of the Secret Service means for the store.
pub fn explain(error: &ServiceError) -> StoreError {
    match error {
        ServiceError::Locked => StoreError::Locked,
        ServiceError::Prompt => StoreError::PromptDismissed,
        ServiceError::PromptDisconnected => {
            let text = "the keyring ended while its prompt was open";
            StoreError::Unavailable(text.to_owned())
        }
        ServiceError::NoResult => {
            let text = "the keyring has no default collection";
            StoreError::Unavailable(text.to_owned())
        }
        // the library says this of an address that cannot be read, and of a socket that is not there
        ServiceError::Unavailable => no_bus(),
        ServiceError::Crypto(cause) => broken("the keyring's answer cannot be decrypted", cause),
        ServiceError::Zvariant(cause) => broken("the keyring's answer cannot be read", cause),
        ServiceError::Zbus(error) => explain_bus(error),
        ServiceError::ZbusFdo(error) => explain_fdo(error),
        other => broken("the keyring failed", other),
    }
}

fn explain_bus(error: &BusError) -> StoreError {
    match error {
        BusError::Address(_) => no_bus(),
        BusError::Connection(cause, _) => because(NO_BUS, cause),
        BusError::InputOutput(cause) => broken("the connection to the session bus failed", cause),
        BusError::Handshake(cause) => because("the session bus refuses this user", cause),
        BusError::FDO(error) => explain_fdo(error),
        BusError::MethodError(name, text, _) => {
            let text = text.as_deref().unwrap_or_default();
            by_name(name.as_str(), text)
        }
        other => broken("the session bus failed", other),
    }
}

fn explain_fdo(error: &fdo::Error) -> StoreError {
    match error {
        fdo::Error::ZBus(error) => explain_bus(error),
        fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => no_service(),
        fdo::Error::NoReply(cause) | fdo::Error::Disconnected(cause) => broken(ENDED, cause),
        fdo::Error::AccessDenied(cause) => because(DENIED, cause),
        other => broken("the keyring failed", other),
    }
}

/// Explains an error that the bus or the keyring sent.
fn by_name(name: &str, text: &str) -> StoreError {
    const BUS: &str = "org.freedesktop.DBus.Error.";
    match name.strip_prefix(BUS) {
        Some("ServiceUnknown" | "NameHasNoOwner") => no_service(),
        Some("NoReply" | "Disconnected") => broken(ENDED, text),
        Some("AccessDenied") => because(DENIED, text),
        Some(name) if name.starts_with("Spawn.") => because("the keyring does not start", text),
        _ if name == "org.freedesktop.Secret.Error.IsLocked" => StoreError::Locked,
        _ if name == "org.freedesktop.Secret.Error.NoSession" => {
            broken("the keyring has forgotten this connection", text)
        }
        _ => broken("the keyring failed", format!("{name}: {text}")),
    }
}

const NO_BUS: &str = "there is no session bus (DBUS_SESSION_BUS_ADDRESS)";
const ENDED: &str = "the keyring ended before it answered";
const DENIED: &str = "the session bus does not let the agent use the keyring";

fn no_bus() -> StoreError {
    StoreError::Unavailable(NO_BUS.to_owned())
}

fn no_service() -> StoreError {
    let text = "nothing on the session bus offers a keyring (org.freedesktop.secrets)";
    StoreError::Unavailable(text.to_owned())
}

/// Nothing was done.
fn because(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Unavailable(words(what, cause))
}

/// It may have been done.
fn broken(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Broken(words(what, cause))
}

fn words(what: &str, cause: impl ToString) -> String {
    match cause.to_string().as_str() {
        "" => what.to_owned(),
        cause => format!("{what}: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    fn told(error: ServiceError) -> String {
        unavailable(&Error::PlatformFailure(Box::new(error))).to_string()
    }

    #[test]
    fn what_somebody_has_to_unlock_is_told_from_what_is_not_there() {
        for (error, text) in [
            (ServiceError::Locked, "the keyring is locked"),
            (
                ServiceError::Prompt,
                "the keyring is locked and its prompt was dismissed",
            ),
        ] {
            let error = unavailable(&Error::NoStorageAccess(Box::new(error)));
            assert!(error.is_locked());
            assert_eq!(error.to_string(), text);
        }
        let sent = by_name("org.freedesktop.Secret.Error.IsLocked", "");
        assert!(sent.is_locked());
        assert!(!explain(&ServiceError::Unavailable).is_locked());
        assert!(!explain(&ServiceError::PromptDisconnected).is_locked());
    }

    #[test]
    fn each_error_says_what_failed_before_the_library_s_words() {
        let refused = || Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let unknown = fdo::Error::ServiceUnknown("not provided".to_owned());
        for (error, text) in [
            (ServiceError::Unavailable, NO_BUS),
            (
                ServiceError::ZbusFdo(unknown.clone()),
                "nothing on the session bus offers a keyring (org.freedesktop.secrets)",
            ),
            (
                ServiceError::Zbus(BusError::FDO(Box::new(unknown))),
                "nothing on the session bus offers a keyring (org.freedesktop.secrets)",
            ),
            (
                ServiceError::Zbus(BusError::InputOutput(refused())),
                "the connection to the session bus failed: connection refused",
            ),
            (
                ServiceError::NoResult,
                "the keyring has no default collection",
            ),
            (
                ServiceError::Crypto("bad padding"),
                "the keyring's answer cannot be decrypted: bad padding",
            ),
        ] {
            assert_eq!(told(error), format!("the keyring cannot be used: {text}"));
        }
        let ended = by_name("org.freedesktop.DBus.Error.NoReply", "disconnected");
        assert!(
            ended
                .to_string()
                .ends_with(&format!("{ENDED}: disconnected"))
        );
        let damaged = unavailable(&Error::BadEncoding(Vec::new()));
        assert!(matches!(damaged, StoreError::Unreadable));
        // the write may have come before the end
        assert!(ended.is_unclear());
        let unknown = fdo::Error::ServiceUnknown(String::new());
        assert!(!explain(&ServiceError::ZbusFdo(unknown)).is_unclear());
    }
}
