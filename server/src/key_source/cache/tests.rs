use std::cell::{Cell, RefCell};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::super::PublishedKeys;
use super::*;
use crate::http::HttpError;

const ISSUER: &str = "https://op.example";
const X: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const HOUR: i64 = 3600;
const T: i64 = 1_000_000;

/// A provider that publishes a key of this name, or is down.
#[derive(Default)]
struct Provider {
    kid: RefCell<Option<&'static str>>,
    max_age: Cell<Option<Duration>>,
    requests: Cell<usize>,
    /// The time of the clock, and how many seconds pass on each reading.
    now: Cell<i64>,
    takes: Cell<i64>,
}

impl KeySource for Provider {
    fn fetch(&self, issuer: &str, deadline: Deadline) -> Result<PublishedKeys, KeySourceError> {
        self.requests.set(self.requests.get() + 1);
        self.now.set(self.now.get() + self.takes.get());
        match *self.kid.borrow() {
            Some(kid) => Ok(published(kid, self.max_age.get())),
            None => Err(KeySourceError::from(HttpError::Deadline {
                issuer: issuer.to_owned(),
                deadline: deadline.remaining(),
            })),
        }
    }
}

fn later() -> Deadline {
    Deadline::after(Duration::from_secs(600))
}

fn published(kid: &str, max_age: Option<Duration>) -> PublishedKeys {
    let document =
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{X}"}}]}}"#);
    PublishedKeys {
        keys: KeySet::parse(document.as_bytes()).unwrap(),
        document,
        max_age,
    }
}

fn private_directory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}

struct Stage {
    directory: tempfile::TempDir,
    store: Store,
    provider: Provider,
}

impl Stage {
    fn new(kid: Option<&'static str>) -> Self {
        let directory = private_directory();
        let stage = Self {
            store: Store::open(directory.path()).unwrap(),
            directory,
            provider: Provider::default(),
        };
        stage.publishes(kid);
        stage
    }

    fn publishes(&self, kid: Option<&'static str>) {
        *self.provider.kid.borrow_mut() = kid;
    }

    /// Requests the key `kid` at T + `after` seconds.
    fn wants(&self, kid: &'static str, after: i64) -> Result<CachedKeys, KeySourceError> {
        self.at(after, |cache| {
            cache.keys(ISSUER, later(), |keys| keys.knows(Some(kid)))
        })
    }

    fn refreshes(&self, after: i64) -> Result<CachedKeys, KeySourceError> {
        self.at(after, |cache| cache.refresh(ISSUER, later()))
    }

