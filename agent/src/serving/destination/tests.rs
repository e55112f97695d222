use super::super::made::{self, Certificate, Key};
use super::super::signature::Unverifiable;
use super::*;

const SESSION: &[u8] = b"session";

#[test]
fn a_host_certificate_binds_with_the_certified_key_s_signature() {
    let (key, authority) = (Key::ed25519(), Key::p256());
    let certificate = Certificate::new(&key, &authority, &["web1"]).blob();
    let mut bindings = Bindings::default();
    let bound = bindings.bind(&made::bind(&certificate, &key, SESSION, false));
    assert_eq!(bound, Ok(()));
    assert!(bindings.is_bound() && !bindings.is_forwarded());
    let destination = bindings.destination().unwrap();
    assert_eq!(destination.host_key.blob, certificate);
    assert_eq!(destination.session_id, SESSION);
}

#[test]
fn a_bind_that_does_not_verify_makes_the_connection_forwarded() {
    let (key, authority) = (Key::ed25519(), Key::ed25519());
    let certificate = Certificate::new(&key, &authority, &["web1"]);
    let mut forged = Certificate::new(&key, &authority, &["web1"]);
    forged.signer = Some(&key);
    let other = HostKeyError::Signature;
    for (blob, signer, error) in [
        (certificate.blob(), &authority, BindError::Signature),
        (key.blob(), &authority, BindError::Signature),
        (forged.blob(), &key, BindError::HostKey(other)),
    ] {
        let mut bindings = Bindings::default();
        let bound = bindings.bind(&made::bind(&blob, signer, SESSION, false));
        assert_eq!(bound, Err(error));
        assert!(bindings.is_forwarded() && !bindings.is_bound());
        // for good
        let again = made::bind(&certificate.blob(), &key, SESSION, false);
        assert_eq!(bindings.bind(&again), Ok(()));
        assert!(bindings.is_forwarded() && bindings.destination().is_none());
    }
}

#[test]
fn a_bind_that_cannot_be_checked_is_to_a_server_without_a_name() {
    let key = Key::ed25519();
    let unknown = made::strings(&[b"unknown@example.com", b"key"]);
    let bind = |forwarding| made::bind(&unknown, &key, SESSION, forwarding);
    let why = BindError::HostKey(Unverifiable::KeyType.into());

    let mut bindings = Bindings::default();
    assert_eq!(bindings.bind(&bind(false)), Err(why.clone()));
    assert!(bindings.is_bound() && !bindings.is_forwarded() && bindings.unproved().is_some());
    assert!(bindings.destination().is_none());
    // the next is one too many
    let next = made::bind(&key.blob(), &key, b"2", false);
    assert_eq!(bindings.bind(&next), Err(BindError::BoundAlready));
    assert!(bindings.is_forwarded() && bindings.unproved().is_none());

    let mut bindings = Bindings::default();
    assert_eq!(bindings.bind(&bind(true)), Err(why.clone()));
    assert!(bindings.is_forwarded() && !bindings.is_bound());

    // nor does it take a connection back from another machine
    let mut bindings = Bindings::default();
    let hop = made::bind(&key.blob(), &key, b"1", true);
    assert_eq!(bindings.bind(&hop), Ok(()));
    assert_eq!(bindings.bind(&bind(false)), Err(why));
    assert!(bindings.is_forwarded() && bindings.unproved().is_none());
    assert!(bindings.destination().is_none());
}

#[test]
fn binds_follow_one_another_to_the_destination() {
    let (hop, server) = (Key::ed25519(), Key::p256());
    let to_hop = made::bind(&hop.blob(), &hop, b"1", true);
    let to_server = made::bind(&server.blob(), &server, b"2", false);
    let mut bindings = Bindings::default();
    assert_eq!(bindings.bind(&to_hop), Ok(()));
    assert_eq!(bindings.bind(&to_hop), Ok(()), "said twice");
    assert!(bindings.is_forwarded() && bindings.destination().is_none());
    assert_eq!(bindings.bind(&to_server), Ok(()));
    let destination = bindings.destination().unwrap();
    assert_eq!(destination.host_key.blob, server.blob());
    let further = made::bind(&hop.blob(), &hop, b"3", false);
    assert_eq!(bindings.bind(&further), Err(BindError::BoundAlready));
    let mut bindings = Bindings::default();
    assert_eq!(bindings.bind(&to_hop), Ok(()));
    let other = made::bind(&server.blob(), &server, b"1", false);
    assert_eq!(bindings.bind(&other), Err(BindError::OtherKey));
}
