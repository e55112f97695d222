//! Policy plugins, beside Go's on the same login.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use opkssh_test_support::{Etc, GoPeer, Home, Output, left_out, user_name, write_program};

use crate::agent::servers::rules;
use crate::agent::sockets::other_users::is_root;
use crate::beside_go::interop::PARTS;
use crate::setup::{OPKSSH, Setup};

/// Server files with a plugin; Go's program and ours see them in the same place.
struct Stage {
    setup: Setup,
    peer: GoPeer,
    etc: Etc,
    programs: Home,
}

impl Stage {
    fn new() -> Self {
        let setup = Setup::new();
        setup.login(&[]);
        let etc = rules(&setup.provider, "24h");
        etc.write("auth_id", "");
        fs::create_dir(etc.dir().join("policy.d")).unwrap();
        fs::set_permissions(etc.dir().join("policy.d"), Permissions::from_mode(0o750)).unwrap();
        Self {
            peer: GoPeer::new(),
            programs: Home::new(OPKSSH),
            setup,
            etc,
        }
    }

    /// A plugin that is this script, called with `words`.
    fn plugin(&self, name: &str, script: &str, words: &str) {
        write_program(
            &self.programs.dir().join(name),
            format!("#!/bin/sh\n{script}\n"),
        );
        let program = self.programs.dir().join(name);
        let text = format!("name: {name}\ncommand: {} {words}\n", program.display());
        self.etc.write(&format!("policy.d/{name}.yml"), &text);
    }

    fn verify(&self, ours: bool, extra: &[&str]) -> Output {
        let certificate = self.setup.certificate();
        let mut words = certificate.split_whitespace();
        let (key_type, base64) = (words.next().unwrap(), words.next().unwrap());
        let ca = self.setup.provider.ca_file();
        let run = match ours {
            true => self.peer.server_of(Path::new(OPKSSH), &self.etc, &ca),
            false => self.peer.server(&self.etc, &ca),
        };
        run.args(["verify", &user_name(), base64, key_type])
            .args(extra)
            .run()
    }
}

// By root only: in a user's own namespace the directories above a plugin's program belong to
// nobody, and such a program is refused.

