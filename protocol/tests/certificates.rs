//! Certificates: what we write, what `ssh-keygen` reads of it, what we refuse.
#![cfg(feature = "mint")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod provider;

use opkssh_protocol::certificate::{
    CERTIFICATE_TYPES, CertificateError, CertificateRequest, UnverifiedCertificate, build, peek,
    verify,
};
use opkssh_protocol::control::KeyType;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;
use provider::{Login, NOW, Provider};
use serde_json::json;
use ssh_key::certificate::{Builder, CertType};

const END: i64 = NOW + 1_000_000;

fn minted(login: &Login, principals: &[&str]) -> UnverifiedCertificate {
    let principals: Vec<String> = principals.iter().map(|&p| p.to_owned()).collect();
    let request = CertificateRequest {
        pk_token: &login.pk_token(),
        access_token: None,
        principals: &principals,
        valid_before: UnixTime(END),
    };
    build(&login.key, &request).unwrap()
}

/// A certificate that `change` has altered before `signer` signed it.
fn odd(
    login: &Login,
    signer: &UserKey,
    end: u64,
    change: impl FnOnce(&mut Builder),
) -> Result<UnverifiedCertificate, CertificateError> {
    let pem = login.key.to_openssh_pem("").unwrap();
    let key = ssh_key::PrivateKey::from_openssh(pem.expose()).unwrap();
    let pem = signer.to_openssh_pem("").unwrap();
    let signer = ssh_key::PrivateKey::from_openssh(pem.expose()).unwrap();
    let mut builder = Builder::new([1; 32], key.public_key().key_data().clone(), 0, end).unwrap();
    builder
        .extension("openpubkey-pkt", login.compact())
        .unwrap();
    change(&mut builder);
    let certificate = builder.sign(&signer).unwrap();
    UnverifiedCertificate::parse(&certificate.to_bytes().unwrap())
}

fn plain(builder: &mut Builder) {
    builder
        .cert_type(CertType::User)
        .unwrap()
        .valid_principal("opkssh-wildcard")
        .unwrap();
}

#[test]
fn what_we_mint_verifies_and_carries_the_token() {
    let login = Provider::es256().log_in(json!({}));
    let certificate = minted(&login, &[]);
    let line = certificate.openssh();
    let verified = verify(
        UnverifiedCertificate::parse_openssh(&line).unwrap(),
        UnixTime(NOW),
    )
    .unwrap();
    assert_eq!(verified.principals(), ["opkssh-wildcard"]);
    assert_eq!(verified.key_id(), "alice@example.com");
    assert_eq!(verified.pk_token(), login.compact());
    assert_eq!(*verified.public_key(), login.key.public_key());
    assert!(
        verified
            .openssh_public_key()
            .starts_with("ecdsa-sha2-nistp256 AAAA")
    );
    assert!(verified.access_token().is_none());
}

#[test]
fn forever_and_an_empty_principal_list_are_accepted_from_others() {
    let login = Provider::es256().log_in(json!({}));
    let certificate = odd(&login, &login.key, u64::MAX, |builder| {
        builder
            .cert_type(CertType::User)
            .unwrap()
            .all_principals_valid()
            .unwrap();
    });
    let verified = verify(certificate.unwrap(), UnixTime(NOW)).unwrap();
    assert!(verified.principals().is_empty());
}

#[test]
fn refusals() {
    let login = Provider::es256().log_in(json!({}));
    let stranger = UserKey::generate(KeyType::Ecdsa).unwrap();
    let end = END as u64;
    let refused = |certificate: Result<UnverifiedCertificate, CertificateError>| {
        certificate
            .and_then(|certificate| verify(certificate, UnixTime(NOW)))
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(
        refused(odd(&login, &stranger, end, plain)),
        CertificateError::OtherAuthority
    ));
    assert!(matches!(
        refused(odd(&login, &login.key, end, |builder| {
            builder
                .cert_type(CertType::Host)
                .unwrap()
                .valid_principal("x")
                .unwrap();
        })),
        CertificateError::NotAUser
    ));
    assert!(matches!(
        refused(odd(&login, &login.key, NOW as u64, plain)),
        CertificateError::Expired(_)
    ));
    for principal in ["a\"b", "a\nb", "a,b", ""] {
        let certificate = odd(&login, &login.key, end, |builder| {
            builder
                .cert_type(CertType::User)
                .unwrap()
                .valid_principal(principal)
                .unwrap();
        });
        assert!(
            matches!(refused(certificate), CertificateError::Principal(_)),
            "{principal:?}"
        );
    }
    assert!(matches!(
        refused(odd(&login, &login.key, end, |builder| {
            plain(builder);
            builder.critical_option("made-up", "x").unwrap();
        })),
        CertificateError::CriticalOption(_)
    ));
    let mut blob = minted(&login, &[]).blob().to_vec();
    let last = blob.len() - 1;
    blob[last] ^= 1;
    assert!(matches!(
        refused(UnverifiedCertificate::parse(&blob)),
        CertificateError::Signature(_)
    ));
}

