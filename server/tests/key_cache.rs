//! `verify` with a key cache, and the commands for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forge::Login;
use opkssh_server::key_source::Store;
use opkssh_server::{CacheShowArgs, ServerDirs, cache_clear, cache_refresh, cache_show};
use stage::{Provider, Server, discovery, issued, now, ok};

struct Scene {
    login: Login,
    /// With a token of a key that the provider does not have.
    stranger: Login,
    provider: Provider,
    server: Server,
    /// Whether the provider answers with errors only.
    down: Arc<AtomicBool>,
}

impl Scene {
    fn new() -> Self {
        let login = Login::new();
        let keys = login.keys.to_string();
        let down = Arc::new(AtomicBool::new(false));
        let is_down = Arc::clone(&down);
        let provider = Provider::serving(move |own, path| match path {
            _ if is_down.load(Ordering::SeqCst) => {
                Some(("503 Service Unavailable".into(), vec![], vec![]))
            }
            "/.well-known/openid-configuration" => ok(discovery(own)),
            _ => ok(keys.clone()),
        });
        Self::at(provider, login, down)
    }

    fn at(provider: Provider, login: Login, down: Arc<AtomicBool>) -> Self {
        let at_provider = |login: Login| issued(login, &provider.address, now());
        let login = at_provider(login);
        let stranger = at_provider(Login::new()).with(|login| {
            login.id_header["kid"] = "made up".into();
        });
        let server = Server::for_login(&login, &provider.address);
        fs::create_dir(server.path("cache")).unwrap();
        server.mode("cache", 0o700);
        Self {
            login,
            stranger,
            provider,
            server,
            down,
        }
    }

    fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn args(&self) -> ServerDirs {
        ServerDirs {
            etc: self.server.directory.path().to_owned(),
            cache: Some(self.server.path("cache")),
        }
    }

