//! What a script relies on: exit status, streams, JSON.

use opkssh_test_support::{Home, Output, Part, ProviderOptions, left_out};
use serde_json::{Value, json};

use crate::setup::{OPKSSH, Setup, status};

/// The one JSON value on stdout, of a command that ended with this status.
#[track_caller]
fn answer(output: &Output, code: i32) -> Value {
    assert_eq!(output.code(), Some(code), "{}", output.stderr());
    let text = output.any_stdout();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

const NO_SUCH_ACCOUNT: &str = "there is no account nosuch, nor a provider of that name";

#[test]
fn check_and_ensure_say_yes_no_or_that_they_could_not_find_out() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.home.unset("BROWSER");
    let run = |args: &[&str]| setup.home.opkssh(args).run();
    let nobody = json!({
        "usable": false,
        "reason": "login needed: nobody is logged in",
        "hint": "log in: opkssh login",
        "account": null,
        "key_file": null,
    });
    // there is nothing that an agent could find out
    assert_eq!(answer(&run(&["check", "--json"]), 1), nobody);
    assert_eq!(status(&setup.home)["agent"], Value::Null);
    let no = answer(&run(&["check", "nosuch", "--json"]), 1);
    assert_eq!(no["reason"], NO_SUCH_ACCOUNT);
    let no = answer(&run(&["check", "test", "--json"]), 1);
    assert_eq!(no["hint"], "log in: opkssh login test");
    for command in ["check", "ensure"] {
        assert_eq!(answer(&run(&[command, "--json"]), 1), nobody);
        assert_eq!(run(&[command, "--json"]).stderr(), "");
        let quiet = run(&[command, "-q"]);
        assert_eq!(quiet.code(), Some(1));
        assert_eq!((quiet.any_stdout(), quiet.stderr()), Default::default());
    }
    let (line, hint) = (
        "login needed: nobody is logged in\n",
        "hint: log in: opkssh login\n",
    );
    let check = run(&["check"]);
    assert_eq!(
        (check.any_stdout().as_str(), check.stderr().as_str()),
        (line, hint)
    );
    let ensure = run(&["ensure"]);
    assert_eq!(
        (ensure.any_stdout().as_str(), ensure.stderr().as_str()),
        ("", format!("{line}{hint}").as_str())
    );

    setup.home.set("BROWSER", setup.browser.launcher());
    setup.login(&[]);
    for command in ["check", "ensure"] {
        let said = run(&[command, "--json"]);
        let yes = answer(&said, 0);
        assert_eq!(said.stderr(), "");
        assert_eq!((&yes["usable"], &yes["hint"]), (&json!(true), &Value::Null));
        assert_eq!(yes["account"], status(&setup.home)["accounts"][0]);
        let no = answer(&run(&[command, "nosuch", "--json"]), 1);
        assert_eq!(no["reason"], NO_SUCH_ACCOUNT);
        let hint = "show the accounts: opkssh status; providers to log in at: test";
        assert_eq!(no["hint"], hint);
        assert_eq!(no["account"], Value::Null);
    }

    let locked = setup.home.opkssh(["agent", "lock"]).stdin("password").run();
    locked.stdout();
    for command in ["check", "ensure"] {
        let said = run(&[command, "--json"]);
        let unknown = answer(&said, 3);
        assert_eq!(unknown["usable"], Value::Null);
        assert_eq!(unknown["reason"], "the agent is locked");
        assert_eq!(unknown["hint"], "unlock it: opkssh agent unlock");
        let words = "Error: the agent is locked\nhint: unlock it: opkssh agent unlock\n";
        assert_eq!(said.stderr(), words);
        let quiet = run(&[command, "-q"]);
        assert_eq!(quiet.code(), Some(3));
        assert_eq!((quiet.any_stdout(), quiet.stderr()), Default::default());
    }
}

