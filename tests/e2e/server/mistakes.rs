//! Mistakes in the server's files: file, line, key, and what is expected.

use std::fs;

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
            .contains("Run: sudo opkssh server install")
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
