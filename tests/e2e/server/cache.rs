//! The server's key cache, with the built program: many at once, other users' directories, and
//! root who works for the one whose cache it is.

mod hanging;
mod outage;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use opkssh_test_support::{Output, Part, left_out, user_name};

use crate::server::verify_refusals::attempt::Attempt;

#[test]
fn two_hundred_at_once_with_a_cold_cache() {
    let mut attempt = Attempt::new();
    attempt.etc = attempt.etc.with_cache();
    let (key_type, base64) = attempt.words();
    let running: Vec<_> = (0..200)
        .map(|_| {
            attempt
                .home
                .opkssh(["verify", "--etc"])
                .arg(attempt.etc.dir())
                .arg("--cache")
                .arg(attempt.etc.cache_dir())
                .arg("--log-file")
                .arg(attempt.etc.log_file())
                .args([&user_name(), &base64, &key_type])
                .start()
        })
        .collect();
    for one in running {
        let line = one.wait().stdout();
        assert!(line.starts_with("cert-authority,"), "{line}");
    }
    assert_eq!(attempt.requests(), 2, "discovery and keys, once");
}

#[test]
fn a_warm_cache_asks_nobody_and_a_cleared_one_does() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let mut attempt = Attempt::new();
    attempt.etc = attempt.etc.with_cache();
    attempt.is_let_in();
    assert_eq!(attempt.requests(), 2, "verify, and sshd's own runs of it");
    let said = cache(&attempt, "show").stdout();
    assert!(said.contains(", fresh; keys "), "{said}");
    let json = attempt
        .home
        .opkssh(["server", "cache", "show", "--json", "--etc"]);
    let json = json.arg(attempt.etc.dir()).arg("--cache");
    let json = json.arg(attempt.etc.cache_dir()).run().stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["issuers"][0]["issuer"], attempt.issuer.as_str());
    assert_eq!(json["issuers"][0]["keys"], "fresh");
    assert!(json["issuers"][0]["age_seconds"].is_number(), "{json}");
    cache(&attempt, "clear").stdout();
    attempt.verify().stdout();
    assert_eq!(attempt.requests(), 4);
    cache(&attempt, "refresh").stdout();
    assert_eq!(attempt.requests(), 6);
}

#[test]
fn without_the_directory_the_hint_names_the_command_that_makes_it() {
    let attempt = Attempt::new();
    let refused = cache(&attempt, "show");
    assert_eq!(refused.code(), Some(3));
    assert!(refused.stderr().contains("key cache cannot be used"));
    assert!(
        refused.stderr().contains("opkssh server install"),
        "{}",
        refused.stderr()
    );
    let command = attempt.home.opkssh(["server", "cache", "show", "--json"]);
    let command = command.arg("--etc").arg(attempt.etc.dir());
    let failed = command.arg("--cache").arg("/nonexistent").run();
    assert_eq!(failed.code(), Some(3));
    let said: serde_json::Value = serde_json::from_str(&failed.any_stdout()).unwrap();
    assert_eq!(said["hint"], "run: sudo opkssh server install");
    assert!(said["reason"].is_string(), "{said}");
    // and verify does without
    for runs in 1..3 {
        attempt.verify().stdout();
        assert_eq!(attempt.requests(), 2 * runs);
    }
    assert!(attempt.etc.log().contains("key cache not used"));
}

/// Only root can make a directory somebody else's.
#[test]
fn root_works_as_the_owner_and_verify_does_not_believe_a_stranger() {
    if user_name() != "root" {
        return;
    }
    const OTHER: u32 = 54321;
    let mut attempt = Attempt::new();
    attempt.etc = attempt.etc.with_cache();
    let directory = attempt.etc.cache_dir();
    chown(&directory, Some(OTHER), Some(OTHER)).unwrap();
    // the owner must be able to read the rules, and to run the program
    for name in ["providers", "auth_id"] {
        chown(attempt.etc.dir().join(name), None, Some(OTHER)).unwrap();
    }
    if attempt
        .home
        .command("setpriv")
        .args(["--reuid", "54321", "--regid", "54321", "--clear-groups"])
        .arg(crate::setup::OPKSSH)
        .arg("--version")
        .run()
        .code()
        == Some(0)
    {
        cache(&attempt, "refresh").stdout();
        let mut files = 0;
        for file in fs::read_dir(&directory).unwrap() {
            let metadata = file.unwrap().metadata().unwrap();
            assert_eq!(metadata.uid(), OTHER);
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
            files += 1;
        }
        assert!(files >= 2);
        explains_as_the_owner(&attempt, OTHER);
    }
    // verify runs as root here, and the directory is not root's
    let before = attempt.requests();
    attempt.verify().stdout();
    assert_eq!(attempt.requests(), before + 2);
    assert!(attempt.etc.log().contains("belongs to uid 54321"));
}

/// The certificate is root's alone. Rows that the owner cannot read let nobody in.
fn explains_as_the_owner(attempt: &Attempt, owner: u32) {
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    fs::set_permissions(&certificate, Permissions::from_mode(0o600)).unwrap();
    let explain = || {
        let command = attempt
            .home
            .opkssh(["explain", "--etc"])
            .arg(attempt.etc.dir());
        let command = command.arg("--cache").arg(attempt.etc.cache_dir());
        command.arg(user_name()).arg(&certificate).run()
    };
    let before = attempt.requests();
    let said = explain().stdout();
    assert!(said.contains("sshd gets: "), "{said}");
    assert!(!said.contains("decided as root"), "{said}");
    assert_eq!(attempt.requests(), before, "the cache is used");

    let rows = attempt.etc.dir().join("auth_id");
    chown(&rows, None, Some(0)).unwrap();
    let said = explain();
    said.refused();
    assert!(!said.any_stdout().contains("sshd gets: "));
    chown(&rows, None, Some(owner)).unwrap();
}

fn cache(attempt: &Attempt, command: &str) -> Output {
    attempt
        .home
        .opkssh(["server", "cache", command, "--etc"])
        .arg(attempt.etc.dir())
        .arg("--cache")
        .arg(attempt.etc.cache_dir())
        .run()
}
