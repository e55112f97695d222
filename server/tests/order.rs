//! What refuses comes before what allows: no plugin and no fallback command lets in whom a
//! revocation, a deny list, a rule or a clock keeps out, and neither is asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use std::fs;

use forge::Login;
use stage::{ACCOUNT, Provider, Server, issued, now, ok};

/// A login that only a plugin or the fallback would let in. Both leave a file when they are asked.
struct Scene {
    login: Login,
    server: Server,
    issuer: String,
    _provider: Provider,
}

impl Scene {
    fn new() -> Self {
        let login = Login::new();
        let provider = Provider::of(&login);
        Self::at(provider, login)
    }

    fn at(provider: Provider, login: Login) -> Self {
        let issuer = provider.address.clone();
        let login = issued(login, &issuer, now());
        let server = Server::for_login(&login, &issuer);
        server.write("auth_id", "");
        // nothing can be made right beside the key cache
        fs::create_dir(server.path("asked")).unwrap();
        Self {
            login,
            server,
            issuer,
            _provider: provider,
        }
    }

    fn plugin(&self, script: &str) {
        let server = &self.server;
        fs::create_dir_all(server.path("policy.d")).unwrap();
        server.mode("policy.d", 0o750);
        let asked = server.path("asked/plugin").display().to_string();
        server.write("plugin", &format!(": >{asked}\n{script}\n"));
        let program = server.path("plugin").display().to_string();
        let text = format!("name: says yes\ncommand: /bin/sh {program}\n");
        server.write("policy.d/yes.yml", &text);
    }

    fn fallback(&self) {
        let asked = self.server.path("asked/fallback").display().to_string();
        let script = format!("/bin/sh, -c, \": >{asked}; echo a line\"");
        let text = format!("fallback: {{command: [{script}]}}\n");
        self.server.write("server.yml", &text);
    }

    fn asked(&self, whom: &str) -> bool {
        asked(&self.server, whom)
    }
}

/// Since one asked this last.
fn asked(server: &Server, whom: &str) -> bool {
    fs::remove_file(server.path(&format!("asked/{whom}"))).is_ok()
}

/// What keeps somebody out: a file of the server's, its text, its mode, and the reason given.
fn refusals(issuer: &str) -> Vec<(&'static str, String, u32, &'static str)> {
    let rule = |rest: &str| format!("rules: [{{name: one, {rest}}}]\n");
    vec![
        (
            "revoked.yml",
            format!("- {{subject: sub-1, issuer: '{issuer}'}}\n"),
            0o640,
            "revoked",
        ),
        (
            "config.yml",
            format!("deny_users: [{ACCOUNT}]\n"),
            0o640,
            "denied user",
        ),
        (
            "config.yml",
            "deny_emails: [alice@x.example]\n".into(),
            0o640,
            "denied email",
        ),
        (
            "rules.yml",
            rule("effect: deny, when: [{claim: sub, is: sub-1}]"),
            0o640,
            "denied by",
        ),
        (
            "rules.yml",
            rule(&format!(
                "issuer: '{issuer}', accounts: [{ACCOUNT}], when: [{{claim: sub, is: sub-1}}], \
                 slots: {{net: {{claim: email, type: cidrs}}}}, options: {{from: ['{{net}}']}}"
            )),
            0o640,
            "cannot be filled in",
        ),
        ("revoked.yml", "[".into(), 0o640, "every login is refused"),
        ("revoked.yml", "[]".into(), 0o666, "every login is refused"),
        ("rules.yml", "[".into(), 0o640, "every login is refused"),
        (
            "rules.yml",
            "rules: []".into(),
            0o666,
            "every login is refused",
        ),
        (
            "config.yml",
            "deny_users: [".into(),
            0o640,
            "every login is refused",
        ),
        ("config.yml", String::new(), 0o666, "every login is refused"),
    ]
}

/// Whoever cannot be let in for another reason is no exception: their files are read first.
#[test]
fn nor_is_it_about_a_bad_certificate_while_one_of_the_files_cannot_be_read() {
    let scene = Scene::new();
    scene.fallback();
    let long_ago = scene.login.with(|login| {
        login.claims["iat"] = 1.into();
        login.claims["exp"] = 2.into();
    });
    assert_eq!(scene.server.verify(&long_ago).0, "a line\n");
    assert!(asked(&scene.server, "fallback"));
    for file in ["rules.yml", "revoked.yml"] {
        scene.server.write(file, "[");
        scene.server.refuses(&long_ago, "every login is refused");
        assert!(!asked(&scene.server, "fallback"), "{file}");
        fs::remove_file(scene.server.path(file)).unwrap();
    }
}

#[test]
fn a_plugin_is_not_asked_about_whom_something_refuses() {
    let scene = Scene::new();
    scene.plugin("echo allow");
    scene.server.allows(&scene.login);
    assert!(scene.asked("plugin"));
    for (file, text, mode, reason) in refusals(&scene.issuer) {
        scene.server.write(file, &text);
        scene.server.mode(file, mode);
        scene.server.refuses(&scene.login, reason);
        assert!(!scene.asked("plugin"), "{file}: {text}");
        fs::remove_file(scene.server.path(file)).unwrap();
    }
    scene.server.allows(&scene.login);
}

