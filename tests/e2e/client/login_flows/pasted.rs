//! The browser is on another machine: the person brings the address where it ended.

use opkssh_test_support::{BrowserMode, Client, Part, ProviderOptions, Run, left_out};

use crate::setup::{Setup, status};

/// A setup whose browser is elsewhere, and `opkssh login` with these arguments at the end of an ssh
/// session.
fn far_away(setup: &Setup, args: &[&str]) -> Run {
    setup.browser.behave("alice", BrowserMode::Elsewhere);
    setup
        .home
        .opkssh(["login"].iter().chain(args))
        .env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
}

#[test]
fn the_address_is_pasted_where_the_login_waits() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let (mut login, mut keyboard) = far_away(&setup, &[]).start_on_terminal();
    login.wait_for("copy the address of that page and paste it here");
    let ended = setup.browser.wait_for(1);
    assert!(
        ended.final_url.starts_with("http://localhost:"),
        "{ended:?}"
    );

    keyboard.type_line("where do I paste?");
    login.wait_for("not the answer to a login");
    let (_, state) = ended.final_url.split_once("state=").unwrap();
    let state = state.split('&').next().unwrap();
    keyboard.type_line(&ended.final_url.replace(state, "another"));
    login.wait_for("no login waits for this answer");
    assert_eq!(setup.provider.asked("authorization_code"), 0);
    assert!(!login.has_ended());

    keyboard.type_line(&ended.final_url);
    let said = login.wait().stdout();
    assert!(said.contains("In the agent as \"test\""), "{said}");
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
}

#[test]
fn a_redirect_uri_on_another_machine_is_the_same_to_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    const REMOTE: &str = "https://relay.example.com/login-callback";
    let client = Client {
        redirect_uris: vec![REMOTE.to_owned()],
        ..Client::public("far-client")
    };
    let options = ProviderOptions {
        clients: vec![client],
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &[]);
    let login = far_away(&setup, &["--remote-redirect-uri", REMOTE]);
    let (mut login, mut keyboard) = login.start_on_terminal();
    login.wait_for("paste it here");
    let ended = setup.browser.wait_for(1);
    assert!(ended.final_url.starts_with(REMOTE), "{ended:?}");
    // the query is enough
    let (_, query) = ended.final_url.split_once('?').unwrap();
    keyboard.type_line(query);
    login.wait().stdout();
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
}

#[test]
fn another_command_brings_it_to_a_login_without_a_terminal() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let login = far_away(&setup, &[]).start();
    let ended = setup.browser.wait_for(1);
    let bring = |text: &str| {
        let bring = setup.home.opkssh(["login", "--redirected"]);
        bring.stdin(format!("{text}\n")).run()
    };
    let refused = bring("http://localhost:1/?code=a&state=b").refused();
    assert!(refused.contains("no login waits for this"), "{refused}");
    let refused = bring("").refused();
    assert!(refused.contains("code= and state="), "{refused}");

    let said = bring(&ended.final_url).stdout();
    assert_eq!(said, "The waiting login continues.\n");
    let said = login.wait().stdout();
    assert!(!said.contains("paste it here"), "no terminal: {said}");
    // its code was good for once
    let refused = bring(&ended.final_url).refused();
    assert!(refused.contains("no login waits for this"), "{refused}");
}

#[test]
fn what_is_piped_to_a_login_is_not_read() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let script = "opkssh login >&2 && cat";
    let script = setup
        .home
        .command("sh")
        .args(["-c", &script.replace("opkssh", crate::setup::OPKSSH)]);
    let said = script.stdin("for cat\n").run().stdout();
    assert_eq!(said, "for cat\n");
}

#[test]
fn key_files_are_written_after_a_pasted_address_too() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let (mut login, mut keyboard) = far_away(&setup, &["-p"]).start_on_terminal();
    login.wait_for("paste it here");
    let ended = setup.browser.wait_for(1);
    keyboard.type_line("http://localhost/?code=a&state=b");
    login.wait_for("no login waits for this answer");
    keyboard.type_line(&ended.final_url);
    let said = login.wait().stdout();
    assert!(said.contains("-cert-v01@openssh.com "), "{said}");
}

#[test]
fn what_ssh_will_read_is_not_asked_for() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.browser.behave("alice", BrowserMode::Elsewhere);
    let ssh = setup.home.opkssh(["ssh", "--account", "test"]);
    let ssh = ssh.args(["-F", "none", "-o", "ProxyCommand=false", "localhost"]);
    let ssh = ssh.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    let (mut ssh, _keyboard) = ssh.start_on_terminal();
    let said = ssh.wait_for("in another terminal: opkssh login --redirected");
    assert!(!said.contains("paste it here"), "{said}");
    let ended = setup.browser.wait_for(1);
    let bring = setup.home.opkssh(["login", "--redirected"]);
    bring.stdin(ended.final_url + "\n").run().stdout();
    // ssh has nowhere to go
    assert!(!ssh.wait().success());
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
}
