//! `opkssh add`, `list` and `remove`: rows, and what is wrong with them.

use std::fs;

use opkssh_test_support::{Etc, Home, Output, user_name};
use serde_json::json;

use crate::setup::OPKSSH;

fn opkssh(home: &Home, etc: &Etc, command: &str, words: &[&str]) -> Output {
    let run = home.opkssh([command, "--etc"]).arg(etc.dir());
    run.args(words).run()
}

fn etc() -> Etc {
    Etc::new().provider("https://accounts.google.com", "id", "24h")
}

#[test]
fn add_says_what_audit_would_say() {
    let home = Home::new(OPKSSH);
    let me = user_name();
    for (row, expected) in [
        (
            ["no-such-account", "a@x.example", "google"],
            "there is no local account of this name",
        ),
        (
            [&me, "a@x.example", "https://accounts.gogle.com"],
            "did you mean https://accounts.google.com",
        ),
        (
            [&me, "a@x.example", "https://accounts.google.com/"],
            "remove the trailing slash",
        ),
        ([&me, "oidc:groups:", "google"], "expected oidc:CLAIM:VALUE"),
        ([&me, "groups:ops", "google"], "write oidc:groups:ops"),
    ] {
        let etc = etc();
        let added = opkssh(&home, &etc, "add", &row);
        // as Go's does
        assert!(added.stdout().starts_with("Successfully added"));
        let said = added.stderr();
        assert!(
            said.contains("warning: ") && said.contains(expected),
            "{said}"
        );
        let dir = etc.dir();
        let undo = format!("sudo opkssh remove --etc {} {}", dir.display(), row[0]);
        assert!(said.contains(&undo), "{said}");
        let audit = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
        let audit = audit.arg(dir).run().any_stdout();
        // Go's hints are sentences
        let expected = expected.to_lowercase();
        assert!(audit.to_lowercase().contains(&expected), "{audit}");
        opkssh(&home, &etc, "remove", &row).stdout();
        assert_eq!(fs::read_to_string(etc.dir().join("auth_id")).unwrap(), "");
    }
    let etc = etc();
    let good = [me.as_str(), "a@x.example", "google"];
    assert!(
        !opkssh(&home, &etc, "add", &good)
            .stderr()
            .contains("warning")
    );
    let again = opkssh(&home, &etc, "add", &good).stderr();
    assert!(again.contains("already exists"), "{again}");
}

#[test]
fn add_refuses_an_issuer_that_no_providers_file_can_have() {
    let (home, etc) = (Home::new(OPKSSH), etc());
    for (issuer, meant) in [
        ("googel", "google"),
        ("accounts.google.com", "https://accounts.google.com"),
        ("http://accounts.google.com", "https://accounts.google.com"),
        ("word", "https://ISSUER"),
    ] {
        let refused = opkssh(&home, &etc, "add", &["dev", "a@x.example", issuer]);
        let said = refused.refused();
        let expected = format!("\"{issuer}\" is neither an https URL nor a short name (google, ");
        assert!(said.contains(&expected), "{said}");
        let dir = etc.dir();
        let run = format!(
            "sudo opkssh add --etc {} dev a@x.example {meant}\n",
            dir.display()
        );
        assert!(said.contains(&run), "{said}");
        assert_eq!(refused.any_stdout(), "");
        assert_eq!(fs::read_to_string(dir.join("auth_id")).unwrap(), "");
    }
}

#[test]
fn a_row_that_is_there_is_warned_of_and_not_to_be_taken_back() {
    let (home, etc) = (Home::new(OPKSSH), etc());
    let row = ["no-such-account", "a@x.example", "google"];
    opkssh(&home, &etc, "add", &row).stdout();
    let again = opkssh(&home, &etc, "add", &row).stderr();
    assert!(again.contains("there is no local account"), "{again}");
    assert!(!again.contains("take the row back"), "{again}");
}

