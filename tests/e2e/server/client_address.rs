//! Rules with `client_address` behind a real sshd that says where the client connects from.

use std::path::Path;

use opkssh_server::arguments::Argument;
use opkssh_server::install::tokens::OpenSshVersion;
use opkssh_test_support::{Part, Run, Sshd, Verifier, left_out, newer_sshd, user_name};

use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::OPKSSH;

const TOKENS: &str = "%C %D";

/// A login by a rule of this effect for these blocks; by `auth_id` where the rule denies.
fn attempt(effect: &str, blocks: &str) -> Attempt {
    let attempt = Attempt::new();
    let declared = "arguments: [connection, routing_domain]\n";
    attempt.etc.write("server.yml", declared);
    if effect == "allow" {
        attempt.etc.write("auth_id", "");
    }
    let rules = format!(
        "rules:\n- name: here\n  effect: {effect}\n  issuer: {}\n  accounts: {}\n  when: [{{claim: \
         sub, present: true}}]\n  client_address: {blocks}\n",
        attempt.issuer,
        user_name()
    );
    attempt.etc.write("rules.yml", &rules);
    attempt
}

/// Returns true if ssh from this address gets in.
fn is_let_in(attempt: &Attempt, sshd: &Sshd, from: &str) -> bool {
    let ssh = attempt.home.command("ssh").args(attempt.ssh_args(sshd));
    let said = ssh.args(["-b", from, "127.0.0.1", "echo in"]).run();
    let is_in = said.any_stdout() == "in\n";
    assert_eq!(said.code(), Some(if is_in { 0 } else { 255 }));
    is_in
}

fn newer(attempt: &Attempt, tokens: &str) -> Sshd {
    let (binary, etc) = (Path::new(OPKSSH), &attempt.etc);
    let verifier = Verifier::Ours { binary, etc };
    Sshd::start_newer(verifier, Path::new("/dev/null"), "", tokens)
}

#[test]
fn the_client_and_not_the_server_has_to_be_in_the_block() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    for (effect, blocks, from, expected) in [
        ("allow", "127.0.0.0/8", "127.0.0.1", true),
        ("allow", "192.0.2.0/24", "127.0.0.1", false),
        ("allow", "[192.0.2.0/24, 127.0.0.2]", "127.0.0.2", true),
        // the server's own address
        ("allow", "127.0.0.1", "127.0.0.2", false),
        ("deny", "127.0.0.0/8", "127.0.0.1", false),
        ("deny", "192.0.2.0/24", "127.0.0.1", true),
        ("deny", "127.0.0.1", "127.0.0.2", true),
        ("deny", "127.0.0.2", "127.0.0.2", false),
    ] {
        let attempt = attempt(effect, blocks);
        let sshd = newer(&attempt, TOKENS);
        assert_eq!(
            is_let_in(&attempt, &sshd, from),
            expected,
            "{effect} {blocks} {from}: {}{}",
            attempt.etc.log(),
            sshd.log()
        );
        let log = attempt.etc.log();
        assert!(!log.contains("is not known"), "{log}");
    }
}

#[test]
fn without_the_declared_word_no_rule_for_an_address_allows() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    for tokens in ["", "%f %C", "%D %C"] {
        for effect in ["allow", "deny"] {
            let attempt = attempt(effect, "127.0.0.0/8");
            let sshd = newer(&attempt, tokens);
            assert!(!is_let_in(&attempt, &sshd, "127.0.0.1"), "{tokens}");
            let log = attempt.etc.log();
            assert!(log.contains("the client's address is not known"), "{log}");
        }
    }
}

/// Neither `sshd -t` nor `sshd -T` says so: the version has to.
#[test]
fn sshd_before_9_4_accepts_the_tokens_and_closes_the_connection() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let config = format!(
        "AuthorizedKeysCommand /bin/echo {TOKENS}\nAuthorizedKeysCommandUser {}",
        user_name()
    );
    let old = attempt.sshd(&config);
    let version = attempt.home.command("sshd").arg("-V").run();
    let version = format!("{}{}", version.any_stdout(), version.stderr());
    let ssh = attempt.home.command("ssh").args(attempt.ssh_args(&old));
    let said = ssh.args(["127.0.0.1", "echo in"]).run();
    assert_eq!(said.code(), Some(255));
    let connection = [Argument::Connection];
    let knows = OpenSshVersion::find(&version).unwrap().knows(&connection);
    assert_eq!(
        said.stderr().contains("Permission denied"),
        knows,
        "{version}: {}",
        said.stderr()
    );
    if !knows {
        old.wait_for_log("unknown key %C");
    }
    let new = attempt.home.command(newer_sshd()).arg("-V").run();
    let new = OpenSshVersion::find(&new.stderr()).unwrap();
    assert!(new.knows(&connection));
}

#[test]
fn explain_takes_an_address() {
    let attempt = attempt("allow", "192.0.2.0/24");
    let explain = |more: &[&str]| {
        let certificate = attempt.key_file().with_file_name("key-cert.pub");
        let command: Run = attempt.home.opkssh(["explain", "--etc"]);
        let command = command.arg(attempt.etc.dir()).arg("--cache");
        let command = command.arg(attempt.etc.cache_dir()).args(more);
        command.arg(user_name()).arg(certificate).run()
    };
    let said = explain(&["--client-address", "192.0.2.7"]).stdout();
    assert!(said.contains("yes: "), "{said}");
    assert!(said.contains("from=\"192.0.2.0/24\""), "{said}");
    let said = explain(&["--client-address", "198.51.100.7"]);
    let why = "does not allow: 198.51.100.7 is not in its client_address";
    assert!(said.any_stdout().contains(why), "{}", said.any_stdout());
    said.refused();
    let said = explain(&[]);
    let why = "give it with --client-address";
    assert!(said.any_stdout().contains(why), "{}", said.any_stdout());
    said.refused();
    attempt.etc.write("server.yml", "");
    let said = explain(&["--client-address", "192.0.2.7"]);
    let why = "--client-address has no effect: server.yml does not declare";
    assert!(said.any_stdout().contains(why), "{}", said.any_stdout());
    said.refused();
    // an address, not a block
    explain(&["--client-address", "192.0.2.0/24"]).misused();
}

#[test]
fn audit_names_rules_whose_address_sshd_does_not_pass() {
    let attempt = attempt("deny", "192.0.2.0/24");
    let config = attempt.home.dir().join("sshd_config");
    let audit = |command: &str| {
        let line = format!("AuthorizedKeysCommand {command}\n");
        std::fs::write(&config, line).unwrap();
        let command = attempt.home.opkssh(["audit", "--offline", "--json"]);
        let command = command.args(["--skip-user-policy", "--etc"]);
        let command = command.arg(attempt.etc.dir()).arg("--sshd-config");
        command.arg(&config).run().any_stdout()
    };
    let passes = "/usr/local/bin/opkssh verify %u %k %t %C %D";
    let not_passed = "declares arguments that sshd does not pass";
    assert!(!audit(passes).contains(not_passed));
    assert!(!audit("/usr/bin/other %u").contains(not_passed));
    assert!(audit("/usr/local/bin/opkssh verify %u %k %t").contains(not_passed));
    let not_known = "denies from anywhere: the client's address is not known";
    assert!(!audit(passes).contains(not_known));
    attempt.etc.write("server.yml", "");
    assert!(audit(passes).contains(not_known));
}
