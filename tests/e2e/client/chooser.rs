//! Several providers and no default: the person chooses on a page of ours.

use std::path::PathBuf;

use opkssh_test_support::{
    Browser, BrowserMode, Home, Part, Provider, ProviderOptions, Running, left_out, wait_until,
};

use crate::client::login_flows::loopback::{cannot_be_framed, get, host};
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
        login.wait_for("/chooser/");
        wait_until("the window is open", || {
            (self.browser.openings() == 1).then_some(())
        });
        let said = login.stdout_so_far();
        let url = said
            .lines()
            .find_map(|line| line.strip_prefix("Opening browser to "));
        let url = url.expect("the chooser's URL").to_owned();
        // `localhost` could be the other address family, where another program has the port
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
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
    assert_eq!(accounts[1]["default"], false, "the other one came first");
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
    // whoever finds the port does not know the secret in the path, which is on no page
    let (base, secret) = url.rsplit_once('/').unwrap();
    assert!(secret.len() >= 22, "16 random bytes: {secret}");
    let guess = "A".repeat(secret.len());
    for path in [
        base.to_owned(),
        format!("{base}/"),
        format!("{base}/select?op=1"),
        format!("{base}/{guess}"),
        format!("{base}/{guess}/select?op=1"),
        format!("{url}A/select?op=1"),
    ] {
        let (code, text) = two.visit(&path);
        assert_eq!(code, 404, "{path}: {text}");
        assert!(!text.contains(secret), "{text}");
    }
    let (code, text) = two.visit(&format!("{url}/select?op=7"));
    assert_eq!(code, 400, "{text}");
    assert!(
        text.contains("not one of the providers on the page"),
        "{text}"
    );
    assert!(!login.has_ended());
    assert_eq!(two.authorizations(), [0, 0]);

    // and the person's own choice still counts
    two.browser.choose("alice", "blue");
    let (code, text) = two.visit(&url);
    assert_eq!(code, 200, "{text}");
    login.wait().stdout();
    assert_eq!(two.authorizations(), [0, 1]);
}

/// DNS rebinding: a page's own name is made to lead to this machine, so that it may read the answer.
#[test]
fn the_page_has_no_other_name_and_is_in_no_frame() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let two = TwoProviders::new();
    let (login, url) = two.waiting();
    let (authority, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .expect("an address");
    let (_, port) = authority.split_once(':').expect("a port");
    let path = format!("/{path}");
    for name in [
        "attacker.example".to_owned(),
        format!("attacker.example:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
    ] {
        for target in [path.clone(), format!("{path}/select?op=1")] {
            let (status, page) = get(port, &host(&name), &target);
            assert_eq!(status, 421, "{name}: {page}");
            assert!(!page.contains("select"), "{page}");
        }
    }
    let (status, page) = get(port, &host(authority), &path);
    assert_eq!(status, 200);
    assert!(page.contains("Choose a provider"), "{page}");
    cannot_be_framed(&page);
    assert_eq!(two.authorizations(), [0, 0]);
    drop(login);
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
