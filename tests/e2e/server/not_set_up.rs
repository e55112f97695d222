//! A host without opkssh's files, and commands of root without root: one cure, and the right one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Etc, Home, Output, user_name};

use crate::setup::OPKSSH;

/// Every command that reads or changes the server's files.
fn commands(certificate: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["add", "root", "a@x.example", "google"],
        vec!["audit", "--offline"],
        vec!["explain", "root", certificate],
        vec!["list"],
        vec!["remove", "root", "a@x.example", "google"],
        vec!["server", "cache", "show"],
        vec!["server", "check"],
        vec!["server", "revoke", "--subject", "a", "--issuer", "google"],
        vec!["permissions", "check"],
    ]
}

/// `opkssh` where `/etc` has the accounts' files alone.
fn on_a_bare_host(home: &Home, words: &[&str]) -> Output {
    let is_root = user_name() == "root";
    let namespace: &[&str] = match is_root {
        true => &["--mount"],
        false => &["--user", "--map-root-user", "--mount"],
    };
    let bare = home.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    home.write("etc/group", "root:x:0:\n");
    let script = "mount --bind \"$1\" /etc; shift; exec \"$@\"";
    let run = home.command("unshare").args(namespace);
    let run = run
        .args(["sh", "-euc", script, "sh"])
        .arg(bare.parent().unwrap());
    run.arg(OPKSSH).args(words).run()
}

#[test]
fn a_host_that_is_not_set_up_is_told_to_be_set_up() {
    let home = Home::new(OPKSSH);
    let certificate = crate::server::verify_refusals::attempt::Attempt::new();
    let certificate = certificate.key_file().with_file_name("key-cert.pub");
    for words in commands(certificate.to_str().unwrap()) {
        let said = on_a_bare_host(&home, &words);
        let stderr = said.stderr();
        assert!(matches!(said.code(), Some(1 | 3)), "{words:?}: {stderr}");
        assert_eq!(
            stderr.matches("sudo opkssh server install").count(),
            1,
            "{words:?}: {stderr}"
        );
        for other in ["chgrp", "chown", "install -m", "permissions fix", "as root"] {
            assert!(!stderr.contains(other), "{words:?}: {stderr}");
        }
    }
}

#[test]
fn without_root_the_same_command_is_to_be_run_as_root() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new().with_cache());
    let attempt = crate::server::verify_refusals::attempt::Attempt::new();
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    let dir = etc.dir();
    fs::set_permissions(&dir, Permissions::from_mode(0o000)).unwrap();
    // add and remove change the account's own file instead, as Go's does
    let all = commands(certificate.to_str().unwrap()).into_iter();
    for words in all.filter(|words| !["add", "remove"].contains(&words[0])) {
        let at = words.iter().rposition(|word| is_command(word)).unwrap() + 1;
        let (head, rest) = words.split_at(at);
        // in a user namespace of its own, it is nobody
        let run = home.command("unshare").args(["--user", "--", OPKSSH]);
        let said = run.args(head).arg("--etc").arg(&dir).args(rest).run();
        let stderr = said.stderr();
        assert!(matches!(said.code(), Some(1 | 3)), "{words:?}: {stderr}");
        let again = format!("sudo opkssh {} --etc {}", head.join(" "), dir.display());
        assert!(stderr.contains(&again), "{words:?}: {stderr}");
        for other in [
            "chgrp",
            "chown",
            "install -m",
            "permissions fix",
            "server install",
        ] {
            assert!(!stderr.contains(other), "{words:?}: {stderr}");
        }
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
}

fn is_command(word: &str) -> bool {
    let all = "add audit explain list remove server cache show check revoke permissions";
    all.split(' ').any(|known| known == word)
}