    fn at<T>(&self, after: i64, ask: impl FnOnce(&KeyCache<'_, Provider>) -> T) -> T {
        self.provider.now.set(T + after);
        let clock = || UnixTime(self.provider.now.get());
        ask(&KeyCache::new(&self.store, &self.provider, Bounds::default()).with_clock(&clock))
    }

    #[track_caller]
    fn finds(&self, kid: &'static str, after: i64, requests: usize) -> CachedKeys {
        let found = self.wants(kid, after).unwrap();
        assert!(found.keys.knows(Some(kid)));
        assert_eq!(self.provider.requests.get(), requests, "requests");
        found
    }
}

#[test]
fn warm_means_no_request() {
    let stage = Stage::new(Some("a"));
    assert_eq!(stage.finds("a", 0, 1).age, None);
    for age in [0, 1, HOUR - 1] {
        let found = stage.finds("a", age, 1);
        assert_eq!(found.age, Some(age));
        assert!(found.notices.is_empty());
    }
    assert_eq!(stage.finds("a", HOUR, 2).age, None);
}

#[test]
fn cache_control_within_its_bounds() {
    let stage = Stage::new(Some("a"));
    stage.provider.max_age.set(Some(Duration::from_secs(300)));
    stage.finds("a", 0, 1);
    stage.finds("a", 299, 1);
    stage
        .provider
        .max_age
        .set(Some(Duration::from_secs(999_999)));
    stage.finds("a", 300, 2);
    stage.finds("a", 300 + HOUR - 1, 2);
    stage.finds("a", 300 + HOUR, 3);
}

#[test]
fn a_provider_that_is_down_locks_nobody_out_for_a_day() {
    let stage = Stage::new(Some("a"));
    stage.finds("a", 0, 1);
    stage.publishes(None);
    let found = stage.finds("a", 2 * HOUR, 2);
    assert_eq!(found.age, Some(2 * HOUR));
    assert!(
        found.notices[0].contains("did not answer"),
        "{:?}",
        found.notices
    );
    // not asked by each login
    stage.finds("a", 2 * HOUR + 29, 2);
    stage.finds("a", 2 * HOUR + 30, 3);
    stage.finds("a", 24 * HOUR - 1, 4);
    let error = stage.wants("a", 24 * HOUR + 60).unwrap_err();
    assert!(matches!(error, KeySourceError::Stale { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("24 h ago") && text.contains("did not answer"),
        "{text}"
    );
    stage.publishes(Some("a"));
    assert_eq!(stage.finds("a", 24 * HOUR + 70, 6).age, None);
}

#[test]
fn a_new_key_is_fetched_but_garbage_does_not_hammer() {
    let stage = Stage::new(Some("a"));
    stage.finds("a", 0, 1);
    for after in [1, 10, 29] {
        let found = stage.wants("made up", after).unwrap();
        assert!(!found.keys.knows(Some("made up")));
        assert!(
            found.notices[0].contains("asked again in"),
            "{:?}",
            found.notices
        );
    }
    assert_eq!(stage.provider.requests.get(), 1);
    stage.publishes(Some("b"));
    // delayed no longer than that
    stage.finds("b", 30, 2);
    for after in 31..60 {
        stage.wants("made up", after).unwrap();
    }
    assert_eq!(stage.provider.requests.get(), 2);
}

#[test]
fn with_nothing_at_hand_it_fails_fast_and_says_why() {
    let stage = Stage::new(None);
    assert!(matches!(
        stage.wants("a", 0),
        Err(KeySourceError::Http(HttpError::Deadline { .. }))
    ));
    let text = stage.wants("a", 2).unwrap_err().to_string();
    assert!(
        text.contains("did not answer") && text.contains("again in 3 s"),
        "{text}"
    );
    assert_eq!(stage.provider.requests.get(), 1);
    stage.publishes(Some("a"));
    stage.finds("a", 5, 2);
}

#[test]
fn the_pause_counts_from_the_end_of_the_failure() {
    let stage = Stage::new(None);
    stage.provider.takes.set(10);
    stage.wants("a", 0).unwrap_err();
    for after in [10, 14] {
        let error = stage.wants("a", after).unwrap_err();
        assert!(
            matches!(error, KeySourceError::AskedJustNow { ago, .. } if ago == after - 10),
            "{error}"
        );
    }
    assert_eq!(stage.provider.requests.get(), 1);
    stage.wants("a", 15).unwrap_err();
    assert_eq!(stage.provider.requests.get(), 2);
}

#[test]
fn keys_count_from_when_they_were_asked_for() {
    let stage = Stage::new(Some("a"));
    stage.provider.takes.set(10);
    stage.finds("a", 0, 1);
    let found = stage.finds("a", 20, 1);
    assert_eq!(found.age, Some(20));
}

/// Another process asks, fails and releases the lock while this one waits for it.
#[test]
fn the_clock_is_read_anew_after_waiting() {
    let stage = Stage::new(None);
    let lock = stage.store.lock_issuer(ISSUER, later()).unwrap();
    let (began, ended) = (Cell::new(Some(lock)), Cell::new(false));
    // the first reading is six; then the other process ends at ten, and the lock is free
    let clock = || {
        if let Some(lock) = began.take() {
            let failed = Attempt {
                issuer: ISSUER.to_owned(),
                asked: UnixTime(T + 10),
                failure: Some("did not answer".to_owned()),
            };
            stage.store.note(&failed).unwrap();
            drop(lock);
            return UnixTime(T + 6);
        }
        ended.set(true);
        UnixTime(T + 10)
    };
    let error = KeyCache::new(&stage.store, &stage.provider, Bounds::default())
        .with_clock(&clock)
        .keys(ISSUER, later(), |_| true)
        .unwrap_err();
    assert!(ended.get());
    assert!(
        matches!(error, KeySourceError::AskedJustNow { ago: 0, .. }),
        "{error}"
    );
    assert_eq!(stage.provider.requests.get(), 0);
}

#[test]
fn keys_at_hand_make_the_deadline_shorter_and_never_longer() {
    struct Watched(Cell<Option<Deadline>>);
    impl KeySource for Watched {
        fn fetch(&self, issuer: &str, deadline: Deadline) -> Result<PublishedKeys, KeySourceError> {
            self.0.set(Some(deadline));
            Err(KeySourceError::NoKeys {
                url: issuer.to_owned(),
            })
        }
    }
    let stage = Stage::new(Some("a"));
    let ask = |after: i64, deadline: Deadline| {
        let (source, clock) = (Watched(Cell::default()), || UnixTime(T + after));
        let _ = KeyCache::new(&stage.store, &source, Bounds::default())
            .with_clock(&clock)
            .keys(ISSUER, deadline, |_| true);
        source.0.get().expect("asked")
    };
    let whole = later();
    assert_eq!(ask(0, whole), whole);
    stage.finds("a", 60, 1);
    assert!(ask(2 * HOUR, whole) < whole);
    let soon = Deadline::after(Duration::from_secs(1));
    assert_eq!(ask(3 * HOUR, soon), soon);
}

#[test]
fn a_clock_that_was_set_back() {
    let stage = Stage::new(Some("a"));
    stage.finds("a", 10_000, 1);
    assert_eq!(stage.finds("a", 0, 2).age, None);
}

#[test]
fn a_broken_entry_is_named_and_replaced() {
    let stage = Stage::new(Some("a"));
    stage.finds("a", 0, 1);
    for file in stage.directory.path().read_dir().unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "keys") {
            fs::write(path, "{").unwrap();
        }
    }
    let found = stage.finds("a", 40, 2);
    assert!(found.notices[0].contains("not used"), "{:?}", found.notices);
    assert!(stage.finds("a", 41, 2).notices.is_empty());
}

#[test]
fn without_a_lock_the_provider_is_asked_all_the_same() {
    let stage = Stage::new(Some("a"));
    drop(stage.store.lock_issuer(ISSUER, later()).unwrap());
    let lock = fs::read_dir(stage.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "lock"))
        .unwrap();
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();

