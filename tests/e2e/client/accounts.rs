//! Several accounts side by side: several people at one provider, and several providers.

mod whose;

use opkssh_test_support::{
    Browser, BrowserMode, Home, Output, Part, Provider, ProviderOptions, SecretService, left_out,
};
use serde_json::Value;

use crate::agent::servers::Server;
use crate::setup::{OPKSSH, Setup, entry, kill_daemon, status, write_config};

/// Logs in as `user`, whoever is remembered.
pub fn login_as(setup: &Setup, user: &str, args: &[&str]) -> Output {
    setup.browser.behave(user, BrowserMode::Login);
    setup.home.opkssh(["login"].iter().chain(args)).run()
}

/// Name and subject of every account, in the order of the names.
pub fn accounts(home: &Home) -> Vec<(String, String)> {
    let status = status(home);
    let text = |account: &Value, key: &str| account[key].as_str().unwrap().to_owned();
    let accounts = status["accounts"].as_array().unwrap().iter();
    accounts
        .map(|account| (text(account, "alias"), text(account, "subject")))
        .collect()
}

pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs.iter().map(|(a, b)| ((*a).into(), (*b).into()));
    owned.collect()
}

/// Puts `agent:` in front of the configuration.
fn configure(home: &Home, agent: &str) {
    let file = home.dir().join(".opk/config.yml");
    let text = std::fs::read_to_string(file).unwrap();
    home.write(".opk/config.yml", format!("{agent}{text}"));
}

/// The account that `opkssh check` with these arguments is about; it must be usable.
fn checked(home: &Home, args: &[&str]) -> String {
    let said = home.opkssh(["check"].iter().chain(args)).run().stdout();
    let (name, _) = said.split_once(": usable").expect("a usable account");
    name.to_owned()
}

#[test]
fn several_people_at_one_provider_live_side_by_side() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    configure(
        &setup.home,
        "agent:\n  accounts:\n    alice: {hosts: [a.example.com]}\n    \
         bob: {hosts: [b.example.com], expiration: 12h}\n",
    );
    let said = login_as(&setup, "alice", &["--as", "alice"]).stdout();
    assert!(said.contains("In the agent as \"alice\""), "{said}");
    login_as(&setup, "bob", &["test", "--as", "bob"]).stdout();
    let both = pairs(&[("alice", "alice"), ("bob", "bob")]);
    assert_eq!(accounts(&setup.home), both);
    let bob = status(&setup.home)["accounts"][1].clone();
    assert_eq!(bob["provider"], "test");
    assert_eq!(bob["expiration"], "12h");
    assert_eq!(bob["default"], false, "alice was first");

    assert_eq!(checked(&setup.home, &["--host", "a.example.com"]), "alice");
    assert_eq!(checked(&setup.home, &["--host", "b.example.com"]), "bob");
    assert_eq!(checked(&setup.home, &["alice"]), "alice");
    let list = setup.with_agent("ssh-add").arg("-l").run().stdout();
    for comment in ["opkssh alice alice@", "opkssh bob bob@"] {
        assert!(list.contains(comment), "{list}");
    }

    // the provider's name means neither
    for (command, code, hint) in [
        ("check", 3, "name one: alice or bob"),
        ("logout", 1, "opkssh logout alice or opkssh logout bob"),
    ] {
        let refused = setup.home.opkssh([command, "test"]).run();
        assert_eq!(refused.code(), Some(code), "{command}");
        let refused = refused.stderr();
        assert!(
            refused.contains("test may be any of the accounts alice, bob"),
            "{refused}"
        );
        assert!(refused.contains(hint), "{refused}");
    }

    kill_daemon(&setup.home);
    checked(&setup.home, &["alice"]);
    assert_eq!(accounts(&setup.home), both, "both come back");

    setup.home.opkssh(["logout", "alice"]).run().stdout();
    assert_eq!(accounts(&setup.home), pairs(&[("bob", "bob")]));
    assert_eq!(checked(&setup.home, &["test"]), "bob", "the only one there");
    kill_daemon(&setup.home);
    checked(&setup.home, &["bob"]);
    assert_eq!(accounts(&setup.home), pairs(&[("bob", "bob")]));
}

