use std::io;
use std::sync::Arc;

use super::*;

fn told(error: ServiceError) -> String {
    unavailable(Error::PlatformFailure(Box::new(error))).to_string()
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
        let error = unavailable(Error::NoStorageAccess(Box::new(error)));
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
    let damaged = unavailable(Error::BadEncoding(Vec::new()));
    assert!(matches!(damaged, StoreError::Unreadable));
    // the write may have come before the end
    assert!(ended.is_unclear());
    let unknown = fdo::Error::ServiceUnknown(String::new());
    assert!(!explain(&ServiceError::ZbusFdo(unknown)).is_unclear());
}
