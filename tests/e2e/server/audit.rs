//! `opkssh audit`, beside Go's, and `opkssh explain`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Etc, GoPeer, Home, Output, Part, left_out, user_name};
use serde_json::Value;

use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::setup::OPKSSH;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn audit(home: &Home, etc: &Etc, more: &[&str]) -> Output {
    let command = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
    command.arg(etc.dir()).args(more).run()
}

fn explain(attempt: &Attempt, principal: &str) -> Output {
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    let command = attempt.home.opkssh(["explain", "--etc"]);
    command
        .arg(attempt.etc.dir())
        .arg("--cache")
        .arg(attempt.etc.cache_dir())
        .arg(principal)
        .arg(certificate)
        .run()
}

/// Text and JSON, but for the path of the providers file, which Go has as a constant.
#[test]
fn audit_judges_rows_as_go_does() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (home, etc, peer) = (Home::new(OPKSSH), Etc::new(), GoPeer::new());
    let me = user_name();
    etc.write(
        "providers",
        "https://a.example id 24h\nhttp://localhost:1 id 12h\n",
    );
    let path = etc.dir().join("providers");
    let rows = format!(
        "{me} a@x.example https://a.example\n# comment\n{me} a@x.example https://a.example/\n\
         {me} c http://localhost:1\nbad row\n{me} d https://nope.example\n{me} e http://a.example\n\
         {me} oidc:groups:x https://a.example # why\n"
    );
    etc.write("auth_id", &rows);
    let gos = |more: &[&str]| {
        let command = peer.command(&home);
        let command = command.args(["audit", "--skip-user-policy", "--policy-file"]);
        let command = command
            .arg(etc.dir().join("auth_id"))
            .arg("--providers-file")
            .arg(&path);
        command
            .args(more)
            .run()
            .any_stdout()
            .replace("/etc/opk/providers", &path.display().to_string())
    };
    let ours = audit(&home, &etc, &[]);
    assert!(
        ours.refused()
            .contains("audit completed and discovered errors"),
        "{}",
        ours.stderr()
    );
    // Go shows nothing of a line that is not a row
    let malformed = format!(
        "[ERR] ERROR   : {}:5: \"bad row\" (wrong",
        etc.dir().join("auth_id").display()
    );
    let of_go = gos(&[]).replace("[ERR] ERROR   :    (wrong", &malformed);
    let form = " - write a row: ACCOUNT IDENTITY ISSUER ";
    assert_eq!(ours.any_stdout().matches(form).count(), 1);
    assert_eq!(ours.any_stdout().replace(form, ""), of_go);

    let (ours, gos) = (
        json(&audit(&home, &etc, &["--json"]).any_stdout()),
        json(&gos(&["--json"])),
    );
    for member in [
        "ok",
        "username",
        "providers_file",
        "home_policy",
        "openssh_version",
        "os_info",
    ] {
        assert_eq!(ours[member], gos[member], "{member}");
    }
    assert_eq!(ours["system_policy"]["rows"], gos["system_policy"]["rows"]);

    // nothing to complain about
    etc.write("auth_id", &format!("{me} a@x.example https://a.example\n"));
    let ours = audit(&home, &etc, &[]).stdout();
    assert!(
        ours.ends_with("Exit Code: 0 (no issues detected)\n"),
        "{ours}"
    );
}

