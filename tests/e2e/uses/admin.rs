//! An admin of servers: lets somebody in, sees why somebody is not, and throws somebody out.

use std::fs;

use opkssh_test_support::{Home, Output, Part, left_out, user_name};

use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::OPKSSH;

/// `opkssh WORDS --etc DIR MORE` for the server of this attempt.
fn admin(attempt: &Attempt, words: &[&str], more: &[&str]) -> Output {
    let command = attempt.home.opkssh(words).arg("--etc");
    command.arg(attempt.etc.dir()).args(more).run()
}

#[test]
fn somebody_is_let_in_explained_and_revoked() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let me = user_name();
    attempt.etc.write("auth_id", "");
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    let certificate = certificate.display().to_string();
    let cache = attempt.etc.cache_dir().display().to_string();
    let explain = || {
        admin(
            &attempt,
            &["explain"],
            &["--cache", &cache, &me, &certificate],
        )
    };

    attempt.is_refused("no policy to allow alice@x.example");
    let refused = explain();
    assert!(
        refused.any_stdout().contains("alice@x.example"),
        "{}",
        refused.any_stdout()
    );
    // a row is never proposed for root
    let cure = if me == "root" {
        "write a rule"
    } else {
        "opkssh add"
    };
    refused.refused();
    let said = refused.any_stdout();
    assert!(said.contains(cure), "{said}");

    let added = admin(
        &attempt,
        &["add"],
        &[&me, "alice@x.example", &attempt.issuer],
    );
    let file = attempt.etc.dir().join("auth_id");
    let said = format!("Successfully added new policy to {}\n", file.display());
    assert_eq!(added.stdout(), said);
    let row = format!("{me} alice@x.example {}\n", attempt.issuer);
    assert_eq!(fs::read_to_string(&file).unwrap(), row);
    attempt.is_let_in();
    assert!(explain().success(), "{}", explain().stderr());
    let log = attempt.etc.log();
    assert!(
        log.contains(&format!("successfully verified account={me}")),
        "{log}"
    );

    let subject = attempt.login.claims["sub"].as_str().unwrap().to_owned();
    let revoke = ["--subject", &subject, "--issuer", &attempt.issuer];
    let revoked = admin(&attempt, &["server", "revoke"], &revoke).stdout();
    assert!(revoked.contains("is revoked now in"), "{revoked}");
    let again = admin(&attempt, &["server", "revoke"], &revoke).stdout();
    assert!(again.contains("is revoked already in"), "{again}");
    attempt.is_refused("revoked");
    let said = explain();
    said.refused();
    assert!(
        said.any_stdout().contains("revoked"),
        "{}",
        said.any_stdout()
    );
}

#[test]
fn help_manual_and_audit_find_what_is_wrong() {
    let home = Home::new(OPKSSH);
    let help = home.opkssh(["server", "--help"]).run().stdout();
    assert!(
        help.contains("sudo opkssh server install --dry-run"),
        "{help}"
    );
    let etc = opkssh_test_support::Etc::new();
    etc.write("providers", "https://id.example client 24hours\n");
    let audit = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
    let audit = audit.arg(etc.dir()).run();
    assert!(
        audit.any_stdout().contains("24hours"),
        "{}",
        audit.any_stdout()
    );
    let said = audit.refused();
    let end = "Error: audit completed and discovered errors: 2 errors, 0 warnings\n";
    assert!(said.ends_with(end), "{said}");
    home.opkssh(["man", "man"]).run().stdout();
    let page = fs::read_to_string(home.dir().join("man/man5/opkssh-server.5")).unwrap();
    assert!(page.contains("1week"), "{page}");
}