#[test]
fn a_wrong_command_line_has_a_status_of_its_own_except_where_go_has_the_command() {
    let home = Home::new(OPKSSH);
    for (line, words) in [
        ("check --nosuch", "unknown flag: --nosuch"),
        (
            "check --for soon",
            "use e.g. 30m, 8h, 1h30m or 7d, at least 1s",
        ),
        (
            "check --for 0s",
            "use e.g. 30m, 8h, 1h30m or 7d, at least 1s",
        ),
        ("check a --host b", "cannot be used with"),
        ("check -q --json", "cannot be used with"),
        ("ensure a b", "too many arguments"),
        ("agent start --store nowhere", "nowhere"),
        ("status x", "too many arguments"),
    ] {
        let misused = home.opkssh(line.split(' ')).run();
        assert_eq!(misused.any_stdout(), "");
        let said = misused.misused();
        assert!(said.contains(words), "{line}: {said}");
    }
    for args in [["check", ""], ["ensure", ""], ["check", "--host="]] {
        let said = home.opkssh(args).run().misused();
        assert!(said.contains("a value is required"), "{args:?}: {said}");
    }
    for line in [
        "login --nosuch",
        "login --timeout 11m",
        "logout --nosuch",
        "inspect",
        "frobnicate",
    ] {
        home.opkssh(line.split(' ')).run().refused();
    }
}

#[test]
fn a_login_prints_one_json_value_and_the_rest_on_stderr() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = setup.home.opkssh(["login", "--json"]).run();
    let done = answer(&said, 0);
    assert_eq!(done["usable"], true);
    assert_eq!(done["reason"], "alice@example.com is logged in as test");
    assert_eq!(done["account"], status(&setup.home)["accounts"][0]);
    let rest = said.stderr();
    assert!(rest.contains("Opening browser to https://"), "{rest}");

    let key = setup.home.dir().join("key");
    let to_file = ["login", "--json", "-i", "key"];
    let done = answer(&setup.home.opkssh(to_file).run(), 0);
    assert_eq!(done["account"], Value::Null);
    assert_eq!(done["key_file"], "key");
    assert!(key.exists());

    let failed = setup.home.opkssh(["login", "nosuch", "--json"]).run();
    let no = answer(&failed, 1);
    assert_eq!(no["usable"], false);
    assert_eq!(
        no["reason"],
        "error getting provider config for alias nosuch"
    );
    assert!(failed.stderr().contains("Error: error getting"));
    assert!(no["hint"].as_str().unwrap().contains("known aliases: test"));
}

#[test]
fn login_p_prints_nothing_but_keys_on_stdout() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = setup.home.opkssh(["login", "-p", "-v"]).run();
    let keys = said.stdout();
    assert!(
        keys.starts_with("ecdsa-sha2-nistp256-cert-v01@openssh.com "),
        "{keys}"
    );
    assert!(
        keys.ends_with("\n-----END OPENSSH PRIVATE KEY-----\n\n"),
        "{keys}"
    );
    let rest = said.stderr();
    for words in ["Opening browser to", "alice@example.com", "opkssh-wildcard"] {
        assert!(rest.contains(words), "no {words:?} in {rest}");
    }
}

