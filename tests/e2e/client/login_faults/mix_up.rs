//! Authorization answers of another provider than the one that was asked (RFC 9207): the code in
//! them is given to nobody.

use opkssh_test_support::{
    Browser, BrowserMode, Client, Fault, FaultyProvider, Home, Part, Provider, ProviderOptions,
    left_out,
};

use super::{nothing_is_held, says};
use crate::setup::{OPKSSH, entry, write_config};

/// A home whose one provider is a hostile one.
struct Lured {
    home: Home,
    browser: Browser,
    hostile: FaultyProvider,
    honest: Provider,
}

impl Lured {
    /// The hostile provider sends the browser on to an honest one, where this person has an account.
    fn new(client: Client) -> Self {
        let options = ProviderOptions {
            clients: vec![client],
            ..ProviderOptions::default()
        };
        let (home, honest) = (Home::new(OPKSSH), Provider::start(options));
        honest.trusted_in(&home);
        let browser = Browser::install(&home);
        let endpoint = format!("{}/auth", honest.issuer());
        let hostile = FaultyProvider::luring_to(&endpoint, honest.client_id());
        let lured = Self {
            home,
            browser,
            hostile,
            honest,
        };
        lured.configure();
        lured
    }

    fn configure(&self) {
        let client = Client::public("theirs");
        let entry = entry("hostile", self.hostile.issuer(), &client, &[]);
        write_config(&self.home, &[entry]);
    }

    #[track_caller]
    fn gave_no_code(&self) {
        let requests = self.hostile.requests();
        assert!(requests.contains(&"GET /auth".to_owned()), "{requests:?}");
        assert!(
            !requests.contains(&"POST /token".to_owned()),
            "{requests:?}"
        );
        assert_eq!(self.honest.asked("authorization_code"), 0);
        nothing_is_held(&self.home);
    }
}

#[test]
fn a_provider_that_sends_the_browser_to_another_gets_no_code() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let lured = Lured::new(Client::public("opkssh-test"));
    let refused = lured.home.opkssh(["login"]).run().refused();
    let (got, expected) = (lured.honest.issuer(), lured.hostile.issuer());
    let why = format!("from another provider: its iss is \"{got}\", expected {expected}");
    says(&refused, &[&why, "its code was not used"]);
    says(&lured.browser.wait_for(1).text, &["Login failed", got]);
    lured.gave_no_code();

    // a login that no agent takes part in
    let refused = lured.home.opkssh(["login", "-p"]).run().refused();
    says(&refused, &[&why]);
    lured.gave_no_code();
}

#[test]
fn nor_does_it_get_one_that_is_pasted() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let lured = Lured::new(Client::public("opkssh-test"));
    lured.browser.behave("alice", BrowserMode::Elsewhere);
    let login = lured.home.opkssh(["login"]);
    let login = login.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    let (mut login, mut keyboard) = login.start_on_terminal();
    login.wait_for("paste it here");
    keyboard.type_line(&lured.browser.wait_for(1).final_url);
    let refused = login.wait().refused();
    says(&refused, &["from another provider", lured.honest.issuer()]);
    lured.gave_no_code();
}

/// What is left where the other provider names no issuer: it knows of no redirect to this path.
#[test]
fn answers_at_another_path_are_no_answers() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let client = Client {
        redirect_uris: vec!["http://localhost/honest-callback".to_owned()],
        ..Client::public("opkssh-test")
    };
    let lured = Lured::new(client);
    let mut login = lured.home.opkssh(["login"]).start();
    // the honest provider sends no browser to the path of the hostile one
    let page = lured.browser.wait_for(1);
    says(&page.text, &["redirect_uri"]);
    // and what it does send is not found here
    let shown = login.stdout_so_far();
    let shown = shown.split_once("Opening browser to ").unwrap().1;
    let query = |name: &str| {
        let (_, rest) = shown.split_once(&format!("{name}=")).unwrap();
        rest.split(['&', '\n']).next().unwrap().to_owned()
    };
    let port: String = query("redirect_uri")
        .trim_start_matches("http%3A%2F%2Flocalhost%3A")
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let state = query("state");
    let answer = format!("http://localhost:{port}/honest-callback?code=a-code&state={state}");
    let launcher = lured.home.command(lured.browser.launcher());
    let _ = launcher.arg(&answer).run().any_stdout();
    assert_eq!(lured.browser.wait_for(2).status, 404);
    // nor by the hand of the person
    for address in [&answer[..], answer.trim_start_matches("http://")] {
        let bring = lured.home.opkssh(["login", "--redirected"]);
        let refused = bring.stdin(format!("{address}\n")).run().refused();
        says(&refused, &["not one that this login ends at"]);
    }
    assert!(!login.has_ended());
    login.kill();
    lured.gave_no_code();
}

/// Logs in at a provider with this fault, which learns no code; gives stderr.
fn refused_at(fault: Fault) -> String {
    let (home, provider) = (Home::new(OPKSSH), FaultyProvider::start(fault));
    let _browser = Browser::install(&home);
    let client = Client::public("an-id");
    write_config(&home, &[entry("faulty", provider.issuer(), &client, &[])]);
    let refused = home.opkssh(["login"]).run().refused();
    let requests = provider.requests();
    assert!(
        !requests.contains(&"POST /token".to_owned()),
        "{requests:?}"
    );
    nothing_is_held(&home);
    refused
}

#[test]
fn an_answer_in_the_name_of_another_is_refused() {
    let refused = refused_at(Fault::AnswersAsAnother);
    says(&refused, &["its iss is \"https://somebody-else.example\""]);
}

#[test]
fn an_answer_without_the_issuer_that_was_announced_is_refused() {
    let refused = refused_at(Fault::AnswersAsNobody);
    says(&refused, &["without an iss", "announces"]);
    says(&refused, &["log in again: opkssh login faulty"]);
}