#[test]
fn another_person_does_not_replace_the_account() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    login_as(&setup, "alice", &[]).stdout();
    let before = setup.certificate();

    let refused = login_as(&setup, "bob", &[]).refused();
    for words in [
        "the account test is alice@example.com's, and bob@example.com has logged in",
        "opkssh login test --as bob@example.com",
        "opkssh logout test",
    ] {
        assert!(refused.contains(words), "no {words:?} in {refused}");
    }
    let page = setup.browser.wait_for(2);
    assert!(page.text.contains("nothing was changed"), "{}", page.text);
    assert_eq!(setup.certificate(), before);
    let revoked = |seen: &opkssh_test_support::Seen| seen.path == "/token/revocation";
    let log = setup.provider.log();
    assert_eq!(
        log.iter().filter(|seen| revoked(seen)).count(),
        1,
        "bob's tokens are of no use to anybody"
    );

    // what the hint says works, and from then on each login finds its own account
    login_as(&setup, "bob", &["test", "--as", "bob@example.com"]).stdout();
    let both = pairs(&[("bob@example.com", "bob"), ("test", "alice")]);
    assert_eq!(accounts(&setup.home), both);
    let said = login_as(&setup, "bob", &[]).stdout();
    assert!(said.contains("as \"bob@example.com\""), "{said}");
    let said = login_as(&setup, "alice", &["test"]).stdout();
    assert!(said.contains("as \"test\""), "{said}");
    assert_eq!(accounts(&setup.home), both);

    // a name that was asked for is not exchanged for another
    let refused = login_as(&setup, "alice", &["--as", "bob@example.com"]).refused();
    assert!(
        refused.contains("is bob@example.com's, and alice@"),
        "{refused}"
    );
    let refused = login_as(&setup, "alice", &["bob@example.com"]).refused();
    assert!(
        refused.contains("is bob@example.com's, and alice@"),
        "{refused}"
    );
    assert_eq!(accounts(&setup.home), both);
}

#[test]
fn an_account_keeps_its_name_when_it_logs_in_again() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    login_as(&setup, "alice", &["--as", "mine"]).stdout();
    let first = setup.certificate();
    let said = login_as(&setup, "alice", &["mine"]).stdout();
    assert!(said.contains("as \"mine\""), "{said}");
    assert!(said.contains("login_hint=alice%40example.com"), "{said}");
    assert_ne!(setup.certificate(), first, "the one certificate is new");
    // nor does a login without a name make a second account of the same person
    login_as(&setup, "alice", &[]).stdout();
    assert_eq!(accounts(&setup.home), pairs(&[("mine", "alice")]));

    setup.browser.behave("alice", BrowserMode::Deny);
    let refused = setup.home.opkssh(["login", "mine"]).run().refused();
    let hint = "log in again and allow it: opkssh login mine";
    assert!(refused.contains(hint), "{refused}");
}

#[test]
fn names_that_would_confuse_are_refused() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    for name in [
        "a b", "a/b", "", ".x", "a\u{1b}", "a;b", "a&b", "*", "a|b", "#a", "a(b",
    ] {
        let refused = login_as(&setup, "alice", &[&format!("--as={name}")]).refused();
        assert!(refused.contains("--as"), "{refused}");
        assert!(!refused.contains('\u{1b}'), "{refused}");
    }
    let second = entry(
        "other",
        "https://op.example.com",
        setup.provider.client(),
        &[],
    );
    let first = entry(
        "test",
        setup.provider.issuer(),
        setup.provider.client(),
        &[],
    );
    write_config(&setup.home, &[first, second]);
    let refused = login_as(&setup, "alice", &["--as", "other"]).refused();
    assert!(
        refused
            .contains("the account name other is a provider's alias in the client configuration"),
        "{refused}"
    );
    let refused = login_as(&setup, "alice", &["-p", "--as", "x"]).refused();
    assert!(refused.contains("--as"), "{refused}");
    assert_eq!(setup.browser.openings(), 0);
}

#[test]
fn the_default_account_is_the_configured_one_and_check_or_login_ends() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    configure(&setup.home, "agent: {default_account: alice}\n");
    let check_or_login = || {
        let line = format!("{OPKSSH} check || {OPKSSH} login && {OPKSSH} check -q");
        setup.home.command("sh").args(["-c", &line]).run().stdout()
    };
    let said = check_or_login();
    assert!(said.contains("nobody is logged in"), "{said}");
    assert!(said.contains("In the agent as \"alice\""), "{said}");
    login_as(&setup, "bob", &["--as", "bob"]).stdout();
    assert_eq!(checked(&setup.home, &[]), "alice", "not the last one");
    assert_eq!(status(&setup.home)["accounts"][0]["default"], true);

    // alice again, not the one who logged in last
    setup.browser.behave("alice", BrowserMode::Login);
    let said = setup.login(&[]);
    assert!(said.contains("In the agent as \"alice\""), "{said}");
    setup.home.opkssh(["logout"]).run().stdout();
    assert_eq!(accounts(&setup.home), pairs(&[("bob", "bob")]));
    assert_eq!(checked(&setup.home, &["bob"]), "bob");
    let refused = setup.home.opkssh(["check"]).run();
    assert_eq!(refused.code(), Some(1));
    check_or_login();
    assert_eq!(accounts(&setup.home).len(), 2);
}

