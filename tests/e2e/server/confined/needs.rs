//! What a confined verify still has to do, with files that lie where only this test has them.

use std::fs;
use std::os::unix::fs::symlink;

use opkssh_test_support::{Etc, Home, Output, Part, left_out, user_name};

use crate::agent::servers::{our_verify, rules};
use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::{OPKSSH, Setup};

#[test]
fn key_sets_in_files_are_read() {
    let attempt = Attempt::new();
    let keys = attempt
        .home
        .write("keys.json", attempt.login.keys.to_string());
    let text = format!(
        "jwks_files: {{\"{}\": {}}}\n",
        attempt.issuer,
        keys.display()
    );
    attempt.etc.write("server.yml", &text);
    attempt.is_let_in();
    assert_eq!(attempt.requests(), 0);
}

#[test]
fn roots_of_the_configuration_are_read_and_where_their_links_lead_has_to_be_said() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let etc = rules(&setup.provider, "24h");
    let elsewhere = Home::new(OPKSSH);
    let ca = fs::read(setup.provider.ca_file()).unwrap();
    let verify = || our_verify(&setup.home, &etc, &user_name(), &setup.certificate());
    let config = |name: &str, path: &std::path::Path| {
        let text = format!("env_vars: {{{name}: {}}}\n", path.display());
        etc.write("config.yml", &text);
    };
    let file = elsewhere.write("roots/ca.pem", &ca);
    config("SSL_CERT_FILE", &file);
    verify().stdout();
    config("SSL_CERT_DIR", file.parent().unwrap());
    verify().stdout();

    let links = elsewhere.dir().join("links");
    fs::create_dir(&links).unwrap();
    symlink(&file, links.join("ca.pem")).unwrap();
    config("SSL_CERT_DIR", &links);
    let refused = verify().refused();
    let said = format!("SSL_CERT_DIR {}: Permission denied", file.display());
    assert!(refused.contains(&said), "{refused}");
    etc.write("server.yml", &format!("readable: [{}]\n", file.display()));
    verify().stdout();
}

/// A certificate that no row lets in, and a fallback of this script.
fn refused_with_fallback(script: &str) -> (Attempt, Output) {
    let attempt = Attempt::new();
    attempt.etc.write("auth_id", "");
    let text = format!("fallback: {{command: [/bin/sh, -c, \"{script}\"]}}\n");
    attempt.etc.write("server.yml", &text);
    let said = attempt.verify();
    (attempt, said)
}

#[test]
fn whom_we_refuse_the_fallback_may_let_in() {
    let (attempt, said) = refused_with_fallback("echo a line");
    assert_eq!(said.stdout(), "a line\n");
    let log = attempt.etc.log();
    assert!(
        log.contains(" left to fallback ") && log.contains("reason=\"no policy to allow"),
        "{log}"
    );
}

#[test]
fn a_monitor_that_dies_in_an_answer_lets_in_nobody() {
    let (attempt, said) = refused_with_fallback("echo a line; kill -9 $PPID");
    assert!(said.refused().contains("no policy to allow"));
    assert_eq!(said.any_stdout(), "");
    let log = attempt.etc.log();
    assert!(
        log.contains("failed: the monitor does not answer: "),
        "{log}"
    );
}

#[test]
fn where_it_cannot_be_confined_logins_go_on_and_the_log_says_so() {
    let attempt = Attempt::new();
    let verify = |etc: &Etc, fault: &str| {
        let (key_type, base64) = attempt.words();
        let strace = attempt.home.command("strace");
        let strace = strace.args([
            "-f",
            "-o",
            "/dev/null",
            "-e",
            "trace=landlock_create_ruleset",
        ]);
        let run = strace
            .args(["-e", fault])
            .arg(OPKSSH)
            .args(["verify", "--etc"]);
        let run = run.arg(etc.dir()).arg("--log-file").arg(etc.log_file());
        let line = run.args([&user_name(), &base64, &key_type]).run().stdout();
        assert!(line.starts_with("cert-authority,"), "{line}");
        etc.log()
    };
    let log = verify(&attempt.etc, "inject=landlock_create_ruleset:error=ENOSYS");
    assert!(log.contains("warning: parsing is not confined: "), "{log}");
    assert!(log.contains("Linux 5.13 or newer"), "{log}");
}
