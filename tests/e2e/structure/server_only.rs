//! The small program for servers. It is built here: a workspace build unifies features and would
//! hide what it pulls in.

use std::path::PathBuf;

use opkssh_test_support::{Etc, Home};

use super::cargo;
use crate::agent::servers::verify_words;
use crate::setup::OPKSSH;

#[test]
fn it_builds_and_has_the_server_s_commands_only() {
    let home = Home::new(build());
    let help = home.opkssh(["--help"]).run().stdout();
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split(' ').next())
        .collect();
    assert_eq!(
        commands,
        [
            "add",
            "audit",
            "completions",
            "explain",
            "inspect",
            "list",
            "man",
            "permissions",
            "readhome",
            "remove",
            "server",
            "verify",
            "version",
            "help"
        ],
        "{help}"
    );
    for command in [
        "login", "logout", "agent", "ssh", "status", "check", "client",
    ] {
        let said = home.opkssh([command]).run().refused();
        assert!(
            said.contains(&format!("unknown command \"{command}\"")),
            "{said}"
        );
    }

    let offered = home
        .opkssh(["complete-words", "opkssh", "server", "in"])
        .run();
    assert!(offered.stdout().starts_with("install\t"));
    home.opkssh(["man", "man"]).run().stdout();
    let pages = |section: &str| std::fs::read_dir(home.dir().join("man").join(section)).unwrap();
    let mut formats: Vec<_> = pages("man5")
        .map(|page| page.unwrap().file_name())
        .collect();
    formats.sort();
    assert_eq!(formats, ["opkssh-rules.5", "opkssh-server.5"]);
    assert!(pages("man8").any(|page| page.unwrap().file_name() == "opkssh-verify.8"));

    let etc = Etc::new();
    let refused = verify_words(&home, &etc, "root", "ssh-ed25519", "AAAA");
    assert!(refused.refused().contains("is not an SSH certificate"));
    assert_eq!(refused.any_stdout(), "");
    assert!(etc.log().contains("failed to verify"), "{}", etc.log());
    let added = home.opkssh(["add", "--etc"]).arg(etc.dir());
    let added = added.args(["root", "alice@example.com", "google"]).run();
    assert!(added.stdout().contains("Successfully added new policy to"));
    let rows = std::fs::read_to_string(etc.dir().join("auth_id")).unwrap();
    assert_eq!(rows, "root alice@example.com https://accounts.google.com\n");
}

/// In a target directory of its own, beside the profile's that this test is from.
fn build() -> PathBuf {
    let target = PathBuf::from(OPKSSH)
        .ancestors()
        .nth(2)
        .unwrap()
        .join("server-only");
    let directory = target.display().to_string();
    cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--no-default-features",
        "--features",
        "server",
        "--bin",
        "opkssh",
        "--target-dir",
        &directory,
    ]);
    target.join("debug/opkssh")
}
