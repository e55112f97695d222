//! What other pages in the browser, and other names of this machine, get from the addresses that
//! a login listens on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use opkssh_test_support::{BrowserMode, Part, Running, left_out};

use crate::setup::{Setup, entry, write_config};

/// Asks the program that listens on `port` of 127.0.0.1 for `target`, in the name of `host`. Gives
/// the status and the whole answer.
pub fn get(port: &str, host: &str, target: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\n{host}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer}")), answer)
}

/// As a header, for [`get`].
pub fn host(name: &str) -> String {
    format!("host: {name}\r\n")
}

#[track_caller]
pub fn cannot_be_framed(answer: &str) {
    let policy = answer
        .lines()
        .find(|line| line.starts_with("content-security-policy: "));
    let policy = policy.unwrap_or_else(|| panic!("no policy in {answer}"));
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

/// A login whose window nobody looks at, the port that it listens on, and its state.
fn waiting(setup: &Setup) -> (Running, String, String) {
    setup.browser.behave("alice", BrowserMode::Ignore);
    let mut login = setup.home.opkssh(["login"]).start();
    let said = login.wait_for("&state=");
    let after = |words: &str| said.split_once(words).expect("an address").1.to_owned();
    let port = after("redirect_uri=http%3A%2F%2Flocalhost%3A");
    let port = port.split('%').next().unwrap().to_owned();
    let state = after("&state=");
    let state = state.split(['&', '\n']).next().unwrap().to_owned();
    (login, port, state)
}

#[test]
fn a_callback_under_another_name_is_refused_and_the_login_goes_on() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let (mut login, port, state) = waiting(&setup);
    let right = format!("localhost:{port}");
    // with the right state, which such a page cannot know
    let target = format!("/login-callback?error=access_denied&state={state}");
    for wrong in [
        host("attacker.example"),
        host(&format!("attacker.example:{port}")),
        host(&format!("127.0.0.1:{port}")),
        host("localhost"),
        String::new(),
        host(&right) + &host(&right),
    ] {
        let (status, _) = get(&port, &wrong, &target);
        assert!([400, 421].contains(&status), "{status} for {wrong:?}");
        assert!(!login.has_ended(), "{wrong:?}");
    }
    let (status, page) = get(&port, &host(&right), "/login-callback?state=another");
    assert_eq!(status, 400);
    assert!(page.contains("Not the answer"), "{page}");
    cannot_be_framed(&page);
    // and this is where it was listening
    let (_, page) = get(&port, &host(&right), &target);
    assert!(page.contains("Login failed"), "{page}");
    login.wait().refused();
}

#[test]
fn behind_a_machine_that_passes_requests_on_its_name_counts_too() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let port = opkssh_test_support::free_port().to_string();
    let client = setup.provider.client();
    let entry = entry("test", setup.provider.issuer(), client, &[]);
    let (before, _) = entry.split_once("http://localhost:").unwrap();
    let config = format!("{before}http://localhost:{port}/login-callback\n");
    write_config(&setup.home, &[config]);
    let remote = "https://relay.example.com/login-callback";
    let login = setup
        .home
        .opkssh(["login", "--remote-redirect-uri", remote]);
    let mut login = login.start();
    login.wait_for("&state=");
    for (name, expected) in [
        ("attacker.example".to_owned(), 421),
        ("relay.example.com".to_owned(), 400),
        (format!("127.0.0.1:{port}"), 400),
    ] {
        let (status, page) = get(&port, &host(&name), "/login-callback?state=another");
        assert_eq!(status, expected, "{name}: {page}");
    }
    login.kill();
}

#[test]
fn a_callback_address_that_nothing_listens_on_is_refused_at_once() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let entry = entry(
        "test",
        setup.provider.issuer(),
        setup.provider.client(),
        &[],
    );
    for address in ["127.0.0.2", "[::ffff:127.0.0.1]"] {
        let entry = entry.replace("localhost", address);
        let issuer = setup.provider.issuer();
        let entry = entry.replace(&issuer.replace("localhost", address), issuer);
        write_config(&setup.home, &[entry]);
        let refused = setup.home.opkssh(["login"]).run().refused();
        assert!(refused.contains("redirect URI"), "{refused}");
        assert!(refused.contains("`redirect_uris:`"), "{refused}");
    }
    assert_eq!(setup.browser.openings(), 0);
}
