//! Refusals that the server's files decide.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Part, left_out, user_name};

use super::attempt::Attempt;

#[test]
fn another_account_is_refused() {
    let attempt = Attempt::new();
    let (key_type, base64) = attempt.words();
    for principal in ["daemon", "no-such-account", "", "*", "a b", "../root"] {
        if principal != user_name() {
            attempt.principal_is_refused(principal, &key_type, &base64, "no policy to allow");
        }
    }
}

#[test]
fn without_a_row_nobody_is_let_in() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let (user, issuer) = (user_name(), &attempt.issuer);
    for rows in [
        String::new(),
        format!("{user} bob@x.example {issuer}\n"),
        format!("{user} alice@x.example {issuer}/\n"),
        format!("{user} alice@x.example\n"),
        format!("another alice@x.example {issuer}\n"),
        format!("# {user} alice@x.example {issuer}\n"),
    ] {
        attempt.etc.write("auth_id", &rows);
        attempt.is_refused("no policy to allow alice@x.example");
    }
}

#[test]
fn who_is_denied_is_refused_whatever_the_rows_say() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    for (config, why) in [
        (
            "deny_emails: [Alice@X.example]\n".to_owned(),
            "denied email",
        ),
        (format!("deny_users: [{}]\n", user_name()), "denied user"),
        (
            "deny_emails: alice@x.example\n".to_owned(),
            "every login is refused",
        ),
        (
            "deny_emials: [bob@x.example]\n".to_owned(),
            "misspelt deny list",
        ),
        ("{".to_owned(), "every login is refused"),
    ] {
        attempt.etc.write("config.yml", &config);
        attempt.is_refused(why);
    }
    attempt
        .etc
        .write("config.yml", "deny_users: [somebody-else]\n");
    attempt.is_let_in();
}

#[test]
fn files_that_others_may_write_or_read_are_not_believed() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    attempt.etc.write("config.yml", "");
    for name in ["providers", "auth_id", "config.yml"] {
        let file = attempt.etc.dir().join(name);
        let chmod = |mode| fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        for mode in [0o644, 0o660, 0o777] {
            chmod(mode);
            let (key_type, base64) = attempt.words();
            attempt.words_are_refused(&key_type, &base64, "has insecure permissions");
        }
        attempt.ssh_is_refused(true, name);
        chmod(0o640);
    }
    attempt.is_let_in();
}

#[test]
fn missing_files_let_nobody_in() {
    let attempt = Attempt::new();
    let (key_type, base64) = attempt.words();
    for (name, why) in [
        ("providers", "failed to load providers"),
        ("auth_id", "error loading policy"),
    ] {
        let file = attempt.etc.dir().join(name);
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        attempt.words_are_refused(&key_type, &base64, why);
        attempt.etc.write(name, &text);
    }
}

#[test]
fn when_the_provider_cannot_be_asked_nobody_is_let_in() {
    let nobody = opkssh_test_support::free_port();
    let attempt = Attempt::with(|login| {
        login.claims["iss"] = format!("http://127.0.0.1:{nobody}").into();
    });
    let issuer = format!("http://127.0.0.1:{nobody}");
    attempt
        .etc
        .write("providers", &format!("{issuer} {} 24h\n", super::CLIENT));
    let (key_type, base64) = attempt.words();
    attempt.words_are_refused(&key_type, &base64, "failed to get the provider's keys");
}