    fn show(&self) -> String {
        let mut out = Vec::new();
        let args = CacheShowArgs {
            dirs: self.args(),
            json: false,
        };
        cache_show(&args, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// As if all that was kept had been kept that long.
    fn age(&self, seconds: i64) {
        let store = Store::open(&self.server.path("cache")).unwrap();
        let (mut entry, _) = store.entry(&self.provider.address).unwrap().unwrap();
        entry.fetched = entry.fetched.plus(-seconds);
        let mut attempt = store.attempt(&self.provider.address).unwrap();
        attempt.asked = attempt.asked.plus(-seconds);
        store.keep(&entry).unwrap();
        store.note(&attempt).unwrap();
    }
}

#[test]
fn a_warm_verify_asks_nobody() {
    let scene = Scene::new();
    scene.server.allows(&scene.login);
    assert_eq!(scene.provider.requests(), 2);
    scene.down(true);
    for _ in 0..3 {
        scene.server.allows(&scene.login);
    }
    assert_eq!(scene.provider.requests(), 2);
    assert!(scene.server.log().contains("from the cache"));
}

#[test]
fn a_provider_that_is_down_for_an_hour_and_for_a_day() {
    let scene = Scene::new();
    scene.server.allows(&scene.login);
    scene.down(true);
    scene.age(2 * 3600);
    scene.server.allows(&scene.login);
    let log = scene.server.log();
    assert!(
        log.contains("using keys of ") && log.contains("status 503"),
        "{log}"
    );
    let asked = scene.provider.requests();
    scene.server.allows(&scene.login);
    assert_eq!(scene.provider.requests(), asked, "asked once in 30 s");
    scene.age(22 * 3600);
    scene
        .server
        .refuses(&scene.login, "past the time for which they may stand in");
    assert!(scene.server.log().contains("status 503"));
    assert!(
        scene.show().contains("too old to be used"),
        "{}",
        scene.show()
    );
    scene.down(false);
    scene.age(60);
    scene.server.allows(&scene.login);
}

#[test]
fn the_stale_bound_can_be_set() {
    let scene = Scene::new();
    scene
        .server
        .write("server.yml", "key_cache: {stale_if_error: 2h}\n");
    scene.server.allows(&scene.login);
    scene.down(true);
    scene.age(2 * 3600);
    scene.server.refuses(&scene.login, "past the time");
}

#[test]
fn tokens_of_made_up_keys_do_not_make_us_hammer() {
    let scene = Scene::new();
    scene.server.allows(&scene.login);
    for _ in 0..5 {
        scene.server.refuses(&scene.stranger, "");
    }
    assert_eq!(scene.provider.requests(), 2);
    assert!(scene.server.log().contains("asked again in"));
    scene.age(30);
    for _ in 0..5 {
        scene.server.refuses(&scene.stranger, "");
    }
    assert_eq!(scene.provider.requests(), 4);
    scene.server.allows(&scene.login);
    assert_eq!(scene.provider.requests(), 4);
}

#[test]
fn a_directory_that_others_can_write_to_is_not_used() {
    let scene = Scene::new();
    scene.server.allows(&scene.login);
    for mode in [0o750, 0o777] {
        scene.server.mode("cache", mode);
        let before = scene.provider.requests();
        scene.server.allows(&scene.login);
        assert_eq!(scene.provider.requests(), before + 2);
        assert!(scene.server.log().contains("key cache not used"));
    }
    scene.server.mode("cache", 0o700);
    let before = scene.provider.requests();
    scene.server.allows(&scene.login);
    assert_eq!(scene.provider.requests(), before);
}

#[test]
fn keys_of_another_issuer_are_never_used_for_this_one() {
    let scene = Scene::new();
    scene.server.allows(&scene.login);
    let store = Store::open(&scene.server.path("cache")).unwrap();
    let (entry, _) = store.entry(&scene.provider.address).unwrap().unwrap();
    let file = |issuer: &str| {
        store.forget_all().unwrap();
        let mut entry = entry.clone();
        entry.issuer = issuer.to_owned();
        store.keep(&entry).unwrap();
        let found = fs::read_dir(scene.server.path("cache")).unwrap();
        found
            .map(|file| file.unwrap().path())
            .find(|path| path.extension().is_some_and(|kind| kind == "keys"))
            .unwrap()
    };
    let right_name = file(&scene.provider.address);
    let other = file("https://evil.example");
    fs::rename(other, right_name).unwrap();
    let before = scene.provider.requests();
    scene.server.allows(&scene.login);
    assert_eq!(scene.provider.requests(), before + 2);
    assert!(scene.server.log().contains("the entry is for"));
}

#[test]
fn show_refresh_and_clear() {
    let scene = Scene::new();
    let issuer = scene.provider.address.clone();
    let cache = scene.server.path("cache");
    assert_eq!(
        scene.show(),
        format!("cache: {}\n{issuer}: no keys yet\n", cache.display())
    );
    let mut out = Vec::new();
    cache_refresh(&scene.args(), &mut out).unwrap();
    assert_eq!(scene.provider.requests(), 2);
    assert!(scene.show().contains(", fresh; keys "), "{}", scene.show());
    scene.server.allows(&scene.login);
    assert_eq!(scene.provider.requests(), 2);

    scene.down(true);
    let error = cache_refresh(&scene.args(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "1 of 1 providers gave no keys");
    assert!(scene.show().contains("status 503"), "{}", scene.show());
    // what was there is still there
    scene.server.allows(&scene.login);

    cache_clear(&scene.args(), Some(&issuer), &mut out).unwrap();
    assert!(scene.show().contains("no keys yet"));
    scene.down(false);
    cache_refresh(&scene.args(), &mut out).unwrap();
    let mut out = Vec::new();
    cache_clear(&scene.args(), None, &mut out).unwrap();
    assert_eq!(out, b"deleted the keys of 1 issuers\n");
    assert!(scene.show().contains("no keys yet"));
}

#[test]
fn a_key_file_for_servers_that_ask_nobody() {
    let scene = Scene::new();
    let issuer = &scene.provider.address;
    let file = scene.server.path("keys.json");
    scene
        .server
        .write("keys.json", &scene.login.keys.to_string());
    let settings = format!("jwks_files: {{\"{issuer}\": {}}}\n", file.display());
    scene.server.write("server.yml", &settings);
    scene.server.allows(&scene.login);
    assert!(scene.show().contains("keys from "));
    let mut out = Vec::new();
    cache_refresh(&scene.args(), &mut out).unwrap();
    scene.server.refuses(&scene.stranger, "");
    scene.server.mode("keys.json", 0o664);
    scene.server.refuses(&scene.login, "insecure permissions");
    scene.server.write("keys.json", "{\"keys\":[]}");
    scene.server.refuses(&scene.login, "no usable key");
    fs::remove_file(file).unwrap();
    scene.server.refuses(&scene.login, "cannot be read");
    assert_eq!(scene.provider.requests(), 0);
}

#[test]
fn settings_that_cannot_be_used_refuse_everyone() {
    let scene = Scene::new();
    for text in [
        "key_cache: {stale: 1h}",
        "jwksfiles: {}",
        "key_cache: {fresh: 1w}",
        ":",
    ] {
        scene.server.write("server.yml", text);
        scene.server.refuses(&scene.login, "every login is refused");
    }
    scene.server.write("server.yml", "");
    scene.server.mode("server.yml", 0o644);
    scene.server.refuses(&scene.login, "insecure permissions");
    assert_eq!(scene.provider.requests(), 0);
    scene.server.mode("server.yml", 0o640);
    scene.server.allows(&scene.login);
}

/// The login's own token was signed long ago; what keeps it alive, with a newer key.
#[test]
fn a_refreshed_token_of_a_new_key_asks_again() {
    let new = Login::new().with(|login| login.id_header["kid"] = "k2".into());
    let mut new_key = new.provider_key.published();
    new_key["kid"] = "k2".into();
    let login = Login::new();
    let old_keys = login.keys.to_string();
    let mut keys = login.keys.clone();
    keys["keys"].as_array_mut().unwrap().push(new_key);
    let rotated = Arc::new(AtomicBool::new(false));
    let has_rotated = Arc::clone(&rotated);
    let provider = Provider::serving(move |own, path| match path {
        "/.well-known/openid-configuration" => ok(discovery(own)),
        _ if has_rotated.load(Ordering::SeqCst) => ok(keys.to_string()),
        _ => ok(old_keys.clone()),
    });
    let scene = Scene::at(provider, login, Arc::default());
    scene.server.allows(&scene.login);
    rotated.store(true, Ordering::SeqCst);
    scene.age(60);
    let asked = scene.provider.requests();
    scene.server.write(
        "providers",
        &format!(
            "{} {} oidc_refreshed\n",
            scene.provider.address,
            forge::CLIENT
        ),
    );
    let payload = scene.login.claims.to_string();
    let (header, signature) = new.id_token(&payload);
    let payload = opkssh_protocol::base64url::encode(payload);
    let token = format!("{}.{header}.{payload}.{signature}", scene.login.pk_token());
    let (kind, certificate) = scene.login.certificate.words(&scene.login.user_key, &token);
    let (_, result) = scene.server.verify_words(&kind, &certificate);
    assert_eq!(result, Ok(()));
    assert_eq!(scene.provider.requests(), asked + 2);
}
