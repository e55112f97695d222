//! ssh needs an account that only a person can make usable: the daemon asks once.

mod audited;
mod ensure;
mod quiet;
mod reminder;

use opkssh_test_support::{
    BrowserMode, Desktop, Part, ProviderOptions, Running, left_out, wait_until, write_program,
};

use crate::agent::servers::Server;
use crate::setup::{Setup, entry, status, write_config};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];
const BUTTON: &str = "Log in";
/// Seconds that the ID token of a login counts which has to end soon: long enough for a login on a
/// busy machine.
const SHORT: u32 = 4;

/// alice logged in, and her login has ended. The server lets her in from [`Needy::admit`] on.
struct Needy {
    desktop: Desktop,
    server: Server,
    rules: String,
    setup: Setup,
}

impl Needy {
    /// The daemon was started without a desktop, and knows of it by its clients.
    fn new(lines: &[&str]) -> Self {
        let options = ProviderOptions {
            id_token_ttl: SHORT,
            ..ProviderOptions::default()
        };
        let setup = Setup::with(options, &[]);
        configure(&setup, lines);
        let start = setup.home.opkssh(["agent", "start"]);
        start.env_remove("BROWSER").run().stdout();
        let desktop = Desktop::start(&setup.home);
        let server = Server::ours(&setup.provider, "24h");
        setup.knows(&[&server.sshd]);
        let rules = std::fs::read_to_string(server.etc.dir().join("auth_id")).unwrap();
        server.etc.write("auth_id", "");
        setup.login(&[]);
        end_login(&setup);
        Self {
            rules,
            desktop,
            server,
            setup,
        }
    }

    /// Before, ssh ends with "Permission denied".
    fn admit(&self) {
        self.server.etc.write("auth_id", &self.rules);
    }

    fn ssh(&self) -> Running {
        let ssh = self.server.plain_ssh(&self.setup.home);
        ssh.arg("echo in").start()
    }
}

/// Writes the account's configuration anew.
fn configure(setup: &Setup, lines: &[&str]) {
    let lines = [&["expiration: oidc"], lines].concat();
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
    write_config(&setup.home, &[entry("test", issuer, client, &lines)]);
}

/// Waits for the end of a login whose ID token is [`SHORT`]; the next one lasts.
fn end_login(setup: &Setup) {
    setup.provider.revoke("alice");
    wait_until("the login has ended", || is_needed(setup));
    setup.provider.set_id_token_ttl(3600);
}

fn is_needed(setup: &Setup) -> Option<()> {
    let state = status(&setup.home)["accounts"][0]["state"].clone();
    (state == "login-needed").then_some(())
}

#[test]
fn one_click_logs_everybody_in() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    let mut waiting: Vec<_> = (0..3).map(|_| needy.ssh()).collect();
    let shown = needy.desktop.wait_for(1);
    assert!(shown.summary.contains("\"test\""), "{shown:?}");
    assert!(shown.body.contains("opkssh login test"), "{shown:?}");
    for ssh in &mut waiting {
        assert!(!ssh.has_ended());
    }
    assert_eq!(needy.setup.browser.openings(), 1, "the first");
    needy.admit();
    needy.desktop.click(&shown, BUTTON);
    for ssh in waiting {
        assert_eq!(ssh.wait().stdout(), "in\n");
    }
    assert_eq!(needy.setup.browser.openings(), 2);
    assert_eq!(needy.setup.provider.authorizations(), 2);
    assert_eq!(needy.desktop.shown().len(), 1);
}

#[test]
fn a_login_elsewhere_answers_the_question() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    let ssh = needy.ssh();
    let shown = needy.desktop.wait_for(1);
    needy.admit();
    needy.setup.login(&[]);
    assert_eq!(ssh.wait().stdout(), "in\n");
    needy.desktop.wait_for_close(shown.id);
    assert_eq!(needy.desktop.shown().len(), 1);
}

