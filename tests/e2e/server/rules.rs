//! `rules.yml` and `revoked.yml` behind a real sshd: what a rule's options make of a login.

use std::fs;

use opkssh_protocol::base64url;
use opkssh_test_support::{Etc, Home, Output, Part, left_out, user_name};
use serde_json::json;

use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::server::verify_refusals::forge::Login;
use crate::setup::OPKSSH;

/// Somebody with these claims beside the usual ones, on a server whose `auth_id` is empty.
pub fn attempt(change: impl FnOnce(&mut Login), rules: &str) -> Attempt {
    let attempt = Attempt::with(change);
    attempt.etc.write("auth_id", "");
    let rules = rules
        .replace("ISSUER", &attempt.issuer)
        .replace("ME", &user_name());
    attempt.etc.write("rules.yml", &rules);
    attempt
}

fn ssh(attempt: &Attempt, config: &str, command: &str) -> Output {
    let sshd = attempt.sshd(config);
    let ssh = attempt.home.command("ssh").args(attempt.ssh_args(&sshd));
    ssh.args(["127.0.0.1", command]).run()
}

fn revoke(etc: &Etc, attempt: &Attempt, words: &[&str]) -> Output {
    let command = attempt.home.opkssh(["server", "revoke", "--etc"]);
    command.arg(etc.dir()).args(words).run()
}

/// A CI job of one environment and one branch may write into one directory, and nothing else.
#[test]
fn a_deploy_job_may_run_rrsync_in_one_directory_only() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let place = Home::new(OPKSSH);
    let site = place.dir().join("site");
    fs::create_dir(&site).unwrap();
    let rules = format!(
        "rules:\n- name: deploy\n  issuer: ISSUER\n  accounts: ME\n  when:\n  \
         - {{claim: environment, is: staging}}\n  - {{claim: ref, is: refs/heads/main}}\n  \
         options:\n    restrict: true\n    command: rrsync -wo {}\n",
        site.display()
    );
    let job = |environment: &str, branch: &str| {
        let (environment, branch) = (environment.to_owned(), branch.to_owned());
        attempt(
            move |login| {
                login.claims["environment"] = json!(environment);
                login.claims["ref"] = json!(branch);
                login.claims["sub"] = json!("repo:acme/site:environment:staging");
            },
            &rules,
        )
    };
    let main = job("staging", "refs/heads/main");
    let sshd = main.sshd("");
    let source = main.home.write("page.html", "new\n");
    let remote_shell = format!("ssh {}", main.ssh_args(&sshd).join(" "));
    let rsync = |from: &str, to: &str| {
        let command = main.home.command("rsync");
        command.args(["-e", &remote_shell, from, to]).run()
    };
    let page = source.display().to_string();
    rsync(&page, "127.0.0.1:page.html").stdout();
    assert_eq!(fs::read_to_string(site.join("page.html")).unwrap(), "new\n");

    let shell = ssh(&main, "", "id");
    assert_ne!(shell.code(), Some(0));
    assert_eq!(shell.any_stdout(), "");
    let back = main.home.dir().join("back");
    assert_ne!(
        rsync("127.0.0.1:page.html", &back.display().to_string()).code(),
        Some(0)
    );
    assert!(!back.exists(), "read where only writing is allowed");
    let outside = main.home.dir().join("outside");
    let _ = rsync(&page, &format!("127.0.0.1:{}", outside.display()));
    assert!(!outside.exists(), "written outside of the directory");

    for (environment, branch) in [
        ("staging", "refs/heads/other"),
        ("production", "refs/heads/main"),
    ] {
        let other = job(environment, branch);
        other.is_refused("no policy to allow");
        assert_eq!(ssh(&other, "", "id").any_stdout(), "");
    }
}

/// One account for many, as with gitolite: the forced command learns who it is.
#[test]
fn one_account_whose_forced_command_knows_who_is_who() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let rules = "rules:\n- name: git\n  issuer: ISSUER\n  accounts: ME\n  when:\n  \
                 - {claim: groups, has: developers}\n  slots:\n    who: {claim: email, type: user, \
                 part: local, domain: x.example}\n  options:\n    restrict: true\n    \
                 command: 'echo \"serving {who}: $SSH_ORIGINAL_COMMAND\"'\n";
    let person = |email: &'static str, group: &'static str| {
        attempt(
            move |login| {
                login.claims["email"] = json!(email);
                login.claims["groups"] = json!([group]);
            },
            rules,
        )
    };
    for name in ["alice", "bob"] {
        let email: &str = if name == "alice" {
            "alice@x.example"
        } else {
            "bob@x.example"
        };
        let person = person(email, "developers");
        let said = ssh(&person, "", "git-upload-pack 'repo'");
        assert_eq!(
            said.stdout(),
            format!("serving {name}: git-upload-pack 'repo'\n")
        );
    }
    person("carol@x.example", "guests").is_refused("no policy to allow");
    for email in [
        "$(touch)@x.example",
        "a\"b@x.example",
        "a\nb@x.example",
        "alice@evil.example",
        "-rf@x.example",
        "*@x.example",
        "alice\",command=\"sh@x.example",
    ] {
        person(email, "developers").is_refused("cannot be filled in");
    }
}

