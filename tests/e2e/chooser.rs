//! Several providers and no default: the person chooses on a page of ours.

use std::path::PathBuf;

use opkssh_test_support::{
    Browser, BrowserMode, Home, Part, Provider, ProviderOptions, Running, left_out, wait_until,
};

use crate::setup::{OPKSSH, entry, status, write_config};

/// A home that knows two providers and prefers none.
struct TwoProviders {
    home: Home,
    browser: Browser,
    providers: [Provider; 2],
}

impl TwoProviders {
    fn new() -> Self {
        let home = Home::new(OPKSSH);
        let providers = [(); 2].map(|()| Provider::start(ProviderOptions::default()));
        trust(&home, &providers.each_ref().map(Provider::ca_file));
        let browser = Browser::install(&home);
        let entries: Vec<String> = ["red", "blue"]
            .into_iter()
            .zip(&providers)
            .map(|(alias, provider)| entry(alias, provider.issuer(), provider.client(), &[]))
            .collect();
        let file = write_config(&home, &entries);
        let text = std::fs::read_to_string(&file).unwrap();
        home.write(
            ".opk/config.yml",
            text.replacen("default_provider: red", "", 1),
        );
        Self {
            home,
            browser,
            providers,
        }
    }

    fn authorizations(&self) -> [usize; 2] {
        self.providers.each_ref().map(Provider::authorizations)
    }

    /// A login whose page nobody has looked at yet, and the page's URL.
    fn waiting(&self) -> (Running, String) {
        self.browser.behave("alice", BrowserMode::Ignore);
        let mut login = self.home.opkssh(["login"]).start();
        login.wait_for("/chooser\n");
        wait_until("the window is open", || {
            (self.browser.openings() == 1).then_some(())
        });
        let said = login.stdout_so_far();
        let url = said
            .lines()
            .find_map(|line| line.strip_prefix("Opening browser to "));
        let url = url.expect("the chooser's URL").to_owned();
        assert!(url.starts_with("http://localhost:"), "{url}");
        (login, url)
    }

    /// Somebody opens `url`; what the page says in the end.
    fn visit(&self, url: &str) -> (u64, String) {
        // this one comes to an end, as all before it did but the first
        let before = self.browser.openings();
        let _ = self
            .home
            .command(self.browser.launcher())
            .arg(url)
            .run()
            .any_stdout();
        let ended = self.browser.wait_for(before);
        (ended.status, ended.text)
    }
}

/// Both providers' CAs in one file.
pub fn trust(home: &Home, files: &[PathBuf]) {
    let all: String = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    home.set("SSL_CERT_FILE", home.write("both-cas.pem", all));
    home.set("SSL_CERT_DIR", "/nonexistent");
}

#[test]
fn the_login_goes_on_at_the_provider_that_was_chosen() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let two = TwoProviders::new();
    two.browser.choose("alice", "blue");
    two.home.opkssh(["login"]).run().stdout();
    assert_eq!(two.authorizations(), [0, 1]);
    // the chooser also has a name, which beats the default
    two.browser.choose("alice", "red");
    two.home
        .opkssh(["login", "WebChooser"])
        .env("OPKSSH_DEFAULT", "blue")
        .run()
        .stdout();
    assert_eq!(two.authorizations(), [1, 1]);

    let status = status(&two.home);
    let accounts = status["accounts"].as_array().unwrap();
    let aliases: Vec<_> = accounts
        .iter()
        .map(|it| it["alias"].as_str().unwrap())
        .collect();
    assert_eq!(aliases, ["blue", "red"]);
    assert_eq!(accounts[1]["default"], true, "the one that logged in last");
    assert_eq!(two.browser.openings(), 2, "one window each");
}

#[test]
fn a_foreign_page_cannot_choose() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let two = TwoProviders::new();
    let (mut login, url) = two.waiting();
    two.browser.behave("alice", BrowserMode::Login);
    for query in [
        "op=1",
        "op=1&token=",
        "op=1&token=AAAAAAAAAAAAAAAAAAAAAA",
        "op=7",
    ] {
        let (code, text) = two.visit(&format!("{url}/select?{query}"));
        assert_eq!(code, 400, "{query}: {text}");
        assert!(
            text.contains("not one of the providers on the page"),
            "{text}"
        );
    }
    assert!(!login.has_ended());
    assert_eq!(two.authorizations(), [0, 0]);

    // and the person's own choice still counts
    two.browser.choose("alice", "blue");
    let (code, text) = two.visit(&url);
    assert_eq!(code, 200, "{text}");
    login.wait().stdout();
    assert_eq!(two.authorizations(), [0, 1]);
}

#[test]
fn a_chosen_provider_that_is_down_is_told_on_the_page_and_in_the_terminal() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let two = TwoProviders::new();
    two.providers[1].close();
    two.browser.choose("alice", "blue");
    let refused = two.home.opkssh(["login"]).run().refused();
    assert!(refused.contains("cannot be reached"), "{refused}");
    let page = two.browser.wait_for(1);
    assert_eq!(page.status, 400);
    assert!(page.text.contains("cannot be reached"), "{}", page.text);
}
