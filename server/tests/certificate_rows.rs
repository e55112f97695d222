//! Table 7.1 of the compatibility notes, "Certificate and arguments", by row number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;

use forge::certificate::openssh;
use forge::{Certificate, Login};
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;

#[test]
fn both_key_types_are_let_in_with_gos_line() {
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        let login = Login::of(forge::ProviderKey::es256(), kind);
        let expected = format!(
            "cert-authority,principals=\"opkssh-wildcard\" {}",
            openssh(&login.user_key)
        );
        assert_eq!(login.allowed(), expected);
    }
}

#[test]
fn row_1_a_plain_key_is_refused_by_its_type_alone() {
    let login = Login::new();
    for kind in [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ssh-rsa",
        "ssh-rsa-cert-v01@openssh.com",
    ] {
        let reason = login.outcome_of(kind, "not even looked at").unwrap_err();
        assert!(reason.contains("is not an SSH certificate"), "{reason}");
    }
    let plain = openssh(&login.user_key);
    let (_, blob) = plain.split_once(' ').unwrap();
    let reason = login.outcome_of(&login.words().0, blob).unwrap_err();
    assert!(reason.contains("is not an SSH certificate"), "{reason}");
}

#[test]
fn row_2_garbage() {
    let login = Login::new();
    let (kind, base64) = login.words();
    for garbage in [
        "",
        " ",
        "\0",
        "AAAA",
        "!!!!",
        &"A".repeat(100_000),
        &"\u{fffd}".repeat(30_000),
    ] {
        assert!(login.outcome_of(&kind, garbage).is_err());
    }
    // every truncation, and a flip of every byte of its beginning
    for end in 0..base64.len() {
        assert!(login.outcome_of(&kind, &base64[..end]).is_err(), "{end}");
    }
    for at in 0..200 {
        let mut flipped = base64.clone().into_bytes();
        flipped[at] = if flipped[at] == b'Q' { b'R' } else { b'Q' };
        assert!(
            login
                .outcome_of(&kind, std::str::from_utf8(&flipped).unwrap())
                .is_err(),
            "{at}"
        );
    }
}

#[test]
fn row_3_and_4_the_type_word_must_be_the_blobs() {
    let login = Login::new();
    let (kind, base64) = login.words();
    assert!(kind.starts_with("ecdsa"));
    for other in [
        "ssh-ed25519-cert-v01@openssh.com",
        "foo",
        "",
        " ",
        "ecdsa-sha2-nistp256",
    ] {
        assert!(login.outcome_of(other, &base64).is_err(), "{other}");
    }
}

#[test]
fn row_5_options_do_not_get_in() {
    let login = Login::new();
    let (kind, base64) = login.words();
    assert!(
        login
            .outcome_of(&format!("no-pty {kind}"), &base64)
            .is_err()
    );
    assert!(login.outcome_of("", &format!("{kind} {base64}")).is_err());
    assert!(
        login
            .outcome_of(&kind, &format!("{kind} {base64}"))
            .is_err()
    );
    assert!(
        login
            .outcome_of(&kind, &format!("x\n{kind} {base64}"))
            .is_err()
    );
}

#[test]
fn row_6_to_8_base64_is_strict_but_for_white_space_at_the_end() {
    let login = Login::new().with(|login| login.certificate.key_id = "pad me".into());
    let (kind, base64) = login.words();
    for tail in ["\n", "\r\n", " ", " \t\n"] {
        assert!(
            login.outcome_of(&kind, &format!("{base64}{tail}")).is_ok(),
            "{tail:?}"
        );
    }
    let url_safe = base64.replace('+', "-").replace('/', "_");
    assert_ne!(url_safe, base64);
    let wrapped = format!("{}\n{}", &base64[..64], &base64[64..]);
    let over = format!("{base64}=");
    let commented = format!("{base64} comment");
    let led = format!("\n{base64}");
    for bad in [url_safe, wrapped, over, commented, led] {
        assert!(login.outcome_of(&kind, &bad).is_err());
    }
    let unpadded = base64.trim_end_matches('=');
    assert_eq!(
        login.outcome_of(&kind, unpadded).is_ok(),
        unpadded == base64
    );
}

