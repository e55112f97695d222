//! A host without opkssh's files, and commands of root without root: one cure, and the right one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Etc, Home, Output, Part, left_out, user_name};

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

/// Every file is there, but nobody whom sshd could run verify as.
#[test]
fn files_alone_are_no_server() {
    let home = Home::new(OPKSSH);
    for (name, text) in [
        ("providers", "https://a.example id 24h\n"),
        ("auth_id", "root a https://a.example\n"),
    ] {
        let path = home.write(format!("etc/opk/{name}"), text);
        fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    }
    let audit = on_a_bare_host(&home, &["audit", "--offline", "--skip-user-policy"]);
    let said = audit.any_stdout();
    let expected = "/etc/opk (there is no account opksshuser, so sshd cannot run verify)  - run: \
                    sudo opkssh server install";
    assert!(said.contains(expected), "{said}");
    assert!(audit.refused().contains("discovered errors"));

    for words in [["permissions", "check"], ["permissions", "fix"]] {
        let said = on_a_bare_host(
            &home,
            &[words[0], words[1], "--cache", "/nonexistent", "-j"],
        );
        let stderr = said.refused();
        assert!(
            stderr.contains("hint: run: sudo opkssh server install"),
            "{words:?}: {stderr}"
        );
    }
    let fix = on_a_bare_host(&home, &["permissions", "fix", "--dry-run"]);
    let said = fix.any_stdout();
    assert!(said.contains("unknown group opksshuser"), "{said}");
    assert!(!said.contains("Action"), "{said}");

    // the command that the hint named before would have failed
    fs::remove_file(home.dir().join("etc/opk/auth_id")).unwrap();
    let said = on_a_bare_host(&home, &["list", "--etc", "/etc/opk/../opk"]).stderr();
    assert!(said.contains("sudo opkssh server install"), "{said}");
}

#[test]
fn nothing_is_planned_for_a_directory_that_is_not_there() {
    let home = Home::new(OPKSSH);
    let words = ["permissions", "fix", "--dry-run", "--etc", "/nonexistent"];
    let fix = home.opkssh(words).run();
    let said = fix.any_stdout();
    assert!(
        said.contains("Error: /nonexistent: there is no such directory"),
        "{said}"
    );
    assert!(!said.contains("Action"), "{said}");
    assert!(
        fix.refused()
            .contains("name an existing directory with --etc")
    );
}

#[test]
fn a_host_without_an_installation_has_nothing_to_uninstall() {
    let home = Home::new(OPKSSH);
    let said = on_a_bare_host(&home, &["server", "uninstall", "--dry-run"]).stdout();
    assert!(said.contains("Nothing is installed."), "{said}");
    assert!(!said.contains("Would remove"), "{said}");
    // a dry run needs no root; in a user namespace of its own, it is nobody
    let run = home.command("unshare").args(["--user", "--", OPKSSH]);
    run.args(["server", "uninstall", "--dry-run"])
        .run()
        .stdout();
}

/// Needs root, for `sshd -T`.
#[test]
fn audit_says_that_sshd_does_not_run_verify() {
    if left_out(&[Part::Sshd]) || user_name() != "root" {
        return;
    }
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    etc.write("providers", "https://a.example id 24h\n");
    let key = home.dir().join("host_key");
    let keygen = home.command("ssh-keygen").args(["-q", "-N", "", "-f"]);
    keygen.arg(&key).run().stdout();
    let audit = |more: &str| {
        let text = format!("HostKey {}\n{more}", key.display());
        let config = home.write("sshd_config", text);
        let words = ["audit", "--offline", "--skip-user-policy", "--etc"];
        let audit = home.opkssh(words).arg(etc.dir()).arg("--sshd-config");
        let said = audit.arg(config).run();
        (said.code(), said.any_stdout())
    };
    let (code, said) = audit("");
    let expected = "sshd_config (no AuthorizedKeysCommand, so nobody can log in with opkssh)  - \
                    run: sudo opkssh server install";
    assert!(code == Some(1) && said.contains(expected), "{said}");
    let user = "AuthorizedKeysCommandUser nobody\n";
    let (code, said) = audit(&format!("AuthorizedKeysCommand /bin/true %u\n{user}"));
    let expected = "sshd runs another AuthorizedKeysCommand: /bin/true %u";
    assert!(code == Some(1) && said.contains(expected), "{said}");
    let (code, said) = audit(&format!(
        "AuthorizedKeysCommand /usr/bin/opkssh verify %u %k %t\n{user}"
    ));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn fix_is_root_s() {
    let home = opkssh_test_support::Home::new(OPKSSH);
    // in a user namespace of its own, it is nobody
    let as_nobody = |words: &[&str]| {
        let run = home
            .command("unshare")
            .args(["--user", "--", OPKSSH, "permissions"]);
        run.args(words).run()
    };
    let etc = Etc::new();
    let (dir, cache) = (etc.dir(), etc.cache_dir());
    let place = [
        "--etc",
        dir.to_str().unwrap(),
        "--cache",
        cache.to_str().unwrap(),
    ];
    for words in [&["fix", "-y"][..], &["install"]] {
        let words = &[words, &place].concat();
        let refused = as_nobody(words).refused();
        assert!(
            refused.contains("fix requires elevated privileges"),
            "{refused}"
        );
        let again = format!("run as root: sudo opkssh permissions {} ", words[0]);
        assert!(refused.contains(&again), "{refused}");
    }
    let dry = as_nobody(&[&["fix", "--dry-run"], &place[..]].concat());
    assert!(dry.any_stdout().contains("dry-run complete"));
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