#[test]
fn the_fallback_is_not_asked_about_whom_something_refuses() {
    let scene = Scene::new();
    scene.fallback();
    assert_eq!(scene.server.verify(&scene.login).0, "a line\n");
    assert!(scene.asked("fallback"));
    for (file, text, mode, reason) in refusals(&scene.issuer) {
        scene.server.write(file, &text);
        scene.server.mode(file, mode);
        scene.server.refuses(&scene.login, reason);
        assert!(!scene.asked("fallback"), "{file}: {text}");
        fs::remove_file(scene.server.path(file)).unwrap();
    }
    assert_eq!(scene.server.verify(&scene.login).0, "a line\n");
}

/// A rule may let an old login in, on its own terms. A plugin has none.
#[test]
fn a_plugin_does_not_let_an_expired_login_in() {
    let scene = Scene::new();
    scene.plugin("echo allow");
    scene.server.allows(&scene.login);
    assert!(scene.asked("plugin"));
    let then = now() - 2 * 86_400;
    let old = scene.login.with(|login| {
        login.claims["iat"] = then.into();
        login.claims["exp"] = (then + 60).into();
    });
    for rules in [
        "rules: []".to_owned(),
        // for somebody else, who may come with a login of any age
        format!(
            "rules: [{{name: long, issuer: '{}', accounts: [{ACCOUNT}], \
             when: [{{claim: sub, is: other}}], max_age_since_refresh: 30d}}]\n",
            scene.issuer
        ),
    ] {
        scene.server.write("rules.yml", &rules);
        scene.server.refuses(&old, "expired");
        assert!(!asked(&scene.server, "plugin"));
    }
}

#[test]
fn a_plugin_takes_no_restriction_away() {
    let scene = Scene::new();
    scene.plugin("echo allow");
    scene.server.write(
        "rules.yml",
        &format!(
            "rules: [{{name: one, issuer: '{}', accounts: [{ACCOUNT}], \
             when: [{{claim: sub, is: sub-1}}], options: {{restrict: true}}}}]\n",
            scene.issuer
        ),
    );
    let (out, result) = scene.server.verify(&scene.login);
    assert_eq!(result, Ok(()));
    assert!(out.contains(",restrict"), "{out}");
    assert!(!scene.asked("plugin"));
}

#[test]
fn a_plugin_without_any_auth_id_is_asked() {
    let scene = Scene::new();
    fs::remove_file(scene.server.path("auth_id")).unwrap();
    scene.server.refuses(&scene.login, "error loading policy");
    scene.plugin("echo deny");
    scene.server.refuses(&scene.login, "error loading policy");
    assert!(scene.asked("plugin"));
    scene.plugin("echo allow");
    scene.server.allows(&scene.login);
}

#[test]
fn a_plugin_cannot_write_to_the_key_cache() {
    let scene = Scene::new();
    let cache = scene.server.path("cache");
    fs::create_dir(&cache).unwrap();
    scene.server.mode("cache", 0o700);
    let shown = cache.display();
    scene.plugin(&format!(
        "(rm -f {shown}/*; echo x >{shown}/new) 2>/dev/null; echo allow"
    ));
    scene.server.allows(&scene.login);
    assert!(scene.asked("plugin"));
    assert!(!cache.join("new").exists());
    assert!(cache.read_dir().unwrap().next().is_some(), "keys are gone");
}

/// The deny lists and rules look at userinfo; the age of a login is the ID token's.
#[test]
fn what_only_userinfo_says_refuses_too() {
    let login = Login::new();
    let keys = login.keys.to_string();
    let provider = Provider::serving(move |own, path| match path {
        "/.well-known/openid-configuration" => ok(serde_json::json!({
            "issuer": own,
            "jwks_uri": format!("{own}/keys"),
            "userinfo_endpoint": format!("{own}/me"),
        })
        .to_string()),
        "/keys" => ok(keys.clone()),
        "/me" => ok(r#"{"sub":"sub-1","groups":["dev"]}"#),
        _ => None,
    });
    let mut scene = Scene::at(provider, login);
    scene.plugin("echo allow");
    scene.fallback();
    scene.login = scene.login.with(|login| {
        login.certificate.extensions = Some(vec![
            ("openpubkey-act".into(), "access".into()),
            ("openpubkey-pkt".into(), login.pk_token()),
        ]);
    });
    let text = "rules: [{name: no devs, effect: deny, when: [{claim: groups, has: dev}]}]\n";
    scene.server.write("rules.yml", text);
    scene.server.refuses(&scene.login, "no devs");
    assert!(!scene.asked("plugin") && !scene.asked("fallback"));
    scene
        .server
        .write("rules.yml", &text.replace("has: dev", "has: ops"));
    scene.server.allows(&scene.login);
}
