//! What is wrong with the configuration.

use std::fs;

use opkssh_test_support::{Home, Part, ProviderOptions, left_out};

use crate::setup::{OPKSSH, Setup, status};

#[test]
fn an_unknown_key_is_warned_of_at_the_login_and_in_status() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &["host: [localhost]"]);
    let warning = "unknown key host is ignored; did you mean hosts?";
    let stopped = setup.home.opkssh(["status"]).run().stdout();
    assert!(stopped.contains(warning), "{stopped}");
    let log_dir = setup.home.dir().display().to_string();
    let login = setup.home.opkssh(["login", "--log-dir", &log_dir]).run();
    let said = login.stderr();
    assert!(said.starts_with("Warning: "), "{said}");
    assert!(said.contains(warning), "{said}");
    assert!(said.contains(".opk/config.yml:"), "{said}");
    let answer = login.stdout();
    assert!(!answer.contains("Warning"), "{answer}");
    let logged = fs::read_to_string(setup.home.dir().join("opkssh.log")).unwrap();
    assert!(logged.contains(warning), "{logged}");
    let notices = status(&setup.home)["notices"].to_string();
    assert!(notices.contains(warning), "{notices}");

    let file = setup.home.dir().join(".opk/config.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("host:", "hosts:")).unwrap();
    assert_eq!(status(&setup.home)["notices"], serde_json::json!([]));
}

#[test]
fn a_broken_configuration_is_named_whether_the_agent_runs_or_not() {
    let home = Home::new(OPKSSH);
    let file = home.write(".opk/config.yml", "agent:\n  lock_on: screen\n");
    let wrong = format!(
        "{}:2: lock_on must be a list, e.g. [screen, sleep]",
        file.display()
    );
    let shown = || home.opkssh(["status"]).run().stdout();
    for running in [false, true] {
        let text = shown();
        assert_eq!(text.contains("running since"), running, "{text}");
        assert!(text.contains("\nNotices\n"), "{text}");
        assert!(text.contains(&wrong), "{text}");
        assert!(status(&home)["notices"].to_string().contains(&wrong));
        home.opkssh(["agent", "start"]).run().stdout();
    }
    home.opkssh(["agent", "stop"]).run().stdout();
    fs::write(&file, "agent:\n  lock_on: [screen]\n").unwrap();
    assert!(!shown().contains("Notices"));
}