/// Source addresses from a claim, as step-ca's templates do.
#[test]
fn the_source_addresses_that_a_claim_names() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let rules = "rules:\n- name: vpn\n  issuer: ISSUER\n  accounts: ME\n  when: [{claim: sub, present: true}]\n  \
                 slots: {nets: {claim: [network, sources], type: cidrs}}\n  options: {from: '{nets}'}\n";
    let at = |sources: serde_json::Value| {
        attempt(
            move |login| login.claims["network"] = json!({"sources": sources}),
            rules,
        )
    };
    let here = at(json!(["192.0.2.0/24", "127.0.0.0/8"]));
    assert_eq!(ssh(&here, "", "echo in").stdout(), "in\n");
    let elsewhere = ssh(&at(json!(["192.0.2.0/24"])), "", "echo in");
    assert_eq!(
        (elsewhere.code(), elsewhere.any_stdout()),
        (Some(255), String::new())
    );
    for sources in [
        json!("*"),
        json!(["127.0.0.1", "*"]),
        json!([]),
        json!("127.0.0.1\" "),
        json!("127.0.0.1/8"),
    ] {
        at(sources).is_refused("cannot be filled in");
    }
}

#[test]
fn a_variable_for_the_session() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let rules = "rules:\n- name: env\n  issuer: ISSUER\n  accounts: ME\n  when: [{claim: sub, is: sub-1}]\n  \
                 slots: {mail: {claim: email, type: word}}\n  options: {no-pty: true, environment: {OPK_WHO: '{mail}'}}\n";
    let person = attempt(|_| (), rules);
    let said = ssh(&person, "PermitUserEnvironment yes", "echo $OPK_WHO");
    assert_eq!(said.stdout(), "alice@x.example\n");
}

/// Who wrote a rule that denies must not find out later that it was never read.
#[test]
fn rules_that_cannot_be_used_refuse_everybody() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    attempt.etc.write("rules.yml", "rules: []\n");
    attempt.is_let_in();
    for (name, text) in [
        ("rules.yml", "rules: [{name: a, efect: deny}]\n"),
        ("rules.yml", "rules: [\n"),
        ("revoked.yml", "- {subjct: a}\n"),
        ("rules.yml", "rules:\n"),
        ("rules.yml", "never_accounts: [no]\n"),
        ("revoked.yml", "- {subject: a, issuer: i, reason: }\n"),
    ] {
        attempt.etc.write(name, text);
        attempt.is_refused("cannot be used, so every login is refused");
        fs::remove_file(attempt.etc.dir().join(name)).unwrap();
    }
    attempt.etc.write("rules.yml", "rules: []\n");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(attempt.etc.dir().join("rules.yml"), open).unwrap();
    attempt.is_refused("insecure permissions");
}

/// Each is found by `audit` before anybody is refused.
#[test]
fn audit_says_what_has_no_value_and_what_has_to_be_quoted() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    etc.write("providers", "https://a.example id 24h\n");
    etc.write("auth_id", "");
    let audit = || {
        let command = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
        command.arg(etc.dir()).run()
    };
    let rule = "rules:\n- name: a\n  issuer: https://a.example\n  accounts: root\n  when: [{claim: \
                sub, is: s}]\n";
    etc.write("rules.yml", rule);
    audit().stdout();
    for (name, text, what) in [
        (
            "rules.yml",
            format!("{rule}  options:\n    command:\n"),
            "\"command\" has no value",
        ),
        ("rules.yml", rule.replace("is: s", "is: NO"), "write \"NO\""),
        ("revoked.yml", "- {key: }\n".into(), "\"key\" has no value"),
        (
            "server.yml",
            "fallback:\n".into(),
            "\"fallback\" has no value",
        ),
    ] {
        etc.write(name, &text);
        let said = audit();
        said.refused();
        let said = said.any_stdout();
        assert!(
            said.contains(what) && said.contains("refuses every login"),
            "{said}"
        );
        fs::remove_file(etc.dir().join(name)).unwrap();
    }
    // Go's own file may say nothing, and its list of addresses lets in who has none
    etc.write("config.yml", "deny_users:\ndeny_emails: ~\n");
    audit().stdout();
    etc.write("config.yml", "deny_emails: [alice@x.example]\n");
    let said = audit();
    said.refused();
    let said = said.any_stdout();
    assert!(said.contains("without a mail address"), "{said}");
    let deny = "- name: no mail\n  effect: deny\n  when: [{claim: email, present: false}]\n";
    etc.write("rules.yml", &format!("{rule}{deny}"));
    audit().stdout();
}