#[test]
fn under_systemd_the_browser_is_started_outside_of_the_sandbox() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]", "on_demand: browser"]);
    needy.admit();
    let home = &needy.setup.home;
    home.opkssh(["agent", "stop", "--force"]).run().stdout();
    // notes what it was told, and does it
    let note = home.dir().join("systemd-run.words");
    let script = format!(
        "#!/bin/sh\necho \"$*\" > {}\nfor word; do\n case $word in\n --setenv=*) export \
         \"${{word#--setenv=}}\";;\n --) shift; exec \"$@\";;\n esac\n shift\ndone\n",
        note.display()
    );
    write_program(&home.dir().join("bin/systemd-run"), script);
    let path = home.var("PATH").expect("a path");
    let path = format!("{}:{}", home.dir().join("bin").display(), path.display());
    // memory is lost with the first daemon; this one logs in anew
    let daemon = home.opkssh(["agent", "run"]);
    let daemon = daemon.env("INVOCATION_ID", "0123").env("PATH", path);
    let mut daemon = daemon.env_remove("BROWSER").start();
    daemon.wait_for("SSH_AUTH_SOCK");
    needy.setup.provider.set_id_token_ttl(SHORT);
    needy.setup.login(&[]);
    end_login(&needy.setup);
    assert_eq!(needy.ssh().wait().stdout(), "in\n");
    let words = std::fs::read_to_string(note).unwrap();
    assert!(words.starts_with("--user "), "{words}");
    assert!(words.contains(" --setenv=BROWSER="), "{words}");
}

#[test]
fn a_dismissed_question_is_not_asked_again() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    let waiting: Vec<_> = (0..3).map(|_| needy.ssh()).collect();
    let shown = needy.desktop.wait_for(1);
    needy.desktop.dismiss(&shown);
    for ssh in waiting {
        let refused = ssh.wait();
        assert!(refused.stderr().contains("Permission denied"));
    }
    // whoever asks in a loop
    for _ in 0..5 {
        let refused = needy.ssh().wait();
        assert!(refused.stderr().contains("Permission denied"));
    }
    assert_eq!(needy.desktop.shown().len(), 1);
    assert_eq!(needy.setup.browser.openings(), 1, "the first");
    // the person may log in at any time
    needy.admit();
    needy.setup.login(&[]);
    assert_eq!(needy.ssh().wait().stdout(), "in\n");
}

#[test]
fn a_login_that_is_cancelled_in_the_browser_is_a_no() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    needy.setup.browser.behave("alice", BrowserMode::Deny);
    let ssh = needy.ssh();
    needy.desktop.click(&needy.desktop.wait_for(1), BUTTON);
    assert!(ssh.wait().stderr().contains("Permission denied"));
    let notices = status(&needy.setup.home)["notices"].to_string();
    assert!(notices.contains("the login for test failed"), "{notices}");
    assert!(!needy.ssh().wait().success());
    assert_eq!(needy.desktop.shown().len(), 1);
    assert_eq!(needy.setup.browser.openings(), 2);
}

#[test]
fn the_browser_is_opened_at_once_where_that_is_configured() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]", "on_demand: browser"]);
    needy.admit();
    let waiting: Vec<_> = (0..3).map(|_| needy.ssh()).collect();
    for ssh in waiting {
        assert_eq!(ssh.wait().stdout(), "in\n");
    }
    assert_eq!(needy.setup.browser.openings(), 2);
    assert!(needy.desktop.shown().is_empty());
}

#[test]
fn after_a_login_that_came_of_it_nobody_is_asked_again_for_a_while() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]", "on_demand: browser"]);
    needy.admit();
    // as short as a login may be that ssh uses, too
    needy.setup.provider.set_id_token_ttl(2 * SHORT);
    assert_eq!(needy.ssh().wait().stdout(), "in\n");
    end_login(&needy.setup);
    needy.server.etc.write("auth_id", "");
    for _ in 0..3 {
        assert!(!needy.ssh().wait().success());
    }
    assert_eq!(needy.setup.browser.openings(), 2);

    // who logs in by a command is there
    needy.setup.provider.set_id_token_ttl(SHORT);
    needy.setup.login(&[]);
    end_login(&needy.setup);
    needy.admit();
    assert_eq!(needy.ssh().wait().stdout(), "in\n");
    assert_eq!(needy.setup.browser.openings(), 4);
}