#[test]
fn row_9_and_10_no_pk_token() {
    let with = |extensions: &[(&str, &str)]| {
        let extensions = extensions
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        Login::new().with(|login| login.certificate.extensions = Some(extensions))
    };
    with(&[]).refused("missing required openpubkey-pkt extension");
    with(&[("permit-pty", "")]).refused("missing required openpubkey-pkt extension");
    with(&[("openpubkey-pkt", ""), ("permit-pty", "")]).refused("");
    with(&[("openpubkey-pkt", "x")]).refused("segments");
}

fn certificate(change: impl FnOnce(&mut Certificate)) -> Login {
    Login::new().with(|login| change(&mut login.certificate))
}

#[test]
fn row_11_only_user_certificates() {
    for kind in [0, 2, 7] {
        certificate(|it| it.kind = kind).refused("");
    }
}

#[test]
fn row_12_its_own_validity() {
    let now = forge::NOW as u64;
    certificate(|it| it.before = now).refused("expired");
    certificate(|it| it.after = now + 1).refused("not yet");
    certificate(|it| (it.after, it.before) = (now, now + 1)).allowed();
}

#[test]
fn row_13_and_14_signed_by_its_own_key() {
    certificate(|it| it.break_signature = true).refused("certificate: ");
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        let other = UserKey::generate(kind).unwrap();
        certificate(|it| it.authority = Some(other)).refused("not signed by its own key");
    }
}

#[test]
fn row_15_and_16_critical_options() {
    let with = |name: &str, value: &str| {
        certificate(|it| it.critical = vec![(name.to_owned(), value.to_owned())])
    };
    with("force-command", "true").allowed();
    with("source-address", "10.0.0.0/8").allowed();
    with("unknown@example", "").refused("critical option");
}

#[test]
fn row_17_and_18_principals_are_the_certificates() {
    let line = certificate(|it| it.principals = vec![]).allowed();
    assert!(
        line.starts_with("cert-authority ecdsa-sha2-nistp256 "),
        "{line}"
    );
    let line = certificate(|it| it.principals = vec!["root".into(), "b$".into()]).allowed();
    assert!(
        line.starts_with("cert-authority,principals=\"root,b$\" "),
        "{line}"
    );
}

#[test]
fn row_19_and_20_principals_that_could_inject() {
    for bad in [
        "",
        "a\"",
        "a\",command=\"x",
        "a\nssh-rsa AAAA",
        "a,b",
        "a b",
        "-a",
        "é",
        "\u{202e}a",
    ] {
        certificate(|it| it.principals = vec!["ok".into(), bad.into()]).refused("principal");
    }
}

#[test]
fn row_21_extensions_in_order_and_once() {
    let token = Login::new();
    let pkt = ("openpubkey-pkt".to_owned(), token.pk_token());
    let pty = ("permit-pty".to_owned(), String::new());
    for extensions in [
        vec![pty.clone(), pkt.clone()],
        vec![pkt.clone(), pkt.clone()],
        vec![pkt, pty.clone(), pty],
    ] {
        let (kind, base64) = Certificate {
            extensions: Some(extensions),
            ..Certificate::new()
        }
        .words(&token.user_key, "");
        assert!(token.outcome_of(&kind, &base64).is_err());
    }
    token.allowed();
}

#[test]
fn row_22_and_23_key_id_and_permits_are_free() {
    certificate(|it| it.key_id = "a\n\u{1b}[2Jb".into()).allowed();
    let login = Login::new();
    let only = vec![("openpubkey-pkt".to_owned(), login.pk_token())];
    let (kind, base64) = Certificate {
        extensions: Some(only),
        ..Certificate::new()
    }
    .words(&login.user_key, "");
    login.outcome_of(&kind, &base64).unwrap();
}

#[test]
fn row_24_and_25_sizes() {
    let filled =
        |bytes: usize| Login::new().with(|login| login.claims["filler"] = "x".repeat(bytes).into());
    filled(60_000).allowed();
    filled(120_000).refused("");
}

#[test]
fn row_28_the_certificates_key_is_the_tokens() {
    let login = Login::new();
    let pk_token = login.pk_token();
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        let other = UserKey::generate(kind).unwrap();
        let (kind, base64) = Certificate::new().words(&other, &pk_token);
        let reason = login.outcome_of(&kind, &base64).unwrap_err();
        assert!(
            reason.contains("does not match public key in certificate"),
            "{reason}"
        );
    }
}
