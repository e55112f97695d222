//! `opkssh explain`: which condition of which rule failed, and what to change.

use opkssh_test_support::{Output, user_name};
use serde_json::{Value, json};

use crate::server::verify_refusals::attempt::Attempt;

fn explain(attempt: &Attempt, more: &[&str], principal: &str) -> Output {
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    let command = attempt.home.opkssh(["explain", "--etc"]);
    let command = command.arg(attempt.etc.dir()).arg("--cache");
    let command = command.arg(attempt.etc.cache_dir()).args(more);
    command.arg(principal).arg(certificate).run()
}

/// Returns what is said on stdout; fails the test unless the answer is no.
fn no(said: &Output) -> String {
    assert_eq!(said.refused(), "");
    let text = said.any_stdout();
    assert!(text.starts_with("no: "), "{text}");
    text
}

/// A login whose group is `dev`, and nothing that lets it in but `rules`.
fn attempt(rules: &str) -> Attempt {
    super::rules::attempt(|login| login.claims["groups"] = json!(["dev"]), rules)
}

/// The account of the user who runs the tests, whom a row may let in unless that is root.
#[test]
fn a_row_is_proposed_only_where_no_rule_is() {
    let none = attempt("");
    let said = no(&explain(&none, &[], &user_name()));
    let row = format!(
        "to allow it, run: sudo opkssh add --etc {} {} alice@x.example {}",
        none.etc.dir().display(),
        user_name(),
        none.issuer
    );
    assert_eq!(said.contains(&row), user_name() != "root", "{said}");

    let said = no(&explain(&none, &[], "root"));
    assert!(!said.contains("opkssh add"), "{said}");
    assert!(
        said.contains("a row of auth_id would give all of root"),
        "{said}"
    );
    let rules = none.etc.dir().join("rules.yml");
    let edit = format!("sudoedit {}", rules.display());
    assert!(said.contains(&edit), "{said}");

    let never = attempt("never_accounts: [ME]\n");
    let said = no(&explain(&never, &[], &user_name()));
    assert!(!said.contains("opkssh add"), "{said}");
}

#[test]
fn the_condition_that_failed_is_named_with_what_the_token_has() {
    let me = user_name();
    for (rest, why) in [
        (
            "when: [{claim: groups, has: ops}]",
            "claim \"groups\" has \"ops\": the ID token has [\"dev\"]",
        ),
        (
            "when: [{claim: department, is: it}]",
            "claim \"department\" is \"it\": the ID token does not have the claim",
        ),
        (
            "when: [{claim: groups, has: dev}], acr: [phr]",
            "acr is missing, not one of [\"phr\"]",
        ),
        (
            "when: [{claim: groups, has: dev}], max_age: 60s",
            "the login is older than max_age (60 s)",
        ),
        (
            "when: [{claim: groups, has: dev}], not_after: 2020-01-01T00:00:00Z",
            "it does not hold at this time: not_after is 2020-01-01",
        ),
    ] {
        let rule = format!(
            "rules:\n- {{name: ops, issuer: ISSUER, accounts: [ME], {rest}, \
             options: {{restrict: true}}}}\n"
        );
        let attempt = attempt(&rule);
        let said = no(&explain(&attempt, &[], &me));
        let (hint, steps) = said.split_once("\nsteps:\n").unwrap();
        for shown in [hint, steps] {
            assert!(
                shown.contains("rule \"ops\"") && shown.contains(why),
                "{why}: {shown}"
            );
        }
        assert!(!said.contains("opkssh add"), "{said}");
        let edit = format!("sudoedit {}", attempt.etc.dir().join("rules.yml").display());
        assert!(hint.contains(&edit), "{said}");
    }
    // another issuer's rule is about the account all the same
    let attempt = attempt(
        "rules:\n- {name: ops, issuer: https://other.example, accounts: [ME], \
         when: [{claim: sub, is: x}]}\n",
    );
    let said = no(&explain(&attempt, &[], &me));
    assert!(said.contains(", not https://other.example"), "{said}");
    assert!(!said.contains("opkssh add"), "{said}");
}

#[test]
fn an_account_that_does_not_exist_is_a_no() {
    let attempt = Attempt::new();
    let row = format!("no-such-account alice@x.example {}\n", attempt.issuer);
    attempt.etc.write("auth_id", &row);
    let said = no(&explain(&attempt, &[], "no-such-account"));
    let verdict = format!(
        "no: \"alice@x.example\" of \"{}\" may not log in as no-such-account: there is no local \
         account \"no-such-account\"",
        attempt.issuer
    );
    assert!(said.starts_with(&verdict), "{said}");
}

