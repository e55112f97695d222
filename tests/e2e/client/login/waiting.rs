//! A login waits for a person: nobody else has to, and it can be called off.

use std::net::TcpListener;

use opkssh_test_support::{
    BrowserMode, Client, Part, ProviderOptions, Running, Signal, left_out, wait_until,
};

use crate::setup::{Setup, entry, status, write_config};

/// One provider with two clients, each an account of its own.
fn two_accounts() -> Setup {
    let clients = [
        Client::public("slow-client"),
        Client::public("quick-client"),
    ];
    let setup = Setup::with(
        ProviderOptions {
            clients: clients.to_vec(),
            ..ProviderOptions::default()
        },
        &[],
    );
    let entries: Vec<String> = ["slow", "quick"]
        .into_iter()
        .zip(&clients)
        .map(|(alias, client)| entry(alias, setup.provider.issuer(), client, &[]))
        .collect();
    write_config(&setup.home, &entries);
    setup
}

/// A login whose window is open and whose person looks elsewhere; and its redirect port.
fn waiting_login(setup: &Setup) -> (Running, u16) {
    setup.browser.behave("alice", BrowserMode::Ignore);
    let login = setup.home.opkssh(["login", "slow"]).start();
    wait_until("the window is open", || {
        (setup.browser.openings() == 1).then_some(())
    });
    let url = setup.browser.opened().remove(0);
    let (_, rest) = url.split_once("localhost%3A").expect("a redirect port");
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    setup.browser.behave("alice", BrowserMode::Login);
    (login, port.parse().expect("a port"))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[test]
fn others_are_answered_while_a_login_waits() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = two_accounts();
    let (mut login, _) = waiting_login(&setup);
    assert_eq!(
        status(&setup.home)["accounts"].as_array().map(Vec::len),
        Some(0)
    );
    setup.login(&["quick"]);
    let list = setup.with_agent("ssh-add").arg("-l").run().stdout();
    assert!(list.contains("opkssh quick alice@example.com"), "{list}");
    setup.home.opkssh(["check", "quick"]).run().stdout();
    assert!(!login.has_ended());

    // and the one that waited is not the worse for it
    let url = setup.browser.opened().remove(0);
    setup
        .home
        .command(setup.browser.launcher())
        .arg(url)
        .run()
        .stdout();
    login.wait().stdout();
    assert_eq!(
        status(&setup.home)["accounts"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn an_interrupt_ends_the_login_in_the_agent_too() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = two_accounts();
    let (mut login, port) = waiting_login(&setup);
    assert!(!is_free(port), "the login listens for the browser");
    login.signal(Signal::INT);
    assert!(!login.wait().success());
    wait_until("the redirect port is free", || is_free(port).then_some(()));

    // whoever comes back from the provider now finds nobody, and nothing is held
    let url = setup.browser.opened().remove(0);
    let late = setup.home.command(setup.browser.launcher()).arg(url).run();
    assert!(!late.success(), "nobody listens any more");
    assert_eq!(setup.provider.asked("authorization_code"), 0);
    assert_eq!(
        status(&setup.home)["accounts"].as_array().map(Vec::len),
        Some(0)
    );

    // the next login may have the port
    setup.login(&["slow"]);
}

#[test]
fn an_interrupt_ends_a_login_into_files() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = two_accounts();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let key = setup.home.dir().join("key");
    let mut login = setup.home.opkssh(["login", "slow", "-i"]).arg(&key).start();
    login.wait_for("Opening browser to ");
    login.signal(Signal::INT);
    assert!(!login.wait().success());
    assert!(!key.exists());
}

#[test]
fn two_logins_cannot_have_one_port_and_the_second_says_so() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = two_accounts();
    let (mut login, port) = waiting_login(&setup);
    // another key type makes it another login
    let other = ["login", "slow", "--key-type", "ed25519"];
    let refused = setup.home.opkssh(other).run().refused();
    assert!(
        refused.contains(&format!("all of the redirect ports are busy: {port}")),
        "{refused}"
    );
    assert!(refused.contains("end the other login"), "{refused}");
    assert!(!login.has_ended());
    login.kill();
}

#[test]
fn a_token_endpoint_that_is_slow_for_one_login_is_not_for_the_others() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = two_accounts();
    setup.login(&["quick"]);
    setup.provider.hold("/token");
    let login = setup.home.opkssh(["login", "slow"]).start();
    let tokens = || setup.provider.requests("/token");
    // code and first refresh of the one, code of the other
    wait_until("the login is at the token endpoint", || {
        (tokens() == 3).then_some(())
    });
    setup.home.opkssh(["check", "quick"]).run().stdout();
    let list = setup.with_agent("ssh-add").arg("-l").run().stdout();
    assert_eq!(list.lines().count(), 1, "{list}");
    assert_eq!(setup.provider.release("/token"), 1);
    login.wait().stdout();
}
