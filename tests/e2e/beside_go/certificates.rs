//! The same login in differing certificates.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Part, left_out, user_name};

use super::{BesideGo, Dice, Go, Intended};
use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::server::verify_refusals::forge::Certificate;
use crate::server::verify_refusals::forge::certificate::openssh;

const INTENDED: [Intended; 11] = [
    (&["not a user's"], Go::Accepts, "(11)"),
    (&["out of its time"], Go::Accepts, "(12)"),
    (&["broken signature"], Go::Accepts, "(13)"),
    (&["another authority"], Go::Accepts, "(14)"),
    (&["unknown critical option"], Go::Accepts, "(15)"),
    (&["odd principals"], Go::Accepts, "(19, 20)"),
    (&["odd type"], Go::Accepts, "(3)"),
    (&["in front"], Go::Accepts, "(5, 7)"),
    (&["behind"], Go::Accepts, "(5, 7)"),
    (&["more lines"], Go::Accepts, "(5, 7)"),
    (&["changed"], Go::Accepts, "(13)"),
];

type Change = Box<dyn Fn(&mut Certificate)>;

/// Changes by name; the name is one of [`INTENDED`]'s where a difference is.
fn changes(pk_token: &str) -> Vec<(&'static str, Change)> {
    let mut all: Vec<(&'static str, Change)> = Vec::new();
    let mut add = |name, change: Change| all.push((name, change));
    add("plain", Box::new(|_| ()));
    for kind in [2, 0, 7, u32::MAX] {
        add("not a user's", Box::new(move |cert| cert.kind = kind));
    }
    let now = u64::try_from(now()).unwrap();
    for (name, after, before) in [
        ("in time", 1, now + 3600),
        ("in time", now - 60, u64::MAX - 1),
        ("in time", 0, 1 << 63),
        ("out of its time", 0, now - 60),
        ("out of its time", now + 3600, u64::MAX),
        ("out of its time", 0, 0),
        ("out of its time", now + 60, now - 60),
        ("out of its time", u64::MAX, u64::MAX),
        ("out of its time", 1 << 63, u64::MAX),
    ] {
        add(
            name,
            Box::new(move |cert| (cert.after, cert.before) = (after, before)),
        );
    }
    add(
        "broken signature",
        Box::new(|cert| cert.break_signature = true),
    );
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        let authority = UserKey::generate(kind).unwrap();
        add(
            "another authority",
            Box::new(move |cert| cert.authority = Some(authority.clone())),
        );
    }
    for (name, options) in [
        ("known critical option", &[("force-command", "echo 1")][..]),
        (
            "known critical option",
            &[("source-address", "10.0.0.0/8,::1")],
        ),
        ("known critical option", &[("verify-required", "")]),
        (
            "known critical option",
            &[("force-command", "a"), ("source-address", "b")],
        ),
        ("known critical option", &[("force-command", "\"\n\"")]),
        (
            "unsorted",
            &[("source-address", "b"), ("force-command", "a")],
        ),
        ("twice", &[("force-command", "a"), ("force-command", "b")]),
        ("unknown critical option", &[("no-such-option", "")]),
        ("unknown critical option", &[("", "x")]),
        ("unknown critical option", &[("Force-command", "x")]),
        ("unknown critical option", &[("permit-pty", "")]),
    ] {
        let options = pairs(options);
        add(name, Box::new(move |cert| cert.critical = options.clone()));
    }
    for (name, principals) in [
        ("principals", &[][..]),
        ("principals", &["root"]),
        ("principals", &["one", "two", "opkssh-wildcard"]),
        (
            "principals",
            &["A", "a.b_c-d", "x@y.example", "a+b", "host$", "0", "_"],
        ),
        ("principals", &["two", "two"]),
        ("odd principals", &[""]),
        ("odd principals", &["opkssh-wildcard", ""]),
        ("odd principals", &["a,b"]),
        ("odd principals", &["a b"]),
        ("odd principals", &["a\"b"]),
        ("odd principals", &["a\"\n\"b"]),
        ("odd principals", &["a\0b"]),
        ("odd principals", &["*"]),
        ("odd principals", &["-a"]),
        ("odd principals", &["a$b"]),
        ("odd principals", &["\u{e9}ve"]),
        ("odd principals", &["a\\b"]),
    ] {
        let principals: Vec<_> = principals.iter().map(|name| (*name).to_owned()).collect();
        add(
            name,
            Box::new(move |cert| cert.principals = principals.clone()),
        );
    }
    for (name, length) in [("principals", 128), ("odd principals", 129)] {
        add(
            name,
            Box::new(move |cert| cert.principals = vec!["x".repeat(length)]),
        );
    }
    add(
        "principals",
        Box::new(|cert| cert.principals = (0..300).map(|n| format!("user{n}")).collect()),
    );
    for key_id in [
        "",
        "a\nb",
        "\u{1b}[2J",
        "\0",
        "\u{fc}\u{202e}",
        &"x".repeat(20_000),
    ] {
        let key_id = key_id.to_owned();
        add("key id", Box::new(move |cert| cert.key_id = key_id.clone()));
    }
    let token = ("openpubkey-pkt", pk_token);
    for (name, extensions) in [
        ("no permits", &[token][..]),
        (
            "permits",
            &[token, ("permit-X11-forwarding", ""), ("permit-pty", "")],
        ),
        ("permits", &[token, ("permit-pty", "no")]),
        ("others", &[("a", "1"), token, ("z@x.example", "\n\"")]),
        (
            "others",
            &[("openpubkey", "1"), token, ("openpubkey-pkt2", "x")],
        ),
        ("access token", &[("openpubkey-act", "junk"), token]),
        ("access token", &[("openpubkey-act", ""), token]),
        ("access token", &[("openpubkey-act", "a\nb"), token]),
        ("no token", &[]),
        ("no token", &[("permit-pty", "")]),
        (
            "no token",
            &[("openpubkey-act", pk_token), ("permit-pty", "")],
        ),
        ("no token", &[("openpubkey-PKT", pk_token)]),
        ("empty token", &[("openpubkey-pkt", "")]),
        ("token twice", &[token, token]),
        ("token twice", &[token, ("openpubkey-pkt", "junk")]),
        ("unsorted", &[("permit-pty", ""), token]),
    ] {
        let extensions = pairs(extensions);
        add(
            name,
            Box::new(move |cert| cert.extensions = Some(extensions.clone())),
        );
    }
    all
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn fields_of_the_certificate() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&INTENDED[..6]), user_name());
    let logins = [
        ("P-256", Attempt::of(KeyType::Ecdsa, |_| ())),
        ("Ed25519", Attempt::of(KeyType::Ed25519, |_| ())),
    ];
    let pk_tokens = logins
        .each_ref()
        .map(|(_, attempt)| attempt.login.pk_token());
    for ((kind, attempt), pk_token) in logins.iter().zip(&pk_tokens) {
        for (index, (name, change)) in changes(pk_token).iter().enumerate() {
            // half of them for each type of key, the first for both
            if index > 0 && (index % 2 == 0) != (*kind == "P-256") {
                continue;
            }
            let mut certificate = Certificate::new();
            change(&mut certificate);
            let (key_type, base64) = certificate.words(&attempt.key, pk_token);
            let (go, ours) = beside.verify(attempt, &[&user, &base64, &key_type]);
            beside.agree(&[name, kind], shown(&certificate), &go, &ours);
        }
    }
    beside.end(15);
}

