//! What `verify` refuses, by itself and behind a real sshd: nothing on stdout, exit status 1, the
//! reason in the log. Every attempt is one that is let in but for one thing.

pub mod attempt;
#[path = "../../../server/tests/forge/mod.rs"]
pub mod forge;
mod server_files;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Part, left_out};
use serde_json::json;

use attempt::{Attempt, now};
use forge::{CLIENT, ProviderKey};

#[test]
fn the_attempt_that_the_others_vary_is_let_in() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    Attempt::new().is_let_in();
}

#[test]
fn the_command_to_type_names_the_same_directory() {
    let attempt = Attempt::new();
    let entry = format!("- {{subject: sub-1, issuer: '{}'}}\n", attempt.issuer);
    attempt.etc.write("revoked.yml", &entry);
    let refused = attempt.verify().refused();
    let dir = attempt.etc.dir();
    let run = format!("sudo opkssh server revoke --undo --etc {} ", dir.display());
    assert!(refused.contains(&run), "{refused}");
}

#[test]
fn a_token_of_another_issuer_or_client_is_refused() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let issuer = &attempt.issuer;
    for (providers, why) in [
        (format!("{issuer}/ {CLIENT} 24h\n"), "unrecognized issuer"),
        (
            format!("{issuer} another-client 24h\n"),
            "does not contain clientID",
        ),
        (
            format!("https://op.example {CLIENT} 24h\n"),
            "unrecognized issuer",
        ),
        (String::new(), "no providers configured"),
    ] {
        attempt.etc.write("providers", &providers);
        attempt.is_refused(why);
    }
}

#[test]
fn a_token_out_of_its_time_is_refused() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let old = Attempt::with(|login| {
        login.claims["iat"] = json!(now() - 25 * 3600);
        login.claims["exp"] = json!(now() + 3600);
    });
    old.is_refused("expired");
    let ended = Attempt::with(|login| login.claims["exp"] = json!(now() - 60));
    ended.is_let_in(); // the server's policy is 24h: the token's own end says nothing
    ended.expiration("oidc");
    ended.is_refused("expired");
    let early = Attempt::with(|login| login.claims["iat"] = json!(now() + 3600));
    early.is_refused("issued in the future");
}

#[test]
fn a_token_that_the_provider_did_not_sign_is_refused() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    Attempt::with(|login| login.keys = json!({"keys": [ProviderKey::es256().published()]}))
        .is_refused("the signature does not verify");
    for (alg, why) in [
        ("none", "unsupported signature algorithm none"),
        ("None", "unsupported signature algorithm"),
        ("HS256", "unsupported signature algorithm"),
        ("RS256", "no matching public key found"),
    ] {
        Attempt::with(|login| login.id_header["alg"] = json!(alg)).is_refused(why);
    }
    let unsigned = |compact: String| {
        let mut parts: Vec<_> = compact.split(':').collect();
        parts[2] = "";
        parts.join(":")
    };
    Attempt::with(|login| {
        login.id_header["alg"] = json!("none");
        login.twist = unsigned;
    })
    .is_refused("unsupported signature algorithm");
    Attempt::with(|login| login.twist = unsigned).is_refused("the signature does not verify");
}

#[test]
fn somebody_else_s_token_is_refused() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    // a token that was seen on a server, in a certificate of the thief's own
    let mut stolen = Attempt::new();
    stolen.key = UserKey::generate(KeyType::Ecdsa).unwrap();
    stolen.is_refused("does not match public key in certificate");
    // one that does not commit to the key
    Attempt::with(|login| login.commit = false).is_refused("missing commitment claim nonce");
    Attempt::with(|login| {
        login.commit = false;
        login.claims["nonce"] = json!("another");
    })
    .is_refused("commitment claim doesn't match");
}

#[test]
fn a_certificate_without_a_token_is_refused() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let permits = vec![("permit-pty".to_owned(), String::new())];
    Attempt::with(|login| login.certificate.extensions = Some(permits))
        .is_refused("missing required openpubkey-pkt extension");
    let empty = vec![("openpubkey-pkt".to_owned(), "e30:e30".to_owned())];
    Attempt::with(|login| login.certificate.extensions = Some(empty))
        .is_refused("PK token: invalid number of segments");
}

#[test]
fn a_plain_key_is_refused() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let why = "is not an SSH certificate";
    let line = forge::certificate::openssh(&attempt.key);
    let (key_type, base64) = line.split_once(' ').unwrap();
    attempt.words_are_refused(key_type, base64, why);
    attempt.ssh_is_refused(false, why);
}

#[test]
fn garbage_of_any_size_is_refused() {
    let attempt = Attempt::new();
    let (key_type, base64) = attempt.words();
    let mut random = vec![0; 75_000];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random).unwrap();
    let blob = STANDARD.decode(&base64).unwrap();
    let padded = [&blob[..], &[0; 60_000]].concat();
    for (garbage, why) in [
        ("A".repeat(100_000), "certificate"),
        (STANDARD.encode(&random), "certificate"),
        (STANDARD.encode(&padded), "certificate"),
        ("%".repeat(100_000), "not base64"),
        ("\u{fc}".repeat(50_000), "not base64"),
        ("A".repeat(131_000), "certificate"),
        (String::new(), "certificate"),
    ] {
        attempt.words_are_refused(&key_type, &garbage, why);
    }
    for cut in [1, 40, blob.len() / 2, blob.len() - 1] {
        attempt.words_are_refused(&key_type, &STANDARD.encode(&blob[..cut]), "certificate");
    }
    for key_type in [
        "",
        "ssh-rsa",
        "ssh-ed25519-cert-v01@openssh.com",
        &"x".repeat(100_000),
    ] {
        attempt.words_are_refused(key_type, &base64, "");
    }
}

/// sshd asks before and after the client has proved that it holds the key; `verify` keeps nothing
/// in between, but a reader of the log can join the lines.
#[test]
fn the_lines_of_one_connection_have_the_same_parent_and_key() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let (_server, said) = attempt.ssh(true);
    assert_eq!(said.stdout(), "in\n");
    let log = attempt.etc.log();
    let field = |line: &str, name: &str| {
        let start = format!(" {name}=");
        let value = line.split_once(&start).expect(line).1;
        value.split(' ').next().unwrap_or_default().to_owned()
    };
    let decisions: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(" successfully verified "))
        .collect();
    let [first, second] = decisions[..] else {
        panic!("{log}");
    };
    for name in ["ppid", "account", "key"] {
        assert_eq!(field(first, name), field(second, name), "{log}");
    }
    assert_ne!(field(first, "pid"), field(second, "pid"), "{log}");
    let parent = field(first, "ppid").parse::<u32>().expect("a number");
    assert!(parent > 1 && parent != std::process::id(), "{log}");
}