#[test]
fn the_names_of_its_extensions_tell_ours_from_others() {
    for key_type in [KeyType::Ecdsa, KeyType::Ed25519] {
        let key = UserKey::generate(key_type).unwrap();
        let pem = key.to_openssh_pem("").unwrap();
        let private = ssh_key::PrivateKey::from_openssh(pem.expose()).unwrap();
        let made = |extensions: &[&str]| {
            let public = private.public_key().key_data().clone();
            let mut builder = Builder::new([1; 32], public, 0, END as u64).unwrap();
            plain(&mut builder);
            for name in extensions {
                builder.extension(*name, "not looked at").unwrap();
            }
            builder.sign(&private).unwrap().to_bytes().unwrap()
        };
        let ours = made(&["openpubkey-pkt", "permit-pty"]);
        let kind = match key_type {
            KeyType::Ecdsa => CERTIFICATE_TYPES[0],
            KeyType::Ed25519 => CERTIFICATE_TYPES[1],
        };
        assert_eq!(peek(&ours).unwrap(), kind);
        let is_known = (0..ours.len()).find(|length| peek(&ours[..*length]).is_ok());
        assert!(is_known.is_some(), "what follows is not looked at");
        for extensions in [&["permit-pty"][..], &[]] {
            let refused = peek(&made(extensions));
            assert!(matches!(refused, Err(CertificateError::NoPkToken)));
        }
        let plain = private.public_key().to_bytes().unwrap();
        let refused = peek(&plain);
        assert!(matches!(refused, Err(CertificateError::NotACertificate(_))));
    }
    for garbage in [&[][..], &[0xff; 8], &[0; 4]] {
        assert!(peek(garbage).is_err());
    }
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let login = Provider::es256().log_in(json!({}));
    let blob = minted(&login, &[]).blob().to_vec();
    for length in 0..blob.len() {
        assert!(
            UnverifiedCertificate::parse(&blob[..length]).is_err(),
            "{length}"
        );
    }
    assert!(UnverifiedCertificate::parse(&vec![0xa5; 100_000]).is_err());
    assert!(UnverifiedCertificate::parse(&[]).is_err());
    assert!(UnverifiedCertificate::parse(&[0xff; 8]).is_err());
    let key =
        ssh_key::PrivateKey::from_openssh(login.key.to_openssh_pem("").unwrap().expose()).unwrap();
    let plain = key.public_key().to_bytes().unwrap();
    assert!(matches!(
        UnverifiedCertificate::parse(&plain),
        Err(CertificateError::NotACertificate(_))
    ));
}

#[test]
fn principals_are_checked_before_minting() {
    let login = Provider::es256().log_in(json!({}));
    let request = CertificateRequest {
        pk_token: &login.pk_token(),
        access_token: Some(&Secret::new("act".to_owned())),
        principals: &["a\"b".to_owned()],
        valid_before: UnixTime(END),
    };
    assert!(build(&login.key, &request).is_err());
}

#[test]
fn ssh_keygen_reads_both_kinds() {
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        let key = UserKey::generate(kind).unwrap();
        let restored = UserKey::from_secret(&key.to_secret()).unwrap();
        assert_eq!(restored.public_key(), key.public_key());
        let mut login = Provider::es256().log_in(json!({}));
        login.key = key;
        let line = minted(&login, &["root", "deploy"]).openssh();
        let mut child = std::process::Command::new("ssh-keygen")
            .args(["-L", "-f", "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("ssh-keygen must be installed");
        use std::io::Write as _;
        child
            .stdin
            .take()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        for expected in [
            "user certificate",
            "alice@example.com",
            "openpubkey-pkt",
            "root",
            "deploy",
            "permit-pty",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
