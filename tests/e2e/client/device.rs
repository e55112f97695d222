//! `opkssh login --device`: the person logs in on another device, with a code (RFC 8628).

use opkssh_test_support::{
    BrowserMode, Client, Part, ProviderOptions, Running, Signal, left_out, wait_until,
};

use crate::setup::{Setup, entry, status};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A provider that can be used this way.
fn with_nonce() -> ProviderOptions {
    ProviderOptions {
        nonce_in_device_flow: true,
        device_poll_interval: Some(1),
        ..ProviderOptions::default()
    }
}

/// A login that shows its code, what it said, and the address with the code in it.
fn waiting_login(setup: &Setup, args: &[&str]) -> (Running, String, String) {
    let args = ["login", "--device"].iter().chain(args);
    let mut login = setup.home.opkssh(args).start();
    let said = login.wait_for("The code is valid for ");
    let address = said
        .lines()
        .find_map(|line| line.strip_prefix("Or open this, with the code in it: "))
        .unwrap_or_else(|| panic!("no address in {said}"))
        .to_owned();
    (login, said, address)
}

/// The other device, with the person at it.
fn open(setup: &Setup, address: &str) {
    let browser = setup.home.command(setup.browser.launcher()).arg(address);
    browser.run().stdout();
}

fn accounts(setup: &Setup) -> usize {
    status(&setup.home)["accounts"].as_array().unwrap().len()
}

#[test]
fn shows_a_code_and_logs_in_when_the_person_is_done_elsewhere() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    let (login, said, address) = waiting_login(&setup, &[]);
    let page = format!("{}/device", setup.provider.issuer());
    assert!(said.contains(&format!("browser, open {page}\n")), "{said}");
    let (_, code) = address.split_once("?user_code=").expect("a code");
    assert!(
        said.contains(&format!("and enter the code: {code}\n")),
        "{said}"
    );
    assert!(said.contains("The code is valid for 10 minutes."), "{said}");
    assert!(!said.contains("Opening browser"), "{said}");
    assert!(
        !said.contains('\u{1b}'),
        "no picture where there is no terminal"
    );
    assert_eq!(setup.browser.openings(), 0, "the browser is elsewhere");

    open(&setup, &address);
    let said = login.wait().stdout();
    assert!(said.contains("alice@example.com alice "), "{said}");
    assert!(said.contains("; renews by itself."), "{said}");
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
    assert!(setup.certificate().contains("-cert-v01@openssh.com"));
    assert_eq!(setup.provider.granted(GRANT), 1);
    assert_eq!(setup.provider.authorizations(), 0);
}

#[test]
fn on_a_terminal_a_picture_comes_first_where_it_fits() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    let program = crate::setup::OPKSSH;
    for (rows, is_drawn) in [(60, true), (24, false)] {
        let line = format!("stty rows {rows} cols 100; exec '{program}' login --device");
        let script = setup.home.command("script");
        let mut login = script.args(["-qec", &line, "/dev/null"]).start();
        let said = login.wait_for("The code is valid for ");
        let (above, below) = said.split_once("On any device").expect("the address");
        assert_eq!(above.contains("\u{1b}[30;47m"), is_drawn, "{rows}: {said}");
        assert!(!below.contains("\u{1b}[30;47m"), "{said}");
        login.kill();
    }
}

#[test]
fn a_client_with_a_secret_authenticates_as_it_was_registered() {
    if left_out(&[Part::Provider]) {
        return;
    }
    for method in ["client_secret_post", "client_secret_basic"] {
        let options = ProviderOptions {
            clients: vec![Client::secret("with-secret", "the-secret-of-it", method)],
            strict_client_auth: true,
            ..with_nonce()
        };
        let setup = Setup::with(options, &[]);
        let (login, _, address) = waiting_login(&setup, &[]);
        open(&setup, &address);
        login.wait().stdout();
    }
}

#[test]
fn goes_into_files_too() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    let key = setup.home.dir().join("key");
    let (login, _, address) = waiting_login(&setup, &["-i", key.to_str().unwrap()]);
    open(&setup, &address);
    login.wait().stdout();
    let certificate = std::fs::read_to_string(setup.home.dir().join("key-cert.pub")).unwrap();
    assert!(
        certificate.contains("-cert-v01@openssh.com"),
        "{certificate}"
    );
    assert!(key.exists());
}

