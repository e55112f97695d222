//! `opkssh server install|uninstall` for real, in a mount namespace where `/etc`, `/var` and
//! `/usr/local` are copies, with a real sshd and a login through what was installed.

use std::fs;

use opkssh_test_support::{Part, left_out, newer_sshd};

use crate::agent::sockets::other_users::is_root;
use crate::server::verify_refusals::attempt::Attempt;
use crate::server::verify_refusals::forge::CLIENT;
use crate::setup::OPKSSH;

const PREAMBLE: &str = include_str!("install/preamble.sh");
const INSTALL: &str = include_str!("install/namespace.sh");
const DROPPED_IN: &str = include_str!("install/dropped_in.sh");
const FALLBACK: &str = include_str!("install/fallback.sh");

#[test]
fn install_a_login_and_uninstall() {
    let Some((output, attempt)) = in_namespace(INSTALL) else {
        return;
    };
    assert_eq!(output.matches("in as root").count(), 2, "{output}");
    assert!(output.contains("in as own"), "{output}");
    assert_eq!(attempt.requests(), 2, "discovery and keys, once");
}

#[test]
fn install_keeps_the_keys_of_another_command_working() {
    let Some((output, _)) = in_namespace(FALLBACK) else {
        return;
    };
    for server in ["clean", "umask", "go"] {
        for way in ["the fallback", "us"] {
            assert!(
                output.contains(&format!("{server}: in by {way}")),
                "{output}"
            );
        }
    }
}

/// Discovery and keys: for each login while the directory is another's (sshd asks twice) or a
/// fallback runs, and once for the three logins by verify's own directory.
#[test]
fn our_program_in_the_place_of_go_s_keeps_keys() {
    let Some((output, attempt)) = in_namespace(DROPPED_IN) else {
        return;
    };
    assert_eq!(output.matches("in by its own cache").count(), 3, "{output}");
    // sshd asks twice for a login; explain asks once, audit once
    let without_cache = 5 * 2 + 1;
    let with_audit = 3;
    assert_eq!(
        attempt.requests(),
        2 * (without_cache + with_audit) + 2,
        "{output}"
    );
}

/// What the script printed. Needs root: accounts, owners, and sshd as root starts it.
fn in_namespace(script: &str) -> Option<(String, Attempt)> {
    if left_out(&[Part::Sshd]) || !is_root() {
        return None;
    }
    let attempt = Attempt::new();
    let home = &attempt.home;
    let pem = attempt.key.to_openssh_pem("ours").unwrap();
    let key = home.write("key", pem.expose());
    home.command("chmod").arg("600").arg(&key).run().stdout();
    let (key_type, base64) = attempt.words();
    home.write("key-cert.pub", format!("{key_type} {base64}\n"));
    let scratch = home.dir().join("scratch");
    fs::create_dir(&scratch).unwrap();

    let said = home
        .command("unshare")
        .args(["--mount", "/bin/sh", "-eu"])
        .arg(home.write("namespace.sh", format!("{PREAMBLE}{script}")))
        .arg(&scratch)
        .args([OPKSSH, &attempt.issuer, CLIENT])
        .arg(&key)
        .arg(newer_sshd())
        .run();
    let output = format!("{}{}", said.any_stdout(), said.stderr());
    assert_eq!(said.code(), Some(0), "{output}");
    assert!(output.contains("all is well"), "{output}");
    Some((output, attempt))
}

#[test]
fn an_ordinary_user_is_told_how() {
    if am_root() {
        return;
    }
    let attempt = Attempt::new();
    for command in ["install", "uninstall"] {
        let refused = attempt.home.opkssh(["server", command]).run();
        assert!(refused.refused().contains("must be run as root"));
        let hint = format!("run: sudo opkssh server {command}");
        assert!(refused.stderr().contains(&hint), "{}", refused.stderr());
    }
}

fn am_root() -> bool {
    opkssh_test_support::user_name() == "root"
}
