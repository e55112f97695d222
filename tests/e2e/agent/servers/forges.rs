//! Public forges: what they see, and what needs `hosts:`.

use opkssh_test_support::{Part, ProviderOptions, left_out};

use super::Server;
use crate::setup::{Setup, entry, status, write_config};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];

/// Gives the account these lines, and the file `end`.
fn configure(setup: &Setup, lines: &[&str], end: &str) {
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
    let file = write_config(&setup.home, &[entry("test", issuer, client, lines)]);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text + end).unwrap();
}

/// Knows the server in `~/.ssh/known_hosts` by these names.
fn knows_as(setup: &Setup, server: &Server, names: &str) {
    let line = format!("{names} {}\n", server.sshd.host_key());
    setup.home.write(".ssh/known_hosts", line);
}

fn hash_names(setup: &Setup) {
    let file = setup.home.dir().join(".ssh/known_hosts");
    let hash = setup.home.command("ssh-keygen").args(["-H", "-f"]);
    hash.arg(&file).run().stdout();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.starts_with("|1|"), "{text}");
}

#[test]
fn a_public_forge_never_sees_an_account_that_does_not_name_it() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    let refused = |names: &str| {
        let ssh = server.plain_ssh(&setup.home).arg("true").run();
        assert_eq!(ssh.code(), Some(255), "{names}");
        assert_eq!(server.etc.log(), "", "{names} learnt who it is");
    };
    for names in [
        "github.com",
        "GitLab.com",
        "git.sr.ht,192.0.2.1",
        // also known under another name
        "build.example.com,codeberg.org",
        "[bitbucket.org]:22",
        "git?ub.com,*.example.com",
        "*.sr.ht",
    ] {
        knows_as(&setup, &server, names);
        configure(&setup, &[], "");
        refused(names);
        configure(&setup, &["hosts: [\"*\", build.example.com]"], "");
        refused(names);
    }
    configure(&setup, &[], "");
    knows_as(&setup, &server, "github.com");
    hash_names(&setup);
    refused("a hashed name");
    let notices = status(&setup.home)["notices"].to_string();
    assert!(notices.contains("server is a public forge"), "{notices}");
    assert!(!notices.contains("does not know"), "{notices}");
    // what is a forge is the person's to say
    configure(
        &setup,
        &[],
        "agent:\n  public_forges: [\"*.example.com\"]\n",
    );
    refused("a hash that may be one of the wildcard's");
    let notices = status(&setup.home)["notices"].to_string();
    assert!(notices.contains("has wildcards"), "{notices}");
    configure(&setup, &[], "agent:\n  public_forges: [git.example.com]\n");
    let enter = || server.plain_ssh(&setup.home).arg("echo in").run();
    assert_eq!(enter().stdout(), "in\n");
    configure(&setup, &["hosts: [github.com]"], "");
    assert_eq!(enter().stdout(), "in\n");
}

#[test]
fn a_forge_of_the_person_s_own_list_never_sees_the_account() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    setup.knows(&[&server.sshd]);
    configure(&setup, &[], "agent:\n  public_forges: [\"local*\"]\n");
    let refused = server.plain_ssh(&setup.home).arg("true").run();
    assert_eq!(refused.code(), Some(255));
    assert_eq!(server.etc.log(), "", "it learnt who it is");
}

#[test]
fn the_access_token_is_for_servers_that_hosts_name() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &["send_access_token: true"]);
    let has_token = || {
        let file = setup.home.write("cert.pub", setup.certificate() + "\n");
        let list = setup.home.command("ssh-keygen").arg("-Lf").arg(file).run();
        list.stdout().contains("openpubkey-act")
    };
    let said = setup.login(&[]);
    assert!(said.contains("Access token: left out"), "{said}");
    assert!(!has_token());
    assert_eq!(
        status(&setup.home)["accounts"][0]["withholds_access_token"],
        true
    );
    let lines = ["send_access_token: true", "hosts: [localhost]"];
    configure(&setup, &lines, "");
    assert!(has_token());
    let server = Server::ours(&setup.provider, "24h");
    setup.knows(&[&server.sshd]);
    let enter = server.plain_ssh(&setup.home).arg("echo in").run();
    assert_eq!(enter.stdout(), "in\n");
    // nor is it shown to all when the limit goes
    configure(&setup, &lines[..1], "");
    assert!(!has_token());
}
