//! `opkssh server revoke` with the words that an admin has: short names, mail addresses, files.

use std::fs;

use opkssh_test_support::{Etc, Home, Output, Part, left_out, user_name};
use serde_json::Value;

use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::OPKSSH;

fn revoke(home: &Home, etc: &Etc, words: &[&str]) -> Output {
    let command = home.opkssh(["server", "revoke", "--etc"]).arg(etc.dir());
    command.args(words).run()
}

fn entries(home: &Home, etc: &Etc) -> Value {
    let listed = revoke(home, etc, &["--list", "--json"]);
    serde_json::from_str(&listed.stdout()).unwrap()
}

fn explain(attempt: &Attempt) -> Output {
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    let command = attempt.home.opkssh(["explain", "--etc"]);
    let command = command.arg(attempt.etc.dir()).arg("--cache");
    let command = command.arg(attempt.etc.cache_dir()).arg(user_name());
    command.arg(certificate).run()
}

fn audit(home: &Home, etc: &Etc) -> String {
    let command = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
    command.arg(etc.dir()).run().any_stdout()
}

#[test]
fn the_issuer_is_the_one_of_the_providers_file() {
    let home = Home::new(OPKSSH);
    let etc = Etc::new()
        .provider("https://accounts.google.com", "id", "24h")
        .provider("https://auth0.example/", "id", "24h");
    for (word, issuer) in [
        ("google", "https://accounts.google.com"),
        (
            "https://accounts.google.com/",
            "https://accounts.google.com",
        ),
        ("https://auth0.example", "https://auth0.example/"),
    ] {
        let words = ["--subject", "1001", "--issuer", word];
        let said = revoke(&home, &etc, &words).stdout();
        let expected = format!("subject \"1001\" of {issuer} is revoked now in ");
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(entries(&home, &etc)[0]["issuer"], issuer);
        let undone = revoke(&home, &etc, &[&["--undo"], &words[..]].concat()).stdout();
        assert!(undone.contains("is not revoked any more in"), "{undone}");
        assert_eq!(entries(&home, &etc), Value::Array(vec![]));
    }
    for (word, hint) in [
        ("gogle", "did you mean \"google\""),
        (
            "https://accounts.gogle.com",
            "did you mean https://accounts.google.com?",
        ),
        (
            "gitlab",
            "the issuer URL (https://gitlab.com) is correct and matches",
        ),
        (
            "foo",
            "or a short name: google, azure, microsoft, gitlab, hello",
        ),
        ("https://nowhere.example", "matches an entry in "),
    ] {
        let refused = revoke(&home, &etc, &["--subject", "1001", "--issuer", word]);
        let said = refused.refused();
        assert!(said.contains("so nobody would be revoked"), "{said}");
        assert!(said.contains(hint), "{word}: {said}");
        assert_eq!(refused.any_stdout(), "");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_one_json_value_too() {
    let home = Home::new(OPKSSH);
    let words = ["server", "revoke", "--list", "--json", "--etc", "/nosuch"];
    let failed = home.opkssh(words).run();
    assert_eq!(failed.code(), Some(3));
    let said: Value = serde_json::from_str(&failed.any_stdout()).unwrap();
    assert_eq!(said["hint"], "name an existing directory with --etc");
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.starts_with("cannot read /nosuch: "), "{reason}");
    assert!(failed.stderr().contains(reason), "{}", failed.stderr());
}

#[test]
fn what_matches_nobody_is_said_at_once_and_by_audit_and_explain() {
    let attempt = Attempt::new();
    let (home, etc) = (&attempt.home, &attempt.etc);
    let by_mail = ["--subject", "alice@x.example", "--issuer", &attempt.issuer];
    let said = revoke(home, etc, &by_mail);
    said.stdout();
    assert!(
        said.stderr().contains("looks like a mail address")
            && said.stderr().contains("revoke --email alice@x.example"),
        "{}",
        said.stderr()
    );
    let short = "- {subject: sub-1, issuer: google}\n";
    let file = etc.dir().join("revoked.yml");
    let text = fs::read_to_string(&file).unwrap() + short;
    etc.write("revoked.yml", &text);
    let said = audit(home, etc);
    for expected in [
        "subject \"alice@x.example\" of ",
        "(revokes nobody, unless the provider's `sub` is this mail address)",
        "subject \"sub-1\" of google (revokes nobody: issuer not found in ",
        "server revoke --undo --etc",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let said = explain(&attempt).stdout();
    for expected in [
        "subject \"sub-1\" of google is revoked; the issuer of this login is http://127",
        "is revoked, which is a mail address, not a subject (`sub`)",
        "not revoked",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // what never matched can be taken back as it stands
    let undo = ["--undo", "--subject", "sub-1", "--issuer", "google"];
    revoke(home, etc, &undo).stdout();
    revoke(home, etc, &[&["--undo"], &by_mail[..]].concat()).stdout();
    assert_eq!(fs::read_to_string(&file).unwrap(), "");

    let words = [
        "--subject",
        "sub-1",
        "--issuer",
        &attempt.issuer,
        "--reason",
        "left",
    ];
    revoke(home, etc, &words).stdout();
    let said = explain(&attempt);
    let steps = said.any_stdout();
    assert!(steps.contains("revoked: subject \"sub-1\" of "), "{steps}");
    assert!(
        steps.contains(", since 2") && steps.contains(", reason: left"),
        "{steps}"
    );
    said.refused();
    let undo = format!(
        "server revoke --undo --etc {} --subject=sub-1",
        etc.dir().display()
    );
    assert!(steps.contains(&undo), "{steps}");
}

#[test]
fn undo_removes_a_line_and_nothing_else() {
    let (home, etc) = (
        Home::new(OPKSSH),
        Etc::new().provider("https://a.example", "id", "24h"),
    );
    let hash = "SHA256:0123456789012345678901234567890123456789012";
    let text = format!(
        "# left\n- {{subject: a, issuer: 'https://a.example'}} # May\n- key: {hash}\n  reason: lost\n"
    );
    etc.write("revoked.yml", &text);
    let subject = ["--undo", "--subject", "a", "--issuer", "https://a.example"];
    revoke(&home, &etc, &subject).stdout();
    let file = etc.dir().join("revoked.yml");
    let after = fs::read_to_string(&file).unwrap();
    assert_eq!(after, format!("# left\n- key: {hash}\n  reason: lost\n"));
    let said = revoke(&home, &etc, &subject).refused();
    assert!(said.contains("is not revoked in"), "{said}");
    assert!(said.contains("server revoke --list --etc "), "{said}");
    let said = revoke(&home, &etc, &["--undo", "--key", hash]).refused();
    assert!(said.contains("it is not on a line of its own"), "{said}");
    assert!(said.contains("sudoedit"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
    let listed = revoke(&home, &etc, &["--list"]).stdout();
    assert_eq!(listed, format!("revoked: key {hash}, reason: lost\n"));
}

/// An entry that revokes nobody is taken back without the one that took its place.
#[test]
fn undo_takes_back_the_very_entry_that_is_named() {
    let (home, etc) = (
        Home::new(OPKSSH),
        Etc::new().provider("https://a.example", "id", "24h"),
    );
    let entry =
        |subject: &str, issuer: &str| format!("- {{subject: {subject}, issuer: '{issuer}'}}\n");
    let good = entry("a", "https://a.example");
    let text = entry("a", "https://a.example/") + &good + &entry("b", "https://a.example/");
    etc.write("revoked.yml", &text);
    let undo = |subject: &str, issuer: &str| {
        let subject = format!("--subject={subject}");
        revoke(&home, &etc, &["--undo", &subject, "--issuer", issuer])
    };
    let said = undo("a", "https://a.example/").stdout();
    assert!(
        said.contains("of https://a.example/ is not revoked any more"),
        "{said}"
    );
    let file = etc.dir().join("revoked.yml");
    let rest = good.clone() + &entry("b", "https://a.example/");
    assert_eq!(fs::read_to_string(&file).unwrap(), rest);
    // where only one can be meant, its form does not matter
    let said = undo("b", "https://a.example").stdout();
    assert!(
        said.contains("of https://a.example/ is not revoked any more"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), good);

    // subjects may begin with a hyphen
    let said = revoke(
        &home,
        &etc,
        &["--subject", "-x", "--issuer", "https://a.example"],
    )
    .stdout();
    assert!(said.contains("subject \"-x\" of"), "{said}");
    let missing = home
        .opkssh(["server", "revoke", "--list", "--etc", "/nonexistent"])
        .run();
    assert_eq!(
        (missing.code(), missing.any_stdout()),
        (Some(3), String::new())
    );
}

#[test]
fn a_mail_address_is_looked_up_in_the_log() {
    let attempt = Attempt::new();
    let (home, etc) = (&attempt.home, &attempt.etc);
    attempt.verify().stdout();
    let log = etc.log_file();
    let log = log.to_str().unwrap();
    let words = ["--email", "Alice@x.example", "--log-file", log];
    let said = revoke(home, etc, &words).stdout();
    let expected = format!("subject \"sub-1\" of {} is revoked now in ", attempt.issuer);
    assert!(said.starts_with(&expected), "{said}");
    let refused = attempt.verify();
    assert!(
        refused.refused().contains("revoked: subject \"sub-1\""),
        "{}",
        refused.stderr()
    );
    revoke(home, etc, &[&["--undo"], &words[..]].concat()).stdout();
    attempt.verify().stdout();

    // only accepted logins count, and none is chosen for the admin
    let said = revoke(home, etc, &["--email", "bob@x.example", "--log-file", log]).refused();
    assert!(
        said.contains("no accepted login of \"bob@x.example\" is in"),
        "{said}"
    );
    let line = |verdict: &str, subject: &str| {
        format!(
            "2026/11/30 07:00:00 +00:00 pid=1 ppid=1 {verdict} account=a rule=\"r\" \
             issuer=\"{}\" subject=\"{subject}\" email=\"alice@x.example\" key_id=\"a\"\n",
            attempt.issuer
        )
    };
    let stdin = |text: String| {
        let command = home.opkssh(["server", "revoke", "--etc"]).arg(etc.dir());
        let command = command.args(["--email", "alice@x.example", "--log-file", "-"]);
        command.stdin(text).run()
    };
    let accepted = |subject: &str| line("successfully verified", subject);
    let several = accepted("sub-1") + &accepted("sub-2") + &line("failed to verify", "sub-3");
    let said = stdin(several).refused();
    assert!(
        said.contains("several subjects logged in") && said.contains("\"sub-1\" of"),
        "{said}"
    );
    assert!(
        said.contains("\"sub-2\" of") && !said.contains("sub-3"),
        "{said}"
    );
    let run = format!("server revoke --etc {} --subject SUB", etc.dir().display());
    assert!(said.contains(&run), "{said}");
    let cut = accepted("sub-1").replace("\"sub-1\"", "\"sub-1\"…");
    let said = stdin(cut).refused();
    assert!(said.contains("(cut in the log)"), "{said}");
    let forged = line(
        "failed to verify",
        "\\\" pid=1 ppid=1 successfully verified account=a",
    );
    assert!(stdin(forged).refused().contains("no accepted login"));
    assert_eq!(entries(home, etc), Value::Array(vec![]));
}

#[test]
fn a_revoked_person_is_refused_by_sshd_too() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    attempt.is_let_in();
    let issuer = format!("{}/", attempt.issuer);
    let words = ["--subject", "sub-1", "--issuer", &issuer];
    revoke(&attempt.home, &attempt.etc, &words).stdout();
    attempt.is_refused("revoked: subject \"sub-1\"");
}