#[test]
fn plugins_are_told_what_go_tells_them() {
    if left_out(&PARTS) || !is_root() {
        return;
    }
    let stage = Stage::new();
    let dump = "env | grep ^OPKSSH_PLUGIN_ | sort >/var/log/told\n\
                printf '%s\\n' \"$@\" >/var/log/words\necho allow";
    stage.plugin("dump", dump, "one 'two words' \"$HOME\" three\\ more");
    let read = |name: &str| fs::read_to_string(stage.etc.log_dir().join(name)).unwrap();
    for extra in [&[][..], &["SHA256:abc", "10.0.0.1 22"]] {
        let gos = stage.verify(false, extra).stdout();
        let (told_by_go, words_of_go) = (read("told"), read("words"));
        assert_eq!(stage.verify(true, extra).stdout(), gos);
        let told = read("told");
        let told: Vec<&str> = told.lines().collect();
        let (own, told): (Vec<&str>, Vec<&str>) = told
            .into_iter()
            .partition(|line| line.starts_with("OPKSSH_PLUGIN_UPK_JWK="));
        assert_eq!(told, told_by_go.lines().collect::<Vec<_>>());
        assert_eq!(own.len(), 1, "{told:?}");
        assert_eq!(read("words"), words_of_go);
        assert_eq!(words_of_go, "one\ntwo words\n$HOME\nthree more\n");
    }
    let log = stage.etc.log();
    assert!(log.contains("plugin \"dump\" allows"), "{log}");
    assert!(log.contains(r#"rule="plugin \"dump\"""#), "{log}");
}

#[test]
fn every_plugin_is_asked_and_one_yes_is_enough() {
    if left_out(&PARTS) || !is_root() {
        return;
    }
    let stage = Stage::new();
    stage.plugin("a", "echo a >>/var/log/asked; echo deny", "");
    stage.plugin("b", "echo b >>/var/log/asked; echo allow", "");
    stage.plugin("c", "echo c >>/var/log/asked; exit 1", "");
    let gos = stage.verify(false, &[]).stdout();
    assert_eq!(stage.verify(true, &[]).stdout(), gos);
    let asked = fs::read_to_string(stage.etc.log_dir().join("asked")).unwrap();
    assert_eq!(asked, "a\nb\nc\na\nb\nc\n");
}

#[test]
fn plugins_only_add_and_are_asked_last() {
    if left_out(&PARTS) || !is_root() {
        return;
    }
    let stage = Stage::new();
    stage.plugin("no", "echo >>/var/log/asked; echo deny", "");
    let asked = || fs::read_to_string(stage.etc.log_dir().join("asked")).unwrap_or_default();
    for ours in [true, false] {
        let _ = stage.verify(ours, &[]).refused();
    }
    // row 121; Go asks it still
    let row = format!(
        "{} alice@example.com {}\n",
        user_name(),
        stage.setup.provider.issuer()
    );
    stage.etc.write("auth_id", &row);
    for ours in [true, false] {
        stage.verify(ours, &[]).stdout();
    }
    assert_eq!(asked().len(), 3);

    stage.plugin("yes", "echo allow", "");
    for denied in [
        "deny_emails: [ALICE@example.com]",
        &format!("deny_users: [{}]", user_name()),
    ] {
        stage.etc.write("config.yml", &format!("{denied}\n"));
        for ours in [true, false] {
            let output = stage.verify(ours, &[]);
            assert!(output.refused().contains("denied"), "{}", output.stderr());
        }
    }
    assert_eq!(
        asked().len(),
        3,
        "a plugin was asked about somebody who is denied"
    );
}

#[test]
fn a_plugin_finds_sshd_s_environment_and_env_vars_and_nothing_else() {
    if left_out(&PARTS) || !is_root() {
        return;
    }
    let stage = Stage::new();
    stage.plugin("dump", "env >/var/log/told; echo allow", "");
    stage
        .etc
        .write("config.yml", "env_vars: {NO_PROXY: example.com}\n");
    let certificate = stage.setup.certificate();
    let mut words = certificate.split_whitespace();
    let (key_type, base64) = (words.next().unwrap(), words.next().unwrap());
    let env = [
        "env",
        "OPKSSH_PLUGIN_U=forged",
        "OPKSSH_PLUGIN_X=forged",
        "SECRET=1",
        "HOME=/h",
    ];
    stage
        .peer
        .server_of(
            Path::new("/usr/bin/env"),
            &stage.etc,
            &stage.setup.provider.ca_file(),
        )
        .args(&env[1..])
        .args([OPKSSH, "verify", &user_name(), base64, key_type])
        .run()
        .stdout();
    let told = fs::read_to_string(stage.etc.log_dir().join("told")).unwrap();
    assert!(
        told.contains("\nHOME=/h\n") || told.starts_with("HOME=/h\n"),
        "{told}"
    );
    assert!(told.contains("NO_PROXY=example.com"), "{told}");
    for name in ["SECRET", "SSL_CERT_FILE", "forged", "OPKSSH_PLUGIN_X"] {
        assert!(!told.contains(name), "{name}: {told}");
    }
}

#[test]
fn one_bad_plugin_harms_no_other() {
    if left_out(&PARTS) || !is_root() {
        return;
    }
    let stage = Stage::new();
    stage
        .etc
        .write("policy.d/0.yml", "name: blank\ncommand: ' '\n");
    stage
        .etc
        .write("policy.d/1.yml", "name: gone\ncommand: /nonexistent/x\n");
    stage.plugin("open", "echo allow", "");
    let file = stage.etc.dir().join("policy.d/open.yml");
    fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    let _ = stage.verify(true, &[]).refused();
    let log = stage.etc.log();
    for why in [
        "0.yml is not asked: no command",
        "1.yml is not asked: /nonexistent/x",
        "open.yml is not asked",
    ] {
        assert!(log.contains(why), "{why}: {log}");
    }
    stage.plugin("yes", "echo allow", "");
    stage.verify(true, &[]).stdout();
}
