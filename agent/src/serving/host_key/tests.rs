use super::super::made::{self, Certificate, Key};
use opkssh_protocol::time::UnixTime;

use super::*;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn names(certificate: &Certificate) -> Vec<String> {
    let key = HostKey::parse(&certificate.blob()).unwrap();
    let names = key.certificate().unwrap().names(NOW);
    names.map(str::to_owned).collect()
}

#[test]
fn a_key_is_read_whole() {
    for key in [Key::ed25519(), Key::p256()] {
        let host_key = HostKey::parse(&key.blob()).unwrap();
        assert_eq!(host_key.key, key.blob());
        assert!(host_key.certificate().is_none());
        assert_eq!(host_key.has_signed(b"data", &key.sign(b"data")), Ok(true));
        assert_eq!(host_key.has_signed(b"date", &key.sign(b"data")), Ok(false));
        assert_eq!(
            host_key.has_signed(b"data", &Key::ed25519().sign(b"data")),
            Ok(false)
        );
        assert_eq!(host_key.has_signed(b"data", b""), Ok(false));
        assert!(HostKey::parse(&[&key.blob()[..], &[0]].concat()).is_err());
    }
    let unknown = made::strings(&[b"unknown@example.com", b"key"]);
    let kind = HostKeyError::Unverifiable(Unverifiable::KeyType);
    assert_eq!(HostKey::parse(&unknown).err(), Some(kind));
    assert!(HostKey::parse(b"").is_err());
}

#[test]
fn a_certificate_names_what_its_authority_signed() {
    for (key, authority) in [(Key::ed25519(), Key::p256()), (Key::p256(), Key::ed25519())] {
        let mut certificate = Certificate::new(&key, &authority, &["web1", "web2"]);
        let host_key = HostKey::parse(&certificate.blob()).unwrap();
        assert_eq!(host_key.key, key.blob());
        assert_eq!(host_key.blob, certificate.blob());
        assert_eq!(host_key.has_signed(b"data", &key.sign(b"data")), Ok(true));
        assert_eq!(
            host_key.has_signed(b"data", &authority.sign(b"data")),
            Ok(false)
        );
        assert_eq!(host_key.certificate().unwrap().authority, authority.blob());
        assert_eq!(names(&certificate), ["web1", "web2"]);
        certificate.principals = vec!["*.example.com".to_owned(), "web1".to_owned()];
        assert_eq!(names(&certificate), ["web1"]);
    }
}

#[test]
fn a_certificate_counts_while_it_is_valid() {
    let (key, authority) = (Key::ed25519(), Key::ed25519());
    let now = u64::try_from(NOW.0).unwrap();
    for (after, before, counts) in [
        (0, u64::MAX, true),
        (now, now + 1, true),
        (now + 1, u64::MAX, false),
        (0, now, false),
    ] {
        let mut certificate = Certificate::new(&key, &authority, &["web1"]);
        (certificate.valid_after, certificate.valid_before) = (after, before);
        assert_eq!(names(&certificate).len(), usize::from(counts));
    }
    let mut certificate = Certificate::new(&key, &authority, &["web1"]);
    certificate.critical_options = b"something".to_vec();
    assert!(names(&certificate).is_empty());
}

#[test]
fn what_no_authority_signed_is_no_certificate() {
    let (key, authority) = (Key::ed25519(), Key::ed25519());
    let certificate = Certificate::new(&key, &authority, &["web1"]);
    let mut forged = Certificate::new(&key, &authority, &["web1"]);
    forged.signer = Some(&key);
    assert_eq!(
        HostKey::parse(&forged.blob()).err(),
        Some(HostKeyError::Signature)
    );
    let mut user = Certificate::new(&key, &authority, &["web1"]);
    user.kind = 1;
    assert_eq!(
        HostKey::parse(&user.blob()).err(),
        Some(HostKeyError::NotAHost)
    );
    let blob = certificate.blob();
    for place in 0..blob.len() {
        let mut changed = blob.clone();
        changed[place] ^= 1;
        assert!(HostKey::parse(&changed).is_err(), "{place}");
        assert!(HostKey::parse(&blob[..place]).is_err(), "{place}");
    }
}
