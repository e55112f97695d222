//! Accounts, by their `hosts:`.

use std::fs;

use opkssh_test_support::{Part, left_out};

use super::{Servers, pairs};
use crate::setup::{Setup, agent_socket, entry, write_config};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];

fn configure(setup: &Setup, line: &str) {
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
    write_config(&setup.home, &[entry("test", issuer, client, &[line])]);
}

#[test]
fn status_says_what_ssh_then_offers_of_an_account() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let names = ["web", "other", "github.com", "new", "never"];
    let servers = Servers::new(&setup.home, &names, &names[..3]);
    let test = || vec!["test".to_owned()];
    let none = Vec::<String>::new();
    let hidden = |why| pairs(&[("test", why)]);
    // no `hosts:`
    assert_eq!(servers.view("web"), (test(), vec![]));
    assert_eq!(servers.view("a.web"), (test(), vec![]));
    assert_eq!(servers.view("github.com"), (none.clone(), hidden("forge")));
    configure(&setup, "hosts: [web, new, never]");
    assert_eq!(servers.view("web"), (test(), vec![]));
    assert_eq!(servers.view("other"), (none.clone(), hidden("other-host")));
    let page = setup.home.opkssh(["status", "--host", "other"]);
    let page = page.env("SSH_AUTH_SOCK", agent_socket(&setup.home)).run();
    let expected = "other would see none of 1 identity\n   \
                    -  test                          account\n      \
                    not offered: its `hosts:` do not name the server\n\
                    hint: add other to `hosts:` of test in ~/.opk/config.yml\n";
    assert_eq!(page.any_stdout(), expected);
    // ssh records the key before it asks
    let (_, said) = servers.status("new");
    assert_eq!(said["is_known"], false);
    assert_eq!(servers.view("new"), (test(), vec![]));
    assert_eq!(servers.status("new").1["is_known"], true);
    // and not this one
    let file = setup.home.dir().join(".ssh/config");
    let config = fs::read_to_string(&file).unwrap();
    let nowhere = "Host never\n UserKnownHostsFile /dev/null\n StrictHostKeyChecking no\n";
    fs::write(&file, nowhere.to_owned() + &config).unwrap();
    assert_eq!(servers.view("never"), (none.clone(), hidden("unknown-key")));
    // nor is a hashed name a match for a pattern
    let known_hosts = setup.home.dir().join(".ssh/known_hosts");
    fs::write(&known_hosts, "").unwrap();
    configure(&setup, "hosts: [\"w*\"]");
    let hashed = config.replace("HashKnownHosts no", "HashKnownHosts yes");
    fs::write(&file, hashed).unwrap();
    assert_eq!(servers.view("web"), (none.clone(), hidden("other-host")));
    assert!(fs::read_to_string(&known_hosts).unwrap().starts_with("|1|"));
    configure(&setup, "hosts: [web]");
    assert_eq!(servers.view("web"), (test(), vec![]));
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn a_revoked_key_and_an_unreadable_file_are_reasons() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let servers = Servers::new(&setup.home, &["web"], &["web"]);
    let file = setup.home.dir().join(".ssh/known_hosts");
    let text = fs::read_to_string(&file).unwrap();
    let why = || {
        let (code, said) = servers.status("web");
        assert_eq!(code, Some(1));
        said["not_offered"][0]["why"].clone()
    };
    fs::write(&file, format!("{text}@revoked * {}", &text["web ".len()..])).unwrap();
    assert_eq!(why(), "revoked");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(why(), "known-hosts-unreadable");
}
