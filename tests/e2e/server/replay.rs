//! `opkssh audit --replay`: whose verdict the present files would change.

use opkssh_test_support::{Output, user_name};
use serde_json::Value;

use crate::server::verify_refusals::attempt::Attempt;

fn replay(attempt: &Attempt, more: &[&str]) -> Output {
    let command = attempt.home.opkssh(["audit", "--etc"]);
    let command = command.arg(attempt.etc.dir()).arg("--replay");
    command.arg(attempt.etc.log_file()).args(more).run()
}

/// Anybody can offer a token that names another person.
#[test]
fn what_was_not_verified_is_counted_and_not_replayed() {
    let attempt = Attempt::new();
    let providers = std::fs::read_to_string(attempt.etc.dir().join("providers")).unwrap();
    attempt
        .etc
        .write("providers", "https://other.example id 24h\n");
    let unknown = attempt.verify().refused();
    assert!(unknown.contains("unrecognized issuer"), "{unknown}");
    attempt.etc.write("providers", &providers);
    let said = replay(&attempt, &[]).stdout();
    assert_eq!(
        said,
        "0 would change, 0 would not, 0 not known\n\
         1 line not replayed: no token that was verified and still valid\n"
    );
    let said = replay(&attempt, &["--json"]).stdout();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["not_replayed"], 1);
    assert_eq!(said["changes"], serde_json::json!([]));
}

#[test]
fn a_changed_file_shows_whom_it_shuts_out_and_lets_in() {
    let attempt = Attempt::new();
    attempt.verify().stdout();
    let said = replay(&attempt, &[]).stdout();
    assert_eq!(said, "0 would change, 1 would not, 0 not known\n");

    let (me, issuer) = (user_name(), &attempt.issuer);
    let who = format!("\"alice@x.example\" (sub=\"sub-1\", iss={issuer}) as {me}");
    let row = format!("{me} alice@x.example {issuer}\n");
    for (file, text, why) in [
        ("auth_id", "", "no rule or row allows it"),
        (
            "auth_id",
            &row.replace("alice", "bob"),
            "no rule or row allows it",
        ),
        (
            "config.yml",
            "deny_emails: [alice@x.example]\n",
            "denied email",
        ),
        (
            "revoked.yml",
            &format!("- {{subject: sub-1, issuer: '{issuer}'}}\n"),
            "revoked: subject",
        ),
        (
            "rules.yml",
            "rules: [{name: never, effect: deny, when: [{claim: sub, is: sub-1}]}]\n",
            "denied by",
        ),
    ] {
        attempt.etc.write(file, text);
        let said = replay(&attempt, &[]);
        assert!(
            said.refused().contains("1 verdict would change"),
            "{}",
            said.stderr()
        );
        let expected = format!("{who}: was let in by: ");
        let shown = said.any_stdout();
        assert!(
            shown.contains(&expected) && shown.contains("; would be refused: "),
            "{shown}"
        );
        assert!(shown.contains(why), "{why}: {shown}");
        attempt
            .etc
            .write(file, if file == "auth_id" { &row } else { "" });
    }
    // what the log does not have decides
    let rule = |claim: &str| {
        format!(
            "rules: [{{name: r, issuer: '{issuer}', accounts: ['{me}'], when: [{{claim: {claim}}}]}}]\n"
        )
    };
    attempt.etc.write("auth_id", "");
    attempt.etc.write("rules.yml", &rule("groups, has: dev"));
    let said = replay(&attempt, &[]).stdout();
    assert!(
        said.contains("rule \"r\"\n0 would change, 0 would not, 1 not known\n"),
        "{said}"
    );
    attempt
        .etc
        .write("rules.yml", &rule("email, is: alice@x.example"));
    replay(&attempt, &[]).stdout();

    // the other way round, and the last login counts
    attempt.etc.write("rules.yml", "");
    attempt.verify().refused();
    attempt.etc.write("auth_id", &row);
    let said = replay(&attempt, &["--json"]);
    said.refused();
    let said: Value = serde_json::from_str(&said.any_stdout()).unwrap();
    let change = &said["changes"][0];
    assert_eq!(change["was_allowed"], false);
    assert_eq!(change["is_allowed"], true);
    assert_eq!(change["subject"], "sub-1");
    assert!(
        change["was"]
            .as_str()
            .unwrap()
            .starts_with("no policy to allow")
    );
    assert!(change["now"].as_str().unwrap().ends_with("auth_id line 1"));
    assert_eq!(said["unchanged"], 0);

    std::fs::remove_file(attempt.etc.log_file()).unwrap();
    let unknown = replay(&attempt, &[]);
    assert_eq!(unknown.code(), Some(3), "{}", unknown.stderr());
    assert!(
        unknown.stderr().contains("cannot read the log"),
        "{}",
        unknown.stderr()
    );
}