#[test]
fn audit_finds_what_would_surprise_later() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let me = user_name();
    etc.write("providers", "https://a.example id 24h\nhttps://b.example id 24hours\n\
                            https://c.example x 24h\nhttps://c.example y 12h\nhttps://d.example/ id 24h\n");
    etc.write("auth_id", &format!(
        "{me} oidc:x https://a.example\nno-such-account a https://a.example\n{me} '' https://a.example\n\
         {me} oidc-match-end:email:example.com https://a.example\n{me} a google\n{me} a https://d.example/\n\
         blocked a https://a.example\n"
    ));
    etc.write("config.yml", "deny_users: [blocked]\nfuture: {a: b}\n");
    let when = "when: [{claim: sub, is: s}]";
    etc.write("rules.yml", &format!(
        "rules:\n- {{name: one, issuer: https://nowhere.example, accounts: [{me}], {when}}}\n\
         - {{name: two, issuer: https://a.example, accounts: [{me}], {when}}}\n\
         - {{name: three, issuer: https://a.example, accounts: [{me}], {when}, options: {{environment: {{A: b}}}}}}\n\
         - {{name: four, issuer: https://a.example, accounts: [blocked], {when}, not_after: 2020-01-01T00:00:00Z}}\n"
    ));
    fs::create_dir(etc.dir().join("policy.d")).unwrap();
    etc.write("policy.d/p.yml", "name: p\ncommand: ' '\n");
    etc.write(
        "server.yml",
        "jwks_files: {https://a.example: /nonexistent/keys.json}\n\
         fallback: {command: [/nonexistent/program]}\n",
    );
    let cache = etc.log_dir().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o755)).unwrap();
    let sshd = home.write("sshd_config", "PermitUserEnvironment no\n");
    let sshd = sshd.to_str().unwrap();
    let words = ["--sshd-config", sshd, "--cache", cache.to_str().unwrap()];
    let said = audit(&home, &etc, &words);
    said.refused();
    let text = said.any_stdout();
    for expected in [
        "invalid expiration policy: 24hours",
        "duplicate issuer: https://c.example",
        "can never match: expected oidc:CLAIM:VALUE",
        "can never match: there is no local account",
        "can never match: the identity is empty",
        "also matches any longer domain that ends in \"example.com\"",
        "short names work with `opkssh add` only",
        "can never match: the account is in deny_users",
        "unknown key \"future\"",
        "rule \"one\" (can never match: none of its issuers is in providers)",
        "rule \"three\" (can never match: rule \"two\" always comes first)",
        "rule \"three\" (sshd would not honour `environment`)",
        "rule \"four\" (can never match: not_after is over)",
        "can never match for \"blocked\": it is in deny_users",
        "policy.d/p.yml is not asked: no command)",
        "https://a.example (/nonexistent/keys.json",
        "server.yml (/nonexistent/program: No such file",
        "the key cache is not used:",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Auth0's issuers end in a slash
    assert!(
        text.contains(&format!("[OK] SUCCESS : {me} a https://d.example/")),
        "{text}"
    );

    for (name, broken) in [
        ("rules.yml", "rule: []\n"),
        ("revoked.yml", "- x\n"),
        ("config.yml", "deny_email: [a]\n"),
    ] {
        etc.write(name, broken);
        let text = audit(&home, &etc, &[]).any_stdout();
        assert!(
            text.contains(&format!("{name} (")) && text.contains("verify refuses every login"),
            "{text}"
        );
        fs::remove_file(etc.dir().join(name)).unwrap();
    }
    etc.write("auth_id", "");
    etc.write("providers", "https://a.example id 24h\n");
    fs::remove_dir_all(etc.dir().join("policy.d")).unwrap();
    fs::remove_file(etc.dir().join("server.yml")).unwrap();
    audit(&home, &etc, &[]).stdout();
    // Go says ok: false, and exits with 0
    fs::set_permissions(etc.dir().join("auth_id"), Permissions::from_mode(0o644)).unwrap();
    let open = audit(&home, &etc, &["--json"]);
    open.refused();
    assert!(
        open.any_stdout().contains("insecure permissions"),
        "{}",
        open.any_stdout()
    );
    assert_eq!(
        json(&open.any_stdout())["findings"][0]["kind"],
        "file-unusable"
    );
    // one value also where there is nothing to look at
    fs::remove_file(etc.dir().join("providers")).unwrap();
    let failed = audit(&home, &etc, &["--json"]);
    let said = json(&failed.any_stdout());
    let reason = said["reason"].as_str().unwrap();
    assert!(failed.refused().starts_with(&format!("Error: {reason}\n")));
    assert!(said["hint"].is_string(), "{said}");
    let replay = audit(&home, &etc, &["--json", "--replay", "/nonexistent"]);
    let said = json(&replay.any_stdout());
    assert!(
        said["reason"]
            .as_str()
            .unwrap()
            .starts_with("cannot read the log")
    );
    assert_eq!(replay.code(), Some(3));
}

#[test]
fn audit_asks_the_providers() {
    let attempt = Attempt::new();
    let reach = || {
        let command = attempt
            .home
            .opkssh(["audit", "--skip-user-policy", "--etc"]);
        command.arg(attempt.etc.dir()).run().any_stdout()
    };
    assert!(!reach().contains("cannot be reached"));
    let gone = opkssh_test_support::FaultyProvider::start(opkssh_test_support::Fault::Refused);
    attempt
        .etc
        .write("providers", &format!("{} id 24h\n", gone.issuer()));
    assert!(reach().contains(&format!(
        "{} (the provider cannot be reached: ",
        gone.issuer()
    )));
}