fn shown(certificate: &Certificate) -> String {
    let short = |text: &str| text.chars().take(30).collect::<String>();
    format!(
        "kind {}, key id {:?}, principals {:?}, {} to {}, critical {:?}, extensions {:?}",
        certificate.kind,
        short(&certificate.key_id),
        certificate.principals,
        certificate.after,
        certificate.before,
        certificate.critical,
        certificate.extensions.as_ref().map(|all| {
            all.iter()
                .map(|(name, value)| format!("{name}={}", short(value)))
                .collect::<Vec<_>>()
        }),
    )
}

#[test]
fn words_that_sshd_never_says() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&INTENDED[6..10]), user_name());
    let attempt = Attempt::new();
    // so that the base64 is padded
    let mut certificate = Certificate::new();
    let (kind, base64) = loop {
        let (kind, base64) = certificate.words(&attempt.key, &attempt.login.pk_token());
        if base64.ends_with('=') {
            break (kind, base64);
        }
        certificate.key_id.push('x');
    };
    let blob = STANDARD.decode(&base64).unwrap();
    let plain = openssh(&attempt.key);
    let (plain_kind, plain_base64) = plain.split_once(' ').unwrap();
    let (kind, base64) = (kind.as_str(), base64.as_str());
    for (name, key_type, blob) in [
        ("plain", kind, base64.to_owned()),
        ("odd type", "foo", base64.to_owned()),
        ("odd type", "ssh-rsa", base64.to_owned()),
        ("odd type", plain_kind, base64.to_owned()),
        (
            "odd type",
            "ssh-ed25519-cert-v01@openssh.com",
            base64.to_owned(),
        ),
        ("odd type", &kind.to_uppercase(), base64.to_owned()),
        ("no type", "", base64.to_owned()),
        ("no type", " ", base64.to_owned()),
        ("no type", "#", base64.to_owned()),
        ("in front", "", format!("{kind} {base64}")),
        ("in front", &format!("no-pty {kind}"), base64.to_owned()),
        (
            "in front",
            &format!("command=\"a b\",no-pty {kind}"),
            base64.to_owned(),
        ),
        ("in front", &format!("# comment\n{kind}"), base64.to_owned()),
        ("in front", &format!(" {kind}"), base64.to_owned()),
        ("in front", kind, format!(" {base64}")),
        ("in front", kind, format!("\n{base64}")),
        ("in front", &format!("{kind}\n"), base64.to_owned()),
        ("space behind", kind, format!("{base64}\n")),
        ("space behind", kind, format!("{base64}\r\n")),
        ("space behind", kind, format!("{base64} \t")),
        ("behind", kind, format!("{base64} comment")),
        ("behind", kind, format!("{base64}\tcomment")),
        ("more lines", kind, format!("{base64}\n{kind} {base64}")),
        ("more lines", kind, format!("{base64}\n\"")),
        ("more lines", kind, format!("\n{kind} {base64}")),
        ("base64", kind, STANDARD_NO_PAD.encode(&blob)),
        ("base64", kind, URL_SAFE.encode(&blob)),
        ("base64", kind, format!("{base64}=")),
        ("base64", kind, format!("{base64}AAAA")),
        (
            "base64",
            kind,
            format!("{}\n{}", &base64[..60], &base64[60..]),
        ),
        (
            "base64",
            kind,
            format!("{} {}", &base64[..60], &base64[60..]),
        ),
        (
            "base64",
            kind,
            format!("{}*{}", &base64[..60], &base64[60..]),
        ),
        ("blob", kind, STANDARD.encode([&blob[..], b"\0"].concat())),
        (
            "blob",
            kind,
            STANDARD.encode([&blob[..], &blob[..]].concat()),
        ),
        ("blob", kind, STANDARD.encode(&blob[..blob.len() - 1])),
        ("blob", kind, STANDARD.encode(&blob[..blob.len() / 2])),
        ("blob", kind, STANDARD.encode(&blob[..4])),
        ("blob", kind, String::new()),
        ("blob", kind, "AAAA".to_owned()),
        ("plain key", plain_kind, plain_base64.to_owned()),
        ("plain key", kind, plain_base64.to_owned()),
    ] {
        let (go, ours) = beside.verify(&attempt, &[&user, &blob, key_type]);
        let start: String = blob.chars().take(70).collect();
        beside.agree(&[name], format!("{key_type:?} {start:?}"), &go, &ours);
    }
    beside.end(3);
}

#[test]
fn a_certificate_with_a_few_bytes_changed() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&INTENDED[10..]), user_name());
    let mut dice = Dice::new(4);
    let attempt = Attempt::of(KeyType::Ed25519, |_| ());
    let (kind, base64) = attempt.words();
    let blob = STANDARD.decode(base64).unwrap();
    let (go, ours) = beside.verify(&attempt, &[&user, &STANDARD.encode(&blob), &kind]);
    beside.agree(&["as it was"], "", &go, &ours);
    for round in 0..60 {
        let (changed, at) = dice.change(&blob, round);
        let (go, ours) = beside.verify(&attempt, &[&user, &STANDARD.encode(&changed), &kind]);
        beside.agree(
            &["changed"],
            format!("at {at} of {}", blob.len()),
            &go,
            &ours,
        );
    }
    beside.end(1);
}
