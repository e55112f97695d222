//! What the two write to the log about the same login, as far as people look for it there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Part, left_out, user_name};
use serde_json::{Value, json};

use super::{BesideGo, is_documented};
use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::server::verify_refusals::forge::{Login, ProviderKey};

/// The messages in a log, without what stands in front of every one: time, zone and processes.
fn messages(log: &str) -> Vec<&str> {
    log.lines()
        .map(|line| {
            let (time, rest) = line.split_at_checked(27).expect(line);
            let pattern = time.replace(|c: char| c.is_ascii_digit(), "0");
            assert_eq!(
                pattern.replace('-', "+"),
                "0000/00/00 00:00:00 +00:00 ",
                "{line}"
            );
            let mut words = rest.splitn(3, ' ');
            for name in ["pid=", "ppid="] {
                let number = words.next().and_then(|word| word.strip_prefix(name));
                assert!(
                    number.is_some_and(|number| number.parse::<u32>().is_ok()),
                    "{line}"
                );
            }
            words.next().expect(line)
        })
        .collect()
}

/// A reason of Go's as our log has it.
fn reason_in_quotes(reason: &str) -> String {
    reason.replace('"', "\\\"")
}

struct Stage {
    beside: BesideGo,
    user: String,
}

impl Stage {
    /// Go's log about this attempt, and our messages.
    fn logs(&self, attempt: &Attempt) -> (String, Vec<String>) {
        let (kind, base64) = attempt.words();
        let words = [&self.user, &base64, &kind];
        let log_of = |ours: bool| {
            fs::write(attempt.etc.log_file(), "").unwrap();
            match ours {
                true => self.beside.verify_by_us(attempt, &words),
                false => self.beside.verify_by_go(attempt, &words),
            };
            attempt.etc.log()
        };
        let (go, ours) = (log_of(false), log_of(true));
        assert!(!ours.contains(&base64), "the certificate is in the log");
        (go, messages(&ours).into_iter().map(str::to_owned).collect())
    }

    /// The last message of Go is just this; ours says the same, with more about it.
    fn same(&self, message: &str, attempt: &Attempt) {
        let (go, ours) = self.logs(attempt);
        let last = ours.last().unwrap();
        let (verdict, reason) = message.split_once(": ").unwrap_or((message, ""));
        let account = format!("{verdict} account={} ", self.user);
        assert!(last.starts_with(&account), "{last}");
        if !reason.is_empty() {
            let reason = format!(" reason=\"{}\"", reason_in_quotes(reason));
            assert!(last.contains(&reason), "{last}");
        }
        assert!(go.trim_end().ends_with(&format!(" {message}")), "{go}");
    }

    /// Both say so; ours last, and as a refusal.
    fn both(&self, reason: &str, attempt: &Attempt) {
        let (go, ours) = self.logs(attempt);
        let last = ours.last().unwrap();
        assert!(
            last.starts_with("failed to verify account=")
                && last.contains(&reason_in_quotes(reason)),
            "{last}"
        );
        assert!(go.contains(reason), "{go}");
    }
}

fn claim(name: &str, value: Value) -> Attempt {
    Attempt::with(|login| login.claims[name] = value)
}

fn chmod(attempt: &Attempt, name: &str, mode: u32) {
    fs::set_permissions(attempt.etc.dir().join(name), Permissions::from_mode(mode)).unwrap();
}

/// With a file of the server in place of what is there.
fn with_file(name: &str, text: &str) -> Attempt {
    let attempt = Attempt::new();
    let text = text
        .replace("ISS", &attempt.issuer)
        .replace("USER", &user_name());
    attempt.etc.write(name, &text);
    attempt
}

#[test]
fn the_last_line_of_the_log() {
    if left_out(&[Part::Go]) {
        return;
    }
    let stage = Stage {
        beside: BesideGo::new(&[]),
        user: user_name(),
    };
    let user = &stage.user;
    let attempt = Attempt::new();
    stage.same("successfully verified", &attempt);
    is_documented("who becomes whom");
    let (go, ours) = stage.logs(&attempt);
    let decision = ours.last().unwrap();
    for fields in [
        " rule=\"/etc/opk/auth_id line 1\" key=SHA256:",
        " email=\"alice@x.example\" key_id=\"",
    ] {
        assert!(decision.contains(fields), "{decision}");
    }
    let others = |line: &&String| !line.starts_with("warning: keys are not cached: ");
    assert_eq!(ours.iter().filter(others).count(), 1, "{ours:?}");
    assert!(!go.contains("auth_id line 1"), "{go}");
    is_documented("tokens in the log (128)");
    let (_, base64) = attempt.words();
    assert!(go.contains(&base64[..40]), "{go}");
    assert!(!ours.concat().contains(&base64[..40]), "{ours:?}");
    let refused = |reason: &str, attempt: Attempt| {
        stage.same(&format!("failed to verify: {reason}"), &attempt);
    };
    for rows in [
        "",
        "a b\n",
        "USER bob@x.example ISS\n",
        "USER alice@x.example ISS/\n",
    ] {
        let attempt = with_file("auth_id", rows);
        let issuer = attempt.issuer.clone();
        let reason = format!(
            "no policy to allow alice@x.example with (issuer={issuer}) to assume {user}, check \
             policy config at /etc/opk/auth_id"
        );
        refused(&reason, attempt);
        let attempt = with_file("auth_id", rows);
        let reason = reason.replace(&issuer, &attempt.issuer);
        attempt.etc.write_home("# nothing\n");
        let home = attempt.etc.account_home().join(".opk/auth_id");
        refused(&format!("{reason}, {}", home.display()), attempt);
    }
    refused(
        "denied email alice@x.example",
        with_file("config.yml", "deny_emails: [alice@x.example]"),
    );
    refused(
        &format!("denied user {user}"),
        with_file("config.yml", "deny_users: [USER]"),
    );
    let attempt = with_file("providers", "https://op.example client-1 24h\n");
    let unknown = format!(
        "unrecognized issuer: {}, issuers known: [https://op.example]",
        attempt.issuer
    );
    refused(&unknown, attempt);
    let mut stolen = Attempt::new();
    stolen.key = UserKey::generate(KeyType::Ed25519).unwrap();
    refused(
        "public key 'upk' in PK Token does not match public key in certificate",
        stolen,
    );
}

