//! `opkssh ensure`.

use opkssh_test_support::{Output, left_out};

use super::{BUTTON, Needy, PARTS};
use crate::setup::Setup;

/// On a terminal, all of whose output is stdout.
fn on_terminal(setup: &Setup, command: &str) -> Output {
    let line = format!("{} {command}", setup.home.binary().display());
    let script = setup.home.command("script");
    script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .run()
}

#[test]
fn what_is_usable_is_said_by_the_exit_status_alone() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let nobody = setup.home.opkssh(["ensure"]).env_remove("BROWSER").run();
    assert_eq!(nobody.code(), Some(1));
    assert!(
        nobody
            .stderr()
            .contains("login needed: nobody is logged in")
    );
    assert!(
        nobody.stderr().contains("opkssh login"),
        "{}",
        nobody.stderr()
    );
    let quiet = setup
        .home
        .opkssh(["ensure", "-q"])
        .env_remove("BROWSER")
        .run();
    assert_eq!((quiet.code(), quiet.stderr()), (Some(1), String::new()));

    setup.login(&[]);
    for args in [
        &["ensure"][..],
        &["ensure", "test"],
        &["ensure", "--host", "h"],
    ] {
        let ready = setup.home.opkssh(args).run();
        assert_eq!(
            (ready.code(), ready.stderr()),
            (Some(0), String::new()),
            "{args:?}"
        );
        assert_eq!(ready.stdout(), "");
    }
    assert_eq!(on_terminal(&setup, "ensure").stdout(), "");
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn a_host_that_no_account_is_meant_for_logs_nobody_in() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::with(Default::default(), &["hosts: [\"*.example.com\"]"]);
    setup.login(&[]);
    let meant = setup.home.opkssh(["ensure", "--host", "a.example.com"]);
    meant.run().stdout();
    let other = on_terminal(&setup, "ensure --host example.org");
    assert_eq!(other.code(), Some(1));
    let said = other.any_stdout();
    assert!(
        said.contains("no account is meant for example.org"),
        "{said}"
    );
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn on_a_terminal_it_logs_in() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&[]);
    let said = on_terminal(&needy.setup, "ensure --host localhost").stdout();
    assert!(said.contains("alice@example.com"), "{said}");
    assert!(needy.desktop.shown().is_empty());
}

#[test]
fn without_a_terminal_it_asks_on_the_desktop() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&[]);
    let ensure = || needy.setup.home.opkssh(["ensure"]);
    let waiting = ensure().start();
    needy.desktop.click(&needy.desktop.wait_for(1), BUTTON);
    waiting.wait().stdout();
    assert_eq!(needy.setup.browser.openings(), 2);
}

#[test]
fn in_a_script_without_a_desktop_it_asks_nobody() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    let ensure = needy.setup.home.opkssh(["ensure", "--host", "localhost"]);
    let refused = ensure.env_remove("BROWSER").run();
    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr().contains("opkssh login test"),
        "{}",
        refused.stderr()
    );
    assert!(needy.desktop.shown().is_empty());
}

/// The block of docs/configuration.md for an OpenSSH before 9.6, which hands what stands for a token
/// to a shell as it is.
#[test]
fn the_documented_match_exec_for_an_older_ssh_has_no_token_and_works() {
    if left_out(&PARTS) {
        return;
    }
    let docs = include_str!("../../../../docs/configuration.md");
    let (_, block) = docs
        .split_once("With an OpenSSH before 9.6")
        .expect("the paragraph");
    let (_, block) = block.split_once("```\n").expect("a block");
    let (block, _) = block.split_once("```\n").expect("the block's end");
    for line in block.lines().filter(|line| line.contains(" exec ")) {
        assert!(!line.contains('%'), "{line}");
    }

    let needy = Needy::new(&["hosts: [localhost]", "on_demand: browser"]);
    needy.admit();
    let home = &needy.setup.home;
    let program = home.binary().display().to_string();
    let config = block.replace("*.example.com", "localhost").replace(
        "\"opkssh ensure -q work\"",
        &format!("\"{program} ensure -q test\""),
    );
    assert!(config.contains(&program), "{config}");
    let config = home.write("ssh_config", config);
    let mut args = needy.server.sshd.ssh_args();
    assert_eq!(args[..2], ["-F", "/dev/null"]);
    args[1] = config.display().to_string();
    let ssh = home.command("ssh").args(args).arg("localhost");
    assert_eq!(ssh.arg("echo in").run().stdout(), "in\n");
    assert_eq!(needy.setup.browser.openings(), 2);
}

#[test]
fn ssh_s_match_exec_makes_the_login_ready() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]", "on_demand: browser"]);
    needy.admit();
    let home = &needy.setup.home;
    let config = format!(
        "Match exec \"{} ensure -q --host %h\"\n IdentityAgent {}\n",
        home.binary().display(),
        crate::setup::agent_socket(home).display()
    );
    let config = home.write("ssh_config", config);
    let mut args = needy.server.sshd.ssh_args();
    assert_eq!(args[..2], ["-F", "/dev/null"]);
    args[1] = config.display().to_string();
    let ssh = home.command("ssh").args(args).arg("localhost");
    assert_eq!(
        ssh.arg("cat").stdin("from stdin\n").run().stdout(),
        "from stdin\n"
    );
    assert_eq!(needy.setup.browser.openings(), 2);
}