#[test]
fn each_server_is_shown_the_account_that_is_meant_for_it() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let home = Home::new(OPKSSH);
    let providers = [(); 2].map(|()| Provider::start(ProviderOptions::default()));
    let bundle: String = providers
        .iter()
        .map(|provider| std::fs::read_to_string(provider.ca_file()).unwrap())
        .collect();
    home.set("SSL_CERT_FILE", home.write("both.pem", bundle));
    home.set("SSL_CERT_DIR", "/nonexistent");
    let browser = Browser::install(&home);
    let entries: Vec<String> = ["red", "blue"]
        .into_iter()
        .zip(&providers)
        .map(|(alias, provider)| entry(alias, provider.issuer(), provider.client(), &[]))
        .collect();
    write_config(&home, &entries);
    let server = Server::ours(&providers[0], "24h");
    configure(
        &home,
        "agent:\n  accounts:\n    red: {hosts: [\"*.red.example.com\", localhost]}\n    \
         blue: {hosts: [elsewhere.example.com]}\n    also: {hosts: [third.example.com]}\n",
    );
    home.opkssh(["login", "red"]).run().stdout();
    home.opkssh(["login", "blue"]).run().stdout();
    browser.behave("carol", BrowserMode::Login);
    home.opkssh(["login", "blue", "--as", "also"])
        .run()
        .stdout();
    let expected = [("also", "carol"), ("blue", "alice"), ("red", "alice")];
    assert_eq!(accounts(&home), pairs(&expected));

    home.write(".ssh/known_hosts", server.sshd.known_hosts_line() + "\n");
    let said = server.plain_ssh(&home).arg("-v").arg("echo in").run();
    assert_eq!(said.stdout(), "in\n");
    let offered: Vec<_> = said
        .stderr()
        .lines()
        .filter(|line| line.contains("Offering public key"))
        .map(str::to_owned)
        .collect();
    assert!(
        offered.iter().all(|line| line.contains("opkssh red ")) && !offered.is_empty(),
        "{offered:?}"
    );
    let said = server.opkssh_ssh(&home).arg("echo in").run();
    assert_eq!(said.stdout(), "in\n");
    // a usable account needs no login, whatever it is called
    let openings = browser.openings();
    let ssh = home.opkssh(["ssh", "--account", "also"]);
    let ssh = ssh.args(server.sshd.ssh_args()).args(["localhost", "true"]);
    assert_eq!(ssh.run().stdout(), "");
    assert_eq!(browser.openings(), openings);

    home.opkssh(["logout", "also"]).run().stdout();
    assert_eq!(accounts(&home), pairs(&expected[1..]));
    home.opkssh(["logout", "--all"]).run().stdout();
    assert_eq!(accounts(&home), []);
}

#[test]
fn a_host_is_the_default_account_s_or_nobody_s_business() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let agent = |alice: &str| {
        format!("agent:\n  default_account: alice\n  accounts:\n    alice: {{hosts: {alice}}}\n")
    };
    let file = setup.home.dir().join(".opk/config.yml");
    let plain = std::fs::read_to_string(file).unwrap();
    let configured = |alice| setup.home.write(".opk/config.yml", agent(alice) + &plain);
    configured("[a.example.com]");
    login_as(&setup, "alice", &["test", "--as", "alice"]).stdout();
    login_as(&setup, "bob", &["test", "--as", "bob"]).stdout();
    let ensure = |host| setup.home.opkssh(["ensure", "--host", host]).run();
    assert_eq!(ensure("a.example.com").code(), Some(0));
    // bob's account could be shown there, and yet nobody has said that it is meant
    let other = ensure("b.example.com");
    assert_eq!(other.code(), Some(1));
    let said = other.stderr();
    assert!(
        said.contains("no account is meant for b.example.com"),
        "{said}"
    );
    configured("[]");
    assert_eq!(ensure("b.example.com").code(), Some(0));
    assert_eq!(checked(&setup.home, &["--host", "b.example.com"]), "alice");

    // the provider's name means neither
    for command in [
        &["ensure", "test"][..],
        &["ssh", "--account", "test", "b.example.com"],
    ] {
        let refused = setup.home.opkssh(command).run();
        assert!(!refused.success());
        let said = refused.stderr();
        assert!(said.contains("name one: alice or bob"), "{said}");
        assert!(!said.contains("opkssh check"), "{said}");
    }
}

#[test]
fn changed_hosts_count_at_once() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let server = Server::ours(&setup.provider, "24h");
    setup.knows(&[&server.sshd]);
    let configured = |hosts: &str| {
        let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
        let entry = entry("test", issuer, client, &[&format!("hosts: {hosts}")]);
        write_config(&setup.home, &[entry]);
    };
    let ssh = || server.plain_ssh(&setup.home).arg("echo in").run();
    setup.login(&[]);
    assert_eq!(ssh().stdout(), "in\n");
    for (hosts, shown) in [
        ("[elsewhere.example.com]", false),
        ("[localhost]", true),
        ("[\"!localhost\", \"*\"]", false),
        ("[]", true),
    ] {
        configured(hosts);
        let said = ssh();
        assert_eq!(said.success(), shown, "{hosts}: {}", said.stderr());
    }
}
