//! Proof that the Go peer logs in through the scripted browser and that its
//! `verify` decides by our rules, alone and behind sshd.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::fs;
use std::path::PathBuf;

use opkssh_test_support::{
    Browser, Etc, GoPeer, Home, Part, Provider, ProviderOptions, Sshd, Verifier, left_out,
    user_name,
};

const PARTS: [Part; 2] = [Part::Go, Part::Provider];

/// The Go peer logged in as alice; the provider is there for its `verify`.
struct LoggedIn {
    provider: Provider,
    home: Home,
    peer: GoPeer,
    key: PathBuf,
}

impl LoggedIn {
    fn new() -> Self {
        let provider = Provider::start(ProviderOptions::default());
        let home = Home::new("/bin/sh");
        provider.trusted_in(&home);
        let browser = Browser::install(&home);
        let peer = GoPeer::new();
        let key = home.dir().join("key");
        let said = peer.login(&home, &provider, &key, &[]).stdout();
        assert!(said.contains("alice@example.com"), "{said}");
        assert_eq!(browser.openings(), 1);
        assert_eq!(browser.wait_for(1).status, 200);
        Self {
            provider,
            home,
            peer,
            key,
        }
    }

    fn certificate(&self) -> String {
        fs::read_to_string(self.key.with_file_name("key-cert.pub")).expect("the certificate")
    }

    fn etc(&self, identity: &str) -> Etc {
        let issuer = self.provider.issuer();
        Etc::new()
            .provider(issuer, self.provider.client_id(), "24h")
            .allow(&user_name(), identity, issuer)
    }
}

#[test]
fn it_says_its_version() {
    if left_out(&[Part::Go]) {
        return;
    }
    assert!(GoPeer::new().version().starts_with("opkssh version "));
}

#[test]
fn its_login_is_accepted_by_its_verify_under_the_rules_given() {
    if left_out(&PARTS) {
        return;
    }
    let it = LoggedIn::new();
    let (certificate, ca) = (it.certificate(), it.provider.ca_file());
    let user = user_name();

    let allowing = it.etc("alice@example.com");
    let line = it.peer.verify(&allowing, &user, &certificate, &ca).stdout();
    assert!(line.starts_with("cert-authority"), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1);
    assert!(
        allowing.log().contains("successfully verified"),
        "its log is kept: {}",
        allowing.log()
    );

    let _ = it
        .peer
        .verify(&allowing, "somebody-else", &certificate, &ca)
        .refused();
    let _ = it
        .peer
        .verify(&it.etc("bob@example.com"), &user, &certificate, &ca)
        .refused();
    let _ = it
        .peer
        .verify(&Etc::new(), &user, &certificate, &ca)
        .refused();
}

#[test]
fn nothing_of_the_machine_is_touched() {
    if left_out(&PARTS) {
        return;
    }
    let before = fs::metadata("/etc/opk").is_ok();
    let it = LoggedIn::new();
    it.peer
        .verify(
            &it.etc("alice@example.com"),
            &user_name(),
            &it.certificate(),
            &it.provider.ca_file(),
        )
        .stdout();
    assert_eq!(fs::metadata("/etc/opk").is_ok(), before);
    assert!(
        !fs::read_to_string("/proc/self/mounts")
            .expect("mounts")
            .contains("ot-")
    );
}

#[test]
fn sshd_lets_its_login_in_through_its_verify() {
    if left_out(&PARTS) || left_out(&[Part::Sshd]) {
        return;
    }
    let it = LoggedIn::new();
    let etc = it.etc("alice@example.com");
    let sshd = Sshd::start(
        Verifier::Go {
            peer: &it.peer,
            etc: &etc,
        },
        &it.provider.ca_file(),
    );
    let ssh = |what: &str| {
        it.home
            .command("ssh")
            .args(sshd.ssh_args())
            .arg("-i")
            .arg(&it.key)
            .args(["127.0.0.1", what])
            .run()
    };
    assert_eq!(ssh("echo over ssh").stdout(), "over ssh\n");

    etc.write("auth_id", "");
    assert_eq!(ssh("true").code(), Some(255));
}

#[test]
fn the_browser_picks_a_provider_in_its_chooser() {
    if left_out(&PARTS) {
        return;
    }
    let (one, two) = (
        Provider::start(ProviderOptions::default()),
        Provider::start(ProviderOptions::default()),
    );
    let home = Home::new("/bin/sh");
    two.trusted_in(&home);
    let rows: String = [("one", &one), ("two", &two)]
        .map(|(alias, provider)| {
            format!(
                "  - alias: {alias}\n    issuer: {}\n    client_id: {}\n    redirect_uris:\n      - http://localhost:{}/login-callback\n",
                provider.issuer(),
                provider.client_id(),
                opkssh_test_support::free_port()
            )
        })
        .concat();
    home.write(
        ".opk/config.yml",
        format!("default_provider: webchooser\nproviders:\n{rows}"),
    );
    let browser = Browser::install(&home);
    let name = two.issuer().strip_prefix("https://").expect("https");
    browser.choose("carol", name);
    let said = GoPeer::new()
        .command(&home)
        .args(["login", "-i", "key"])
        .run()
        .stdout();
    assert!(
        said.contains(&format!("carol@example.com carol {}", two.issuer())),
        "{said}"
    );
    assert!(one.log().iter().all(|seen| seen.path != "/auth"));
}