#[test]
fn inspect_reads_stdin_prints_json_and_names_a_file_that_is_not_there() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let line = setup.certificate();
    let inspect = |args: &[&str]| setup.home.opkssh(["inspect"].iter().chain(args));
    let piped = inspect(&["-"]).stdin(line.clone()).run().stdout();
    assert_eq!(piped, inspect(&[&line]).run().stdout());
    let shown: Value = serde_json::from_str(&inspect(&["--json", &line]).run().stdout()).unwrap();
    let certificate = &shown["certificate"];
    assert_eq!(shown["type"], "ecdsa-sha2-nistp256-cert-v01@openssh.com");
    assert_eq!(
        shown["fingerprint"],
        status(&setup.home)["accounts"][0]["fingerprint"]
    );
    assert_eq!(certificate["kind"], "user");
    assert_eq!(certificate["principals"], json!(["opkssh-wildcard"]));
    assert_eq!(
        certificate["pk_token"]["claims"]["email"],
        "alice@example.com"
    );
    assert_eq!(certificate["extensions"]["permit-pty"], "");
    assert_eq!(certificate["extensions"]["openpubkey-pkt"], Value::Null);

    let refused = inspect(&["nosuch-file"]).run().refused();
    let words =
        "Error: failed to parse SSH key: ssh: no key found: there is no file \"nosuch-file\"\n";
    assert!(refused.starts_with(words), "{refused}");
    let refused = inspect(&["--json", "-"]).stdin("no key").run();
    let failed: Value = serde_json::from_str(&refused.any_stdout()).unwrap();
    assert_eq!(
        failed["reason"],
        "failed to parse SSH key: ssh: no key found"
    );
    assert!(failed["hint"].as_str().unwrap().contains("opkssh inspect "));
    let refused = refused.refused();
    assert!(refused.contains("ssh: no key found\n"), "{refused}");
}

#[test]
fn what_hangs_is_not_waited_for_for_long() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        id_token_ttl: 14,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["expiration: oidc"]);
    setup.login(&[]);
    setup.provider.hold("/token");
    let run = |args: &[&str]| setup.home.opkssh(args).run();
    opkssh_test_support::wait_until("the account is stale", || {
        (status(&setup.home)["accounts"][0]["state"] == "stale").then_some(())
    });
    let unknown = answer(&run(&["check", "--json"]), 3);
    let reason = unknown["reason"].as_str().unwrap();
    assert!(reason.contains("provider"), "{reason}");
    setup.provider.release("/token");
}

#[test]
fn a_check_for_longer_than_a_token_says_on_what_it_relies() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let relies =
        ", beyond that if the agent runs and the provider goes on renewing; renews by itself";
    let said = setup.home.opkssh(["check", "--for", "48h"]).run().stdout();
    assert!(said.contains(relies), "{said}");
    let said = setup.home.opkssh(["check", "--for", "1h"]).run().stdout();
    assert!(!said.contains("beyond"), "{said}");
}

#[test]
fn the_agent_s_commands_say_what_they_did_in_json() {
    let home = Home::new(OPKSSH);
    let run = |words: &[&str]| {
        let command = home.opkssh(["agent"]).args(words).arg("--json");
        command.stdin("password\n").run()
    };
    let done = |words: &[&str], reason: &str| {
        let said = answer(&run(words), 0);
        assert_eq!((&said["done"], &said["hint"]), (&json!(true), &Value::Null));
        let found = said["reason"].as_str().unwrap();
        assert!(found.starts_with(reason), "{words:?}: {found}");
        said["agent"].clone()
    };
    assert_eq!(done(&["stop"], "The agent is not running."), Value::Null);
    let started = done(&["start"], "The agent runs: version ");
    assert_eq!(started, status(&home)["agent"]);
    let restarted = done(&["restart"], "The agent has restarted: version ");
    assert_ne!(restarted["pid"], started["pid"]);

    let locked = done(&["lock"], "The agent is locked.");
    assert_eq!(locked["locked"], json!(["agent"]));
    let again = run(&["lock"]);
    let refused = answer(&again, 1);
    assert_eq!(refused["done"], false);
    assert_eq!(refused["reason"], "the agent is locked already");
    assert_eq!(refused["hint"], "unlock it: opkssh agent unlock");
    let words = "Error: the agent is locked already\nhint: unlock it: opkssh agent unlock\n";
    assert_eq!(again.stderr(), words);
    let unlocked = done(&["unlock"], "The agent is unlocked.");
    assert_eq!(unlocked["locked"], json!([]));
    assert_eq!(done(&["stop"], "The agent has stopped."), Value::Null);
}