#[test]
fn an_account_that_no_configuration_knows_can_be_logged_in_to_again_this_way() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    setup.login(&[]);
    let another = entry(
        "another",
        "https://id.example.com",
        &Client::public("id"),
        &[],
    );
    crate::setup::write_config(&setup.home, &[another]);
    let (login, _, address) = waiting_login(&setup, &["test"]);
    open(&setup, &address);
    login.wait().stdout();
    assert_eq!(accounts(&setup), 1);
    assert_eq!(setup.provider.granted(GRANT), 1);
}

#[test]
fn a_provider_that_leaves_the_nonce_out_is_refused_and_nothing_is_kept() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        nonce_in_device_flow: false,
        ..with_nonce()
    };
    let setup = Setup::with(options, &[]);
    let (login, _, address) = waiting_login(&setup, &[]);
    open(&setup, &address);
    let refused = login.wait().refused();
    assert!(
        refused.contains("leaves the nonce out of the ID token"),
        "{refused}"
    );
    assert!(
        refused.contains("log in with a browser: opkssh login test"),
        "{refused}"
    );
    assert_eq!(accounts(&setup), 0);
    let log = setup.provider.log();
    let revocation = log.iter().find(|seen| seen.path == "/token/revocation");
    assert_eq!(revocation.map(|seen| seen.status), Some(200), "{log:?}");
    // the browser's way is open
    setup.login(&[]);
}

#[test]
fn a_person_who_refuses_ends_the_login() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    setup.browser.behave("alice", BrowserMode::Deny);
    let (login, _, address) = waiting_login(&setup, &[]);
    open(&setup, &address);
    let refused = login.wait().refused();
    assert!(refused.contains("access_denied"), "{refused}");
    assert!(
        refused.contains("allow it: opkssh login --device test"),
        "{refused}"
    );
    assert_eq!(accounts(&setup), 0);
}

#[test]
fn a_code_that_nobody_enters_expires() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        device_code_ttl: 2,
        // asked for once, so that it is the client who notices
        device_poll_interval: None,
        ..with_nonce()
    };
    let setup = Setup::with(options, &[]);
    let (login, _, _) = waiting_login(&setup, &[]);
    let refused = login.wait().refused();
    assert!(refused.contains("before its code expired"), "{refused}");
    assert!(refused.contains("opkssh login --device test"), "{refused}");
    assert_eq!(accounts(&setup), 0);
}

#[test]
fn an_interrupt_ends_the_asking() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    let (mut login, _, address) = waiting_login(&setup, &[]);
    wait_until("the agent asks", || {
        (setup.provider.asked(GRANT) > 0).then_some(())
    });
    login.signal(Signal::INT);
    assert!(!login.wait().success());

    // the person is done with the first code, but only the second login is waited for
    open(&setup, &address);
    let (login, _, address) = waiting_login(&setup, &[]);
    wait_until("the agent asks again and again", || {
        let before = setup.provider.log();
        let pending = |seen: &&opkssh_test_support::Seen| seen.error == "authorization_pending";
        (before.iter().filter(pending).count() >= 3).then_some(())
    });
    open(&setup, &address);
    login.wait().stdout();
    assert_eq!(setup.provider.granted(GRANT), 1);
    assert_eq!(accounts(&setup), 1);
}

#[test]
fn among_several_providers_one_must_be_named() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(with_nonce(), &[]);
    let entries = ["one", "two"].map(|alias| {
        let client = setup.provider.client();
        entry(alias, setup.provider.issuer(), client, &[])
    });
    let text = format!("providers:\n{}", entries.concat());
    setup.home.write(".opk/config.yml", text);
    let refused = setup.home.opkssh(["login", "--device"]).run().refused();
    assert!(refused.contains("no browser to choose in"), "{refused}");
    assert!(
        refused.contains("opkssh login --device ALIAS, of: one two"),
        "{refused}"
    );
}

#[test]
fn a_provider_without_the_device_flow_is_named() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        device_flow: false,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &[]);
    let refused = setup.home.opkssh(["login", "--device"]).run().refused();
    let issuer = setup.provider.issuer();
    assert!(
        refused.contains(&format!("{issuer} offers no device flow")),
        "{refused}"
    );
    assert!(
        refused.contains("log in with a browser: opkssh login test"),
        "{refused}"
    );
}
