//! One word before a login ends that only a person can go on with.

use opkssh_test_support::{BrowserMode, Client, Desktop, ProviderOptions, left_out, wait_until};

use super::{BUTTON, PARTS};
use crate::agent::servers::Server;
use crate::setup::{Setup, entry, status, write_config};

/// Two accounts that nothing renews, and that end in a while: what comes before the last half of it
/// has time even where many tests run.
fn setup() -> Setup {
    let clients = ["used-client", "idle-client"].map(Client::public);
    let options = ProviderOptions {
        clients: clients.to_vec(),
        id_token_ttl: 80,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &[]);
    let entries: Vec<String> = ["used", "idle"]
        .into_iter()
        .zip(&clients)
        .map(|(alias, client)| {
            let issuer = setup.provider.issuer();
            entry(alias, issuer, client, &["expiration: oidc"]).replace(" offline_access", "")
        })
        .collect();
    write_config(&setup.home, &entries);
    setup
}

#[test]
fn who_used_it_is_reminded_once() {
    if left_out(&PARTS) {
        return;
    }
    let setup = setup();
    let desktop = Desktop::start(&setup.home);
    let server = Server::ours(&setup.provider, "24h");
    setup.login(&["idle"]);
    setup.login(&["used"]);
    assert_eq!(status(&setup.home)["accounts"][1]["ends_soon"], false);
    // a signature of this account alone
    let key = setup.home.dir().join("used.pub");
    let list = setup.with_agent("ssh-add").arg("-L").run().stdout();
    let line = list.lines().find(|line| line.contains("opkssh used"));
    std::fs::write(&key, line.expect("an identity")).unwrap();
    let ssh = |command: &str| {
        let ssh = server.plain_ssh(&setup.home);
        let ssh = ssh.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&key);
        ssh.arg(command).run()
    };
    assert_eq!(ssh("echo in").stdout(), "in\n");

    let shown = desktop.wait_for(1);
    assert!(
        shown.summary.contains("Your login \"used\" ends"),
        "{shown:?}"
    );
    assert_eq!(setup.browser.openings(), 2);
    // used again: no second one; idle: none, though its end is as near
    assert_eq!(ssh("echo in").stdout(), "in\n");
    let accounts = status(&setup.home)["accounts"].clone();
    assert_eq!(accounts[0]["ends_soon"], true, "{accounts}");
    desktop.click(&shown, BUTTON);
    setup.browser.wait_for(3);
    wait_until("the login is new", || {
        let accounts = status(&setup.home)["accounts"].clone();
        (accounts[1]["ends_soon"] == false).then_some(())
    });
    assert_eq!(desktop.shown().len(), 1);
}

#[test]
fn a_line_on_the_terminal_and_nothing_in_scripts() {
    if left_out(&PARTS) {
        return;
    }
    let setup = setup();
    setup.browser.behave("alice", BrowserMode::Login);
    setup.login(&["used"]);
    wait_until("the end is near", || {
        let accounts = status(&setup.home)["accounts"].clone();
        (accounts[0]["ends_soon"] == true).then_some(())
    });
    let script = setup.home.opkssh(["ensure", "used"]).run();
    assert_eq!(script.stderr(), "");
    let line = format!("{} ensure used", setup.home.binary().display());
    let terminal = setup.home.command("script");
    let terminal = terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let said = terminal.run().stdout();
    assert!(
        said.starts_with("Warning: the login used ends at "),
        "{said}"
    );
    assert!(
        said.contains("hint: log in again: opkssh login used"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
}