#[test]
fn reasons_in_the_log() {
    if left_out(&[Part::Go]) {
        return;
    }
    let stage = Stage {
        beside: BesideGo::new(&[]),
        user: user_name(),
    };
    let login = |change: fn(&mut Login)| Attempt::with(change);
    let expiration = |expiration: &str, attempt: Attempt| {
        attempt.expiration(expiration);
        attempt
    };
    for (reason, attempt) in [
        (
            "the PK token has expired based on maxAge (issuedAt = ",
            claim("iat", json!(now() - 90_000)),
        ),
        (
            "the ID token has expired (exp = ",
            expiration("oidc", claim("exp", json!(now() - 60))),
        ),
        ("missing issuedAt claim", claim("iat", json!(null))),
        (
            "missing expiration claim",
            expiration("oidc", claim("exp", json!(null))),
        ),
        (
            "audience does not contain clientID client-1, aud = other",
            claim("aud", json!("other")),
        ),
        (
            "audience does not contain clientID client-1, aud = a,b",
            claim("aud", json!(["a", "b"])),
        ),
        (
            "no matching public key found for kid k2",
            login(|login| login.id_header["kid"] = "k2".into()),
        ),
        (
            "unsupported signature algorithm HS256",
            login(|login| login.id_header["alg"] = "HS256".into()),
        ),
        (
            "missing commitment claim nonce",
            login(|login| login.commit = false),
        ),
        (
            "invalid number of segments, got 2",
            login(|login| login.twist = |_| "a:b".into()),
        ),
        (
            "unrecognized signature type",
            login(|login| login.id_header["typ"] = "id_token".into()),
        ),
        (
            "missing required openpubkey-pkt extension",
            login(|login| login.certificate.extensions = Some(vec![])),
        ),
        ("no providers configured", with_file("providers", "")),
        (
            "invalid expiration policy: zz",
            with_file("providers", "ISS client-1 zz\n"),
        ),
        (
            "provider verifier found with duplicate issuer",
            with_file("providers", "ISS client-1 24h\nISS client-1 12h\n"),
        ),
    ] {
        stage.both(reason, &attempt);
    }
    let attempt = login(|login| {
        login.commit = false;
        login.claims["nonce"] = "x".into();
    });
    let expected = attempt.login.nonce();
    stage.both(
        &format!("commitment claim doesn't match, got \"x\", expected {expected}"),
        &attempt,
    );
    let attempt = login(|login| login.keys = json!({"keys": [ProviderKey::es256().published()]}));
    is_documented("wrong signature");
    let (go, ours) = stage.logs(&attempt);
    assert!(
        go.contains("failed to verify: signature verification failed"),
        "{go}"
    );
    assert!(
        ours.last()
            .unwrap()
            .contains("the signature does not verify\" issuer="),
        "{ours:?}"
    );
    is_documented("`providers` cannot be used");
    for name in ["providers", "auth_id"] {
        let attempt = Attempt::new();
        chmod(&attempt, name, 0o644);
        let reason =
            "has insecure permissions: expected one of the following permissions [640], got (644)";
        stage.both(reason, &attempt);
        let attempt = Attempt::new();
        fs::remove_file(attempt.etc.dir().join(name)).unwrap();
        stage.both(&format!("/etc/opk/{name}: "), &attempt);
    }
}

#[test]
fn rows_that_cannot_be_read_are_in_the_log() {
    if left_out(&[Part::Go]) {
        return;
    }
    let stage = Stage {
        beside: BesideGo::new(&[]),
        user: user_name(),
    };
    is_documented("row that cannot be read");
    let rows = "one two\nISS client-1 24h\nx 'y\n";
    let (go, ours) = stage.logs(&with_file("providers", rows));
    assert!(
        go.contains("wrong number of arguments (expected=3, got=2), reading one two in"),
        "{go}"
    );
    assert!(
        go.contains("Unable to parse: x 'y. (Unterminated single-quoted string)"),
        "{go}"
    );
    let place = "configuration problem: /etc/opk/providers line";
    for problem in [
        format!("{place} 1: wrong number of arguments (expected=3, got=2)"),
        format!("{place} 3: unable to parse (unterminated single-quoted string), skipping"),
    ] {
        assert!(ours.contains(&problem), "{ours:?}");
    }
    is_documented("not logged for auth_id");
    let (go, ours) = stage.logs(&with_file("auth_id", "one two\nUSER alice@x.example ISS\n"));
    assert!(!go.contains("wrong number"), "Go says it now, too: {go}");
    let problem = "configuration problem: /etc/opk/auth_id line 1: wrong number of arguments (expected=3, got=2)";
    assert!(ours.iter().any(|line| line == problem), "{ours:?}");
}
