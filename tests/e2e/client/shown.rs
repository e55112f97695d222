//! Which host is shown which account, as `check`, `ensure` and `opkssh ssh` say it before ssh
//! connects.

use opkssh_test_support::{Part, left_out};

use crate::agent::servers::Server;
use crate::setup::{Setup, entry, write_config};

const HOST: &str = "db.example.com";
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPqS6YHvVnhDOTrcnpUJYRhNP0ZwmQHmH8BPKQIOKtA";

fn configured(setup: &Setup, hosts: &str) {
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
    let entry = entry("test", issuer, client, &[&format!("hosts: {hosts}")]);
    write_config(&setup.home, &[entry]);
}

/// Writes known_hosts with these names for one key, hashed or not.
fn knows(setup: &Setup, names: &str, is_hashed: bool) {
    let file = setup
        .home
        .write(".ssh/known_hosts", format!("{names} {KEY}\n"));
    if is_hashed {
        let hash = setup.home.command("ssh-keygen").args(["-q", "-H", "-f"]);
        let _ = hash.arg(&file).run();
    }
}

#[test]
fn check_and_ensure_agree_on_what_a_host_is_shown() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let hashed = "known_hosts has the server's name as a hash";
    let add = "add db.example.com to `hosts:`";
    for (hosts, names, is_hashed, host, refusal) in [
        ("[]", "", false, HOST, None),
        ("[]", HOST, true, HOST, None),
        ("[db.example.com]", "", false, HOST, None),
        ("[db.example.com]", HOST, true, HOST, None),
        ("[\"*.example.com\"]", "", false, HOST, None),
        ("[\"*.example.com\"]", HOST, false, HOST, None),
        ("[\"*.example.com\"]", HOST, true, HOST, Some(hashed)),
        // the key's line has another name, too
        (
            "[\"*.example.com\", \"!old.example.com\"]",
            "db.example.com,old.example.com",
            false,
            HOST,
            Some("`hosts:`"),
        ),
        (
            "[a.example.com]",
            "",
            false,
            HOST,
            Some("no account is meant for db.example.com"),
        ),
        ("[]", "", false, "github.com", Some("public forge")),
        ("[\"*.com\"]", "", false, "github.com", Some("public forge")),
        ("[github.com]", "", false, "github.com", None),
    ] {
        configured(&setup, hosts);
        knows(&setup, names, is_hashed);
        for command in ["check", "ensure"] {
            let said = setup.home.opkssh([command, "--host", host]).run();
            let case = format!("{command} {hosts} {names:?} {is_hashed}");
            let text = said.any_stdout() + &said.stderr();
            let expected = if refusal.is_some() { 1 } else { 0 };
            assert_eq!(said.code(), Some(expected), "{case}: {text}");
            if let Some(refusal) = refusal {
                assert!(text.contains(refusal), "{case}: {text}");
                assert!(!text.contains("login needed"), "{case}: {text}");
                let add = add.replace(HOST, host);
                assert!(text.contains(&add), "{case}: {text}");
            }
        }
    }
    // as it is typed for ssh
    configured(&setup, "[]");
    let said = setup
        .home
        .opkssh(["check", "--host", "root@github.com"])
        .run();
    assert_eq!(said.code(), Some(1), "{}", said.any_stdout());
    // what serving would refuse is refused here
    configured(&setup, "[db.example.com]");
    knows(&setup, HOST, false);
    let file = setup.home.dir().join(".ssh/known_hosts");
    let line = std::fs::read_to_string(&file).unwrap();
    let (_, key) = line.split_once(' ').unwrap();
    std::fs::write(&file, format!("{line}@revoked * {key}")).unwrap();
    let said = setup.home.opkssh(["check", "--host", HOST]).run();
    assert_eq!(said.code(), Some(1), "{}", said.any_stdout());
    assert!(
        said.any_stdout().contains("revoked"),
        "{}",
        said.any_stdout()
    );
    // a known_hosts that cannot be read may have anything
    configured(&setup, "[db.example.com]");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let said = setup.home.opkssh(["check", "--host", HOST]).run();
    assert_eq!(said.code(), Some(1));
    assert!(said.any_stdout().contains("known_hosts cannot be read"));
    assert_eq!(setup.browser.openings(), 1, "no login helps");
}

#[test]
fn opkssh_ssh_says_that_its_account_is_not_shown_before_it_becomes_ssh() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    for (hosts, is_shown) in [
        ("[]", true),
        ("[localhost]", true),
        ("[\"local*\"]", true),
        ("[elsewhere.example.com]", false),
    ] {
        configured(&setup, hosts);
        let said = server.opkssh_ssh(&setup.home).arg("echo in").run();
        assert_eq!(said.success(), is_shown, "{hosts}: {}", said.stderr());
        let said = said.stderr();
        let warning = "Warning: the account test is not shown to localhost: its `hosts:` do not name \
                       the server\nhint: add localhost to `hosts:` of test in ~/.opk/config.yml\n";
        assert_eq!(said.starts_with(warning), !is_shown, "{hosts}: {said}");
    }
    // in the files that this ssh reads
    configured(&setup, "[\"local*\"]");
    let known = server.sshd.known_hosts_file();
    let hash = setup.home.command("ssh-keygen").args(["-q", "-H", "-f"]);
    let _ = hash.arg(&known).run();
    let said = server.opkssh_ssh(&setup.home).arg("echo in").run();
    assert_eq!(said.code(), Some(255));
    let said = said.stderr();
    assert!(
        said.contains("known_hosts has the server's name as a hash"),
        "{said}"
    );

    let unknown = ["ssh", "--account", "nosuch", "localhost"];
    let refused = setup.home.opkssh(unknown).run();
    assert_eq!(refused.code(), Some(255));
    let refused = refused.stderr();
    assert!(refused.contains("there is no account nosuch"), "{refused}");
    assert!(refused.contains("opkssh status"), "{refused}");
    assert!(!refused.contains("--provider"), "{refused}");
}