    let found = stage.finds("a", 0, 1);
    assert_eq!(found.age, None);
    assert!(
        found.notices[0].contains("without a lock") && found.notices[0].contains("os error 21"),
        "{:?}",
        found.notices
    );
    assert!(stage.finds("a", 1, 1).notices.is_empty(), "kept");
    let refreshed = stage.refreshes(2).unwrap();
    assert!(refreshed.notices[0].contains("os error 21"));
}

#[test]
fn a_refresh_asks_at_once() {
    let stage = Stage::new(Some("a"));
    stage.finds("a", 0, 1);
    stage.publishes(Some("b"));
    stage.refreshes(1).unwrap();
    stage.finds("b", 2, 2);
}

#[test]
fn many_at_once_with_a_cold_cache_make_one_request() {
    struct Slow(AtomicUsize, Barrier);
    impl KeySource for Slow {
        fn fetch(&self, _: &str, _: Deadline) -> Result<PublishedKeys, KeySourceError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(published("a", None))
        }
    }
    const MANY: usize = 50;
    let directory = private_directory();
    let source = Arc::new(Slow(AtomicUsize::new(0), Barrier::new(MANY)));
    thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| {
                // a store for each, as for separate processes
                let store = Store::open(directory.path()).unwrap();
                source.1.wait();
                KeyCache::new(&store, &*source, Bounds::default())
                    .keys(ISSUER, later(), |keys| keys.knows(Some("a")))
                    .unwrap();
            });
        }
    });
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
}
