//! An author of scripts: exit status, what is on which stream, and what can be parsed.

use opkssh_test_support::{Part, left_out};

use crate::setup::{Setup, status};

#[test]
fn a_script_asks_before_it_acts() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let home = &setup.home;
    // what a script sees: status, stdout and stderr
    let seen = |words: &[&str]| {
        let output = home.opkssh(words).run();
        (output.code(), output.any_stdout(), output.stderr())
    };
    let nothing = String::new;
    assert_eq!(seen(&["check", "-q"]), (Some(1), nothing(), nothing()));
    let no_browser = home.opkssh(["ensure", "-q"]).env_remove("BROWSER").run();
    assert_eq!(
        (no_browser.code(), no_browser.any_stdout()),
        (Some(1), nothing())
    );
    let before = status(home);
    assert!(
        before["accounts"].as_array().unwrap().is_empty(),
        "{before}"
    );

    home.opkssh(["login"]).run().stdout();
    assert_eq!(seen(&["check", "-q"]), (Some(0), nothing(), nothing()));
    assert_eq!(
        seen(&["check", "-q", "--for", "8h"]),
        (Some(0), nothing(), nothing())
    );
    assert_eq!(seen(&["ensure", "-q"]), (Some(0), nothing(), nothing()));
    let account = &status(home)["accounts"][0];
    assert_eq!(account["alias"], "test");
    assert_eq!(account["state"], "usable");
    assert_eq!(account["email"], "alice@example.com");
    assert!(
        account["usable_until"].as_i64().unwrap() > 1_700_000_000,
        "{account}"
    );
    assert_eq!(setup.browser.openings(), 1);

    // a shell's variables, and nothing else, on stdout
    let (code, variables, said) = seen(&["agent", "env", "-s"]);
    assert_eq!((code, said), (Some(0), nothing()));
    assert!(
        variables
            .lines()
            .all(|line| line.contains("; export SSH_A")),
        "{variables}"
    );

    // mistakes are on stderr, and never look like an answer
    for words in [
        &["check", "--fro", "8h"][..],
        &["nosuch"],
        &["ensure", "a", "b"],
    ] {
        let (code, out, err) = seen(words);
        assert_ne!(code, Some(0), "{words:?}");
        assert_eq!(out, "", "{words:?}");
        assert!(err.starts_with("Error: "), "{words:?}: {err}");
        assert_eq!(err.lines().count(), 2, "{words:?}: {err}");
    }
    assert_eq!(seen(&["logout"]).0, Some(0));
    assert_eq!(seen(&["check", "-q"]).0, Some(1));
}

/// Go's flags with a value, as wrappers of its client write them.
#[test]
fn a_script_for_go_s_client_goes_on_working() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let key = setup.home.dir().join("key");
    let login = setup.home.opkssh([
        "login",
        "--auto-refresh=false",
        "--print-id-token=true",
        "-i",
    ]);
    let login = login.arg(&key).run().stdout();
    assert!(login.contains("alice@example.com"), "{login}");
    let certificate = setup.home.dir().join("key-cert.pub");
    let shown = setup.home.opkssh(["inspect"]).arg(certificate).run();
    assert_eq!(shown.stderr(), "");
    assert!(shown.stdout().contains("alice@example.com"));
    let logout = setup
        .home
        .opkssh(["logout", "--verbose=true", "-i"])
        .arg(&key)
        .run();
    let said = format!("Successfully removed opkssh key pair: {}\n", key.display());
    assert_eq!(logout.stdout(), said);
    assert!(!key.exists());
}