/// By number: a person who may choose the claim becomes no account but a person's.
#[test]
fn no_claim_names_an_account_of_the_system() {
    let from_claim = "rules:\n- name: own\n  issuer: ISSUER\n  account_from: {claim: \
                      preferred_username}\n";
    let named = |name: &str, rules: &str| {
        let name = json!(name);
        attempt(
            move |login| login.claims["preferred_username"] = name,
            rules,
        )
    };
    let me = user_name();
    for name in ["root", "daemon", "nobody", &me] {
        let person = named(name, from_claim);
        let (kind, base64) = person.words();
        person.principal_is_refused(name, &kind, &base64, "no policy to allow");
    }
    let explained = |attempt: &Attempt| {
        let certificate = attempt.key_file().with_file_name("key-cert.pub");
        let command = attempt.home.opkssh(["explain", "--etc"]);
        let command = command.arg(attempt.etc.dir()).arg("--cache");
        let command = command.arg(attempt.etc.cache_dir()).arg("daemon");
        command.arg(certificate).run().any_stdout()
    };
    let said = explained(&named("daemon", from_claim));
    assert!(said.contains("is below UID_MIN"), "{said}");
    let listed = format!("{from_claim}  accounts: [daemon]\n  when: [{{claim: sub, is: sub-1}}]\n");
    let said = explained(&named("somebody", &listed));
    assert!(said.contains("may log in as daemon"), "{said}");
}

/// The provider said so when it refreshed the ID token.
#[test]
fn a_group_that_was_left_no_longer_counts() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let rules = "rules:\n- name: dev\n  issuer: ISSUER\n  accounts: ME\n  when: [{claim: groups, has: \
                 dev}]\n";
    let refreshed = |expiration: &str, groups: serde_json::Value| {
        let change = |login: &mut Login| {
            login.claims["groups"] = json!(["dev"]);
            login.claims["exp"] = json!(now() - 60);
        };
        let mut attempt = attempt(change, rules);
        attempt.expiration(expiration);
        let login = &mut attempt.login;
        let mut claims = login.claims.clone();
        claims["groups"] = groups;
        claims["iat"] = json!(now() - 10);
        claims["exp"] = json!(now() + 3600);
        let payload = claims.to_string();
        let (header, signature) = login.id_token(&payload);
        let payload = base64url::encode(payload);
        let token = format!("{}.{header}.{payload}.{signature}", login.pk_token());
        login.certificate.extensions = Some(vec![("openpubkey-pkt".to_owned(), token)]);
        attempt
    };
    for expiration in ["oidc_refreshed", "24h"] {
        refreshed(expiration, json!(["dev", "ops"])).is_let_in();
        refreshed(expiration, json!(["ops"])).is_refused("no policy to allow");
        refreshed(expiration, json!([])).is_refused("no policy to allow");
    }
}

#[test]
fn what_is_revoked_is_refused_from_now_on() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    attempt.is_let_in();
    let certificate = attempt.key_file().with_file_name("key-cert.pub");
    let certificate = certificate.to_str().unwrap();
    let file = attempt.etc.dir().join("revoked.yml");
    for (words, what) in [
        (
            vec!["--subject", "sub-1", "--issuer", &attempt.issuer],
            "revoked: subject \"sub-1\"",
        ),
        (
            vec!["--key", certificate, "--reason", "lost: \"laptop\" # 1"],
            "revoked: key SHA256:",
        ),
        (
            vec!["--certificate", certificate],
            "revoked: certificate SHA256:",
        ),
    ] {
        let said = revoke(&attempt.etc, &attempt, &words).stdout();
        assert!(said.contains("is revoked now in"), "{said}");
        attempt.is_refused(what);
        let again = revoke(&attempt.etc, &attempt, &words).stdout();
        assert!(again.contains("is revoked already"), "{again}");
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
        fs::remove_file(&file).unwrap();
        attempt.is_let_in();
    }
    // somebody else
    let mut attempt = attempt;
    attempt.etc = attempt.etc.provider("https://other.example", "id", "24h");
    revoke(
        &attempt.etc,
        &attempt,
        &["--subject", "sub-1", "--issuer", "https://other.example"],
    )
    .stdout();
    revoke(
        &attempt.etc,
        &attempt,
        &["--subject", "sub-2", "--issuer", &attempt.issuer],
    )
    .stdout();
    attempt.is_let_in();
    for words in [
        &["--key", "SHA256:short"][..],
        &["--subject", "sub-1"],
        &[],
        &["--certificate", "/dev/null"],
    ] {
        let refused = revoke(&attempt.etc, &attempt, words);
        assert!(matches!(refused.code(), Some(1 | 2)), "{words:?}");
    }
    attempt.is_let_in();
}
