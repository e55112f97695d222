//! Mistakes in the server's files: file, line, key, and what is expected.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Etc, Home, user_name};

use crate::setup::OPKSSH;

#[test]
fn yaml_errors_say_file_line_and_what_is_expected() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    etc.write("providers", "https://a.example id 24h\n");
    for (name, text, expected) in [
        (
            "server.yml",
            "readable: /x\n",
            "server.yml:1: readable must be a list, e.g. [/x]",
        ),
        (
            "server.yml",
            "key_cache:\n  fresh: soon\n",
            "key_cache.fresh: \"soon\" is not a duration: write e.g. 30m, 8h, 1h30m or 7d",
        ),
        (
            "config.yml",
            "env_vars: {}\ndeny_users: bob\n",
            "config.yml:2: deny_users must be a list, e.g. [bob]",
        ),
        (
            "rules.yml",
            "rules:\n- name: a\n  issuer: https://a.example\n  accounts: [{b: c}]\n",
            "rules.yml:2: rule \"a\": `accounts`: ",
        ),
        (
            "rules.yml",
            "rules:\n- name: a\n  effect: deny\n  when: yes\n",
            "rules.yml:4: ",
        ),
        (
            "rules.yml",
            "rules:\n- {name: a, issuer: i, accounts: [b], when: [{claim: c, is: d}], max_age: 5}\n",
            "rules.yml:2: ",
        ),
        (
            "revoked.yml",
            "- {subject: a, issuer: i}\n- {subject: a}\n",
            "revoked.yml:2: entry 2 needs one of",
        ),
    ] {
        etc.write(name, text);
        let command = home.opkssh(["server", "revoke", "--list", "--etc"]);
        let said = match name {
            "revoked.yml" => command.arg(etc.dir()).run().stderr(),
            _ => {
                let audit = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
                audit.arg(etc.dir()).run().any_stdout()
            }
        };
        assert!(said.contains(expected), "{expected}: {said}");
        fs::remove_file(etc.dir().join(name)).unwrap();
    }
}

#[test]
fn audit_shows_the_text_of_a_malformed_row_and_counts_what_it_cannot_read() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let audit = |more: &[&str]| {
        let command = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
        command.arg(etc.dir()).args(more).run()
    };
    let me = user_name();
    let auth_id = etc.dir().join("auth_id");
    etc.write("providers", "https://a.example id 24h\n");
    etc.write(
        "auth_id",
        &format!("{me} a https://a.example\n\n{me} bad row here\n"),
    );
    let said = audit(&[]);
    let expected = format!(
        "[ERR] ERROR   : {}:3: \"{me} bad row here\" (",
        auth_id.display()
    );
    assert!(
        said.any_stdout().contains(&expected),
        "{}",
        said.any_stdout()
    );
    assert!(
        said.refused()
            .contains("discovered errors: 1 error, 0 warnings")
    );

    etc.write("auth_id", "no-such-account a https://a.example\n");
    let said = audit(&[]);
    assert!(
        said.refused().contains("discovered 0 errors, 1 warning"),
        "{}",
        said.stderr()
    );

    let gone = etc.dir().join("gone");
    etc.write("auth_id", &format!("{me} a https://a.example\n"));
    let said = audit(&["--cache", gone.to_str().unwrap()]);
    assert!(
        said.any_stdout()
            .contains(&format!("{} (there is no key cache", gone.display())),
        "{}",
        said.any_stdout()
    );
    assert!(
        said.any_stdout()
            .contains("run: sudo opkssh server install")
    );

    fs::remove_file(&auth_id).unwrap();
    let said = audit(&[]);
    let shown = said.any_stdout();
    assert!(
        shown.contains(&format!("[ERR] ERROR   : {} (", auth_id.display())),
        "{shown}"
    );
    assert!(shown.contains("Errors:                1\n"), "{shown}");
    said.refused();
}

#[test]
fn a_malformed_providers_row_is_shown_with_its_line_and_what_is_expected() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    etc.write(
        "providers",
        "https://a.example id 24h\nhttps://b.example id\nid.example id 24h\n\
         https://c.example id 24hours\n",
    );
    let providers = etc.dir().join("providers");
    let audit = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
    let said = audit.arg(etc.dir()).run();
    assert!(
        said.refused().contains("errors: 3 errors, 0 warnings"),
        "{}",
        said.stderr()
    );
    let form = " - write: ISSUER CLIENT_ID EXPIRATION, e.g. https://id.example my-client 24h \n";
    for expected in [
        format!(
            ":2: \"https://b.example id\" (wrong number of arguments (expected=3, got=2); the line \
             has no effect) {form}"
        ),
        format!(
            ":3: \"id.example id 24h\" (the issuer is not an https URL; all tokens of this issuer \
             are refused) {form}"
        ),
        ":4: \"https://c.example id 24hours\" (invalid expiration policy: 24hours".to_owned(),
    ] {
        let expected = format!("[ERR] ERROR   : {}{expected}", providers.display());
        let shown = said.any_stdout();
        assert!(shown.contains(&expected), "{expected}: {shown}");
    }
}

#[test]
fn files_that_others_could_have_changed_are_checked_all_the_same() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let me = user_name();
    etc.write(
        "providers",
        "https://a.example id 24h\nhttps://b.example id\n",
    );
    etc.write(
        "auth_id",
        &format!("{me} a https://a.example\nbad row\n{me} a https://nope.example\n"),
    );
    etc.write("config.yml", "deny_users: []\n");
    for name in ["providers", "auth_id", "config.yml"] {
        let open = Permissions::from_mode(0o666);
        fs::set_permissions(etc.dir().join(name), open).unwrap();
    }
    let audit = |more: &[&str]| {
        let command = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
        command.arg(etc.dir()).args(more).run()
    };
    let said = audit(&[]);
    // three modes, the row of providers, and two rows
    assert!(
        said.refused().contains("errors: 6 errors, 0 warnings"),
        "{}",
        said.stderr()
    );
    let shown = said.any_stdout();
    for name in ["providers", "auth_id", "config.yml"] {
        let run = format!(
            " - run: sudo chmod 640 {} \n",
            etc.dir().join(name).display()
        );
        assert_eq!(shown.matches(&run).count(), 1, "{shown}");
    }
    for expected in [
        format!("[OK] SUCCESS : {me} a https://a.example"),
        format!("[ERR] ERROR   : {me} a https://nope.example"),
        "\"bad row\" (wrong number".to_owned(),
        "Total Entries Tested:  7\nSuccessful:            1\nWarnings:              0\n\
         Errors:                6\n"
            .to_owned(),
    ] {
        assert!(shown.contains(&expected), "{expected}: {shown}");
    }
    let json = audit(&["--json"]).any_stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["ok"], false);
    let error = json["providers_file"]["error"].as_str().unwrap();
    assert!(error.contains("insecure permissions"), "{error}");
}