#[test]
fn explain_says_yes_with_each_step() {
    let attempt = Attempt::new();
    attempt.etc.write("rules.yml", &format!(
        "rules:\n- {{name: ops, issuer: {}, accounts: [root], when: [{{claim: groups, has: ops}}]}}\n", attempt.issuer
    ));
    let said = explain(&attempt, &user_name()).stdout();
    // there is no key cache here, and so nobody to be in root's place
    assert_eq!(said.contains("decided as root"), user_name() == "root");
    for expected in [
        "the certificate is in order",
        "the provider's signature is valid",
        "the login is valid until",
        "not revoked",
        "not on a deny list",
        "rule \"ops\" does not allow: ",
        "auth_id line 1 allows",
        "yes: \"alice@x.example\" (sub=",
        "sshd gets: cert-authority,principals=",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn explain_says_no_why_and_what_to_change() {
    let attempt = Attempt::new();
    let refused = |expected: &str, hint: &str| {
        let said = explain(&attempt, &user_name());
        assert_eq!(said.refused(), "");
        let text = said.any_stdout();
        let (verdict, steps) = text.split_once("\nsteps:\n").unwrap();
        assert!(
            verdict.starts_with("no: ") && verdict.contains(expected),
            "{text}"
        );
        assert!(verdict.contains(hint), "{text}");
        assert!(!steps.contains("sshd gets"), "{text}");
        text
    };
    attempt.etc.write(
        "auth_id",
        &format!("{} alice@x.example {}/\n", user_name(), attempt.issuer),
    );
    let (dir, me, issuer) = (attempt.etc.dir(), user_name(), &attempt.issuer);
    let dir = dir.display();
    refused(
        &format!(
            "auth_id line 1 is for issuer \"{issuer}/\", and the login is of \"{issuer}\": the \
             trailing slash differs"
        ),
        &format!(
            "hint: run: sudo opkssh remove --etc {dir} {me} alice@x.example {issuer}/ && sudo \
             opkssh add --etc {dir} {me} alice@x.example {issuer}"
        ),
    );
    attempt
        .etc
        .write("config.yml", "deny_emails: [alice@x.example]\n");
    let said = refused("denied email", "");
    assert!(
        said.contains("a denial applies; no rule or row can override it"),
        "{said}"
    );
    attempt.etc.write("config.yml", "");
    attempt
        .etc
        .write("providers", "https://other.example id 24h\n");
    refused("unrecognized issuer", "compare the issuer");

    let old = Attempt::with(|login| login.claims["iat"] = (now() - 90_000).into());
    let said = explain(&old, &user_name());
    said.refused();
    let text = said.any_stdout();
    assert!(
        text.contains("expired") && text.contains("hint: log in again: opkssh login; "),
        "{text}"
    );
}

/// The age of a rule of its own, on tokens that the provider's row has given up.
#[test]
fn a_login_may_live_on_refreshes() {
    let old = Attempt::with(|login| login.claims["iat"] = (now() - 5 * 86_400).into());
    let rule = |limit: &str| {
        format!(
            "rules:\n- {{name: long, issuer: {}, accounts: [{}], when: [{{claim: sub, is: sub-1}}], \
             max_age_since_refresh: {limit}}}\n",
            old.issuer,
            user_name()
        )
    };
    old.etc.write("rules.yml", &rule("6d"));
    assert!(
        explain(&old, &user_name())
            .stdout()
            .contains("rule \"long\" allows")
    );
    old.etc.write("rules.yml", &rule("4d"));
    let said = explain(&old, &user_name());
    said.refused();
    assert!(
        said.any_stdout()
            .contains("longer ago than max_age_since_refresh"),
        "{}",
        said.any_stdout()
    );
}

/// Neither what a token says nor what stands in a file does.
#[test]
fn audit_and_explain_do_not_steer_the_terminal() {
    let steers = ['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}'];
    let attempt = Attempt::with(|login| {
        login.claims["email"] = "alice\u{1b}[2J\u{202e}@x.example".into();
        login.certificate.key_id = "id\u{9b}\u{200b}".into();
    });
    let said = explain(&attempt, &user_name());
    let shown = said.any_stdout();
    assert!(
        shown.contains("alice\\u{1b}[2J\\u{202e}@x.example"),
        "{shown}"
    );
    assert!(!shown.contains(steers), "{shown:?}");
    assert!(said.any_stdout().contains("key id \"id\\u{9b}\\u{200b}\""));

    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    etc.write("providers", "https://a.example id 24h\n");
    etc.write("auth_id", "x\u{202e}y a\u{200b}b https://a.example\n");
    for more in [[].as_slice(), &["--json"]] {
        let said = audit(&home, &etc, more);
        assert!(said.any_stdout().contains("202e"), "{}", said.any_stdout());
        assert!(!said.any_stdout().contains(steers), "{}", said.any_stdout());
        assert!(!said.stderr().contains(steers), "{}", said.stderr());
    }
}