#[test]
fn remove_takes_a_row_and_leaves_the_rest() {
    let (home, etc) = (Home::new(OPKSSH), etc());
    etc.write(
        "auth_id",
        "# ours\ndev 'a@x.example' https://accounts.google.com # May\nbad row\n\
         dev b@x.example https://accounts.google.com\n",
    );
    let row = ["dev", "a@x.example", "google"];
    let removed = opkssh(&home, &etc, "remove", &row).stdout();
    let file = etc.dir().join("auth_id");
    assert_eq!(
        removed,
        format!(
            "removed from {}: dev a@x.example https://accounts.google.com\n",
            file.display()
        )
    );
    let rest = "# ours\nbad row\ndev b@x.example https://accounts.google.com\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), rest);
    let again = opkssh(&home, &etc, "remove", &row);
    assert!(
        again.refused().contains("no such row in"),
        "{}",
        again.stderr()
    );
    let hint = format!("sudo opkssh list --etc {} --who dev", etc.dir().display());
    assert!(again.stderr().contains(&hint), "{}", again.stderr());
    assert_eq!(again.any_stdout(), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), rest);
}

#[test]
fn list_says_who_may_become_whom() {
    let (home, etc) = (Home::new(OPKSSH), etc());
    etc.write(
        "auth_id",
        "dev 'oidc:groups:two words' https://a.example\nbad row\nroot b@x.example https://a.example\n",
    );
    etc.write(
        "rules.yml",
        "rules:\n- {name: ops, issuer: https://a.example, accounts: [dev], when: [{claim: sub, is: s}]}\n\
         - {name: own, issuer: https://a.example, account_from: {claim: user}}\n\
         - {name: never, effect: deny, accounts: [root]}\n",
    );
    let listed = opkssh(&home, &etc, "list", &["--who", "dev"]);
    let (auth_id, rules) = (etc.dir().join("auth_id"), etc.dir().join("rules.yml"));
    let (auth_id, rules) = (auth_id.display(), rules.display());
    assert_eq!(
        listed.stdout(),
        format!(
            "dev 'oidc:groups:two words' https://a.example ({auth_id}:1)\n\
             dev: rule \"ops\", issuer https://a.example ({rules})\n\
             by claim \"user\": rule \"own\", issuer https://a.example ({rules})\n"
        )
    );
    let bad = format!("warning: not a row: {auth_id} line 2:");
    assert!(listed.stderr().contains(&bad), "{}", listed.stderr());
    let all = opkssh(&home, &etc, "list", &["--json"]).stdout();
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    let rows = all["rows"].as_array().unwrap();
    let of_etc = rows
        .iter()
        .filter(|row| row["file"] == json!(auth_id.to_string()));
    assert_eq!(of_etc.count(), 2);
    assert_eq!(
        all["rules"][2],
        json!({"rule": "never", "effect": "deny", "accounts": ["root"], "account_from": null,
               "issuers": [], "file": rules.to_string()})
    );
    fs::remove_file(etc.dir().join("rules.yml")).unwrap();
    let none = opkssh(&home, &etc, "list", &["--who", "nobody"]);
    assert_eq!(none.stdout(), "");
    let said = none.stderr();
    assert!(
        said.contains("no row or rule lets anybody log in as nobody\n"),
        "{said}"
    );
    assert!(!said.contains("no local account"), "{said}");
    let said = opkssh(&home, &etc, "list", &["--who", "no-such-one"]).stderr();
    assert!(
        said.contains("warning: there is no local account \"no-such-one\""),
        "{said}"
    );
    fs::remove_file(etc.dir().join("auth_id")).unwrap();
    let unknown = opkssh(&home, &etc, "list", &[]);
    assert_eq!(unknown.code(), Some(3), "{}", unknown.stderr());
    assert_eq!(unknown.any_stdout(), "");
    let unknown = opkssh(&home, &etc, "list", &["--json"]);
    assert_eq!(unknown.code(), Some(3), "{}", unknown.stderr());
    let said: serde_json::Value = serde_json::from_str(&unknown.any_stdout()).unwrap();
    assert!(
        said["reason"].is_string() && said["hint"].is_string(),
        "{said}"
    );
}