#[test]
fn json_is_one_value_whatever_the_answer() {
    let attempt = Attempt::new();
    let value = |said: &Output| serde_json::from_str::<Value>(&said.any_stdout()).unwrap();
    let said = explain(&attempt, &["--json"], &user_name());
    said.stdout();
    let yes = value(&said);
    assert_eq!(yes["allowed"], true);
    assert_eq!(yes["account"], user_name().as_str());
    assert!(
        yes["who"]
            .as_str()
            .unwrap()
            .starts_with("\"alice@x.example\" (sub=")
    );
    assert!(yes["by"].as_str().unwrap().ends_with("auth_id line 1"));
    assert!(
        yes["sshd_gets"]
            .as_str()
            .unwrap()
            .starts_with("cert-authority,")
    );
    assert!(
        yes["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step == "not revoked")
    );
    assert_eq!((&yes["reason"], &yes["hint"]), (&Value::Null, &Value::Null));

    attempt
        .etc
        .write("config.yml", "deny_emails: [alice@x.example]\n");
    let said = explain(&attempt, &["--json"], &user_name());
    assert_eq!(said.refused(), "");
    let no = value(&said);
    assert_eq!(no["allowed"], false);
    assert_eq!(no["sshd_gets"], Value::Null);
    assert_eq!(no["reason"], "denied email alice@x.example");
    assert!(no["hint"].as_str().unwrap().contains("config.yml"));

    // nobody can say
    attempt.etc.write("config.yml", "");
    let gone = opkssh_test_support::FaultyProvider::start(opkssh_test_support::Fault::Refused);
    let row = format!("{} test 24h\n", gone.issuer());
    let other = Attempt::with(|login| login.claims["iss"] = gone.issuer().into());
    other.etc.write(
        "providers",
        &row.replace("test", super::verify_refusals::forge::CLIENT),
    );
    let said = explain(&other, &["--json"], &user_name());
    assert_eq!(said.code(), Some(3), "{}", said.stderr());
    assert_eq!(value(&said)["allowed"], Value::Null);

    let command = attempt.home.opkssh(["explain", "--json", "--etc"]);
    let command = command.arg(attempt.etc.dir());
    let said = command.args([&user_name(), "/nonexistent"]).run();
    assert_eq!(said.code(), Some(3), "{}", said.stderr());
    assert_eq!(value(&said)["allowed"], Value::Null);
    assert!(
        said.stderr().contains("-cert.pub, or - for stdin"),
        "{}",
        said.stderr()
    );
}

#[test]
fn what_is_no_certificate_and_missing_providers_have_no_verdict() {
    let attempt = Attempt::new();
    let at = |words: &[&str]| {
        let command = attempt.home.opkssh(["explain", "--etc"]);
        command.arg(attempt.etc.dir()).args(words).run()
    };
    let text = attempt.home.write("text", "The quick brown fox\n");
    let text = text.to_str().unwrap();
    let key = attempt.home.write("key.pub", "ssh-ed25519 AAAA me\n");
    let empty = attempt.home.write("empty", "");
    for (file, what) in [
        (text, "has no SSH certificate"),
        (key.to_str().unwrap(), "has no SSH certificate"),
        (empty.to_str().unwrap(), "is empty"),
    ] {
        let said = at(&["dev", file]);
        let stderr = said.inconclusive();
        assert!(stderr.contains(&format!("{file} {what}")), "{stderr}");
        let run = format!(
            "ssh-add -L >cert.pub; here: sudo opkssh explain --etc {} dev cert.pub",
            attempt.etc.dir().display()
        );
        assert!(stderr.contains(&run), "{stderr}");
        assert_eq!(said.any_stdout(), "");
    }
    // as ssh-add -L prints it, behind another key
    let (key_type, base64) = attempt.words();
    let listed = format!("ssh-ed25519 AAAA me\n{key_type} {base64} mine\n");
    let listed = attempt.home.write("listed", listed);
    let said = explain(&attempt, &[], &user_name()).stdout();
    let by_list = at(&[
        "--cache",
        attempt.etc.cache_dir().to_str().unwrap(),
        &user_name(),
        listed.to_str().unwrap(),
    ]);
    let verdict = |said: &str| said.lines().next().unwrap().to_owned();
    assert_eq!(verdict(&by_list.stdout()), verdict(&said));
    assert!(said.starts_with("yes: "), "{said}");

    std::fs::remove_file(attempt.etc.dir().join("providers")).unwrap();
    let said = explain(&attempt, &[], &user_name());
    let stderr = said.inconclusive();
    assert!(stderr.contains("failed to load providers"), "{stderr}");
    assert!(!said.any_stdout().contains("no: "), "{}", said.any_stdout());
}

#[test]
fn many_rows_of_others_are_one_step_and_a_long_answer_ends_with_the_verdict() {
    let attempt = attempt("");
    let (me, issuer) = (user_name(), &attempt.issuer);
    let mut rows: String = (0..30)
        .map(|n| format!("{me} p{n}@x.example {issuer}\n"))
        .collect();
    rows += &format!("{me} alice@x.example {issuer}\n");
    attempt.etc.write("auth_id", &rows);
    let said = explain(&attempt, &[], &me).stdout();
    let step = "30 rows are for other identities, the first in ";
    assert_eq!(said.matches(step).count(), 1, "{said}");
    assert!(!said.contains("for another identity"), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("yes: "), "{said}");
    assert_eq!(lines.first(), lines.last());
}
