//! `lock_on`: identities are put away with the screen and for sleep, as logind says.

use opkssh_test_support::{Logind, Part, SecretService, SystemBus, left_out, wait_until};

use crate::agent::store::stored_text;
use crate::setup::{Setup, daemon_log, kill_daemon, status};

const NO_IDENTITIES: &str = "The agent has no identities.\n";
const AWAY: &str = "the agent is locked with the screen";

/// alice is logged in, and the agent listens to logind.
struct Watched<'a> {
    logind: Logind,
    bus: SystemBus,
    _keyring: SecretService<'a>,
    setup: &'a Setup,
}

impl<'a> Watched<'a> {
    fn new(setup: &'a Setup, lock_on: &str) -> Self {
        configure(setup, lock_on);
        let keyring = SecretService::start(&setup.home);
        let bus = SystemBus::start(&setup.home);
        let logind = bus.logind();
        setup.login(&[]);
        Self {
            logind,
            bus,
            _keyring: keyring,
            setup,
        }
    }

    fn wait_until_away(&self) {
        wait_until("the list is empty", || {
            (list(self.setup) == NO_IDENTITIES).then_some(())
        });
    }

    /// What is listed then.
    fn wait_until_back(&self) -> String {
        wait_until("the identity is back", || {
            let list = list(self.setup);
            (list != NO_IDENTITIES).then_some(list)
        })
    }
}

fn configure(setup: &Setup, lock_on: &str) {
    let file = setup.home.dir().join(".opk/config.yml");
    let config = std::fs::read_to_string(&file).expect("the configuration");
    setup.home.write(
        ".opk/config.yml",
        format!("{config}agent:\n  lock_on: {lock_on}\n"),
    );
}

fn list(setup: &Setup) -> String {
    setup.with_agent("ssh-add").arg("-l").run().any_stdout()
}

#[test]
fn a_locked_screen_puts_identities_away_and_brings_them_back_without_a_login() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let watched = Watched::new(&setup, "[screen]");
    let logind = &watched.logind;
    let before = list(&setup);
    let certificate = setup.home.write("cert.pub", setup.certificate());
    let signs = || setup.try_key(&certificate).success();
    assert!(signs());
    // somebody else's screen is not ours
    logind.ask_other_to_lock(true);
    logind.ask_to_lock(true);
    watched.wait_until_away();
    assert!(!signs());
    logind.ask_other_to_lock(false);
    for command in [
        &["check"][..],
        &["ensure"],
        &["login"],
        &["ssh", "localhost", "true"],
    ] {
        let refused = setup.home.opkssh(command).run().stderr();
        assert!(refused.contains(AWAY), "{command:?}: {refused}");
        assert!(refused.contains("opkssh agent unlock"), "{refused}");
    }
    let status = status(&setup.home);
    assert_eq!(status["agent"]["locked"], serde_json::json!(["screen"]));
    assert_eq!(status["accounts"], serde_json::json!([]));
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(shown.contains("\nScreen lock"), "{shown}");
    assert!(shown.contains("account test is not usable: it is put away"));
    assert_eq!(list(&setup), NO_IDENTITIES, "nothing brought it back");

    logind.ask_to_lock(false);
    assert_eq!(watched.wait_until_back(), before);
    assert!(signs());
    setup.home.opkssh(["check"]).run().stdout();

    // a screen locker that nobody asked
    logind.set_locked(true);
    watched.wait_until_away();
    logind.set_locked(false);
    assert_eq!(watched.wait_until_back(), before);

    // and a person who types it
    logind.ask_to_lock(true);
    watched.wait_until_away();
    let said = setup.home.opkssh(["agent", "unlock"]).run().stdout();
    assert_eq!(said, "The keys hidden by the screen lock are back.\n");
    assert_eq!(watched.wait_until_back(), before);
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn another_program_cannot_say_that_the_screen_is_unlocked() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let watched = Watched::new(&setup, "[screen]");
    watched.logind.ask_to_lock(true);
    watched.wait_until_away();
    for name in watched.bus.everybody() {
        watched.bus.pretend(&name, "Unlock");
    }
    // had it been believed, they would come back twice
    watched.logind.set_locked(true);
    watched.logind.ask_to_lock(false);
    watched.wait_until_back();
    watched.logind.ask_to_lock(true);
    watched.wait_until_away();
    let log = daemon_log(&setup.home);
    assert_eq!(log.matches("identities brought back").count(), 1, "{log}");
}

#[test]
fn sleep_waits_until_they_are_away_and_a_locked_screen_keeps_them_there() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let watched = Watched::new(&setup, "[screen, sleep]");
    let logind = &watched.logind;
    logind.wait_for_inhibitor();
    logind.prepare_for_sleep(true);
    assert!(logind.may_sleep());
    assert_eq!(list(&setup), NO_IDENTITIES, "before it sleeps");
    logind.prepare_for_sleep(false);
    watched.wait_until_back();

    logind.wait_for_inhibitor();
    logind.prepare_for_sleep(true);
    assert!(logind.may_sleep());
    logind.set_locked(true);
    logind.prepare_for_sleep(false);
    wait_until("it is awake", || {
        let log = daemon_log(&setup.home);
        (log.matches("awake again").count() == 2).then_some(())
    });
    assert_eq!(list(&setup), NO_IDENTITIES);
    logind.set_locked(false);
    watched.wait_until_back();
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn an_agent_that_starts_behind_a_locked_screen_shows_nothing() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let watched = Watched::new(&setup, "[screen]");
    watched.logind.set_locked(true);
    watched.wait_until_away();
    kill_daemon(&setup.home);
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(refused.contains(AWAY), "{refused}");
    watched.logind.set_locked(false);
    watched.wait_until_back();
}

#[test]
fn a_password_counts_for_more_than_the_screen() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let watched = Watched::new(&setup, "[screen]");
    let home = &setup.home;
    watched.logind.ask_to_lock(true);
    watched.wait_until_away();
    let said = home.opkssh(["agent", "lock"]).stdin("a password").run();
    said.stdout();
    let locked = || status(home)["agent"]["locked"].clone();
    assert_eq!(locked(), serde_json::json!(["agent", "screen"]));
    watched.logind.ask_to_lock(false);
    wait_until("the screen is unlocked", || {
        (locked() == serde_json::json!(["agent"])).then_some(())
    });
    let refused = home.opkssh(["check"]).run().inconclusive();
    assert!(!refused.contains("with the screen"), "{refused}");
    assert_eq!(list(&setup), NO_IDENTITIES);
    assert!(
        stored_text(home).starts_with("-----BEGIN AGE"),
        "it is sealed"
    );
    let said = home.opkssh(["agent", "unlock"]).stdin("a password").run();
    said.stdout();
    watched.wait_until_back();
}

#[test]
fn what_is_in_memory_only_is_hidden_and_not_lost() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    configure(&setup, "[screen]");
    let bus = SystemBus::start(&setup.home);
    let logind = bus.logind();
    setup.login(&[]);
    let before = setup.certificate();
    logind.ask_to_lock(true);
    wait_until("the list is empty", || {
        (list(&setup) == NO_IDENTITIES).then_some(())
    });
    assert_eq!(status(&setup.home)["accounts"], serde_json::json!([]));
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(refused.contains(AWAY), "{refused}");
    logind.ask_to_lock(false);
    wait_until("the identity is back", || {
        (list(&setup) != NO_IDENTITIES).then_some(())
    });
    assert_eq!(setup.certificate(), before);
}

#[test]
fn without_a_system_bus_or_logind_the_agent_goes_on_and_says_so() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    configure(&setup, "[screen, sleep]");
    let _keyring = SecretService::start(&setup.home);
    let nowhere = setup.home.runtime_dir().join("nowhere");
    let nowhere = format!("unix:path={}", nowhere.display());
    setup.home.set("DBUS_SYSTEM_BUS_ADDRESS", nowhere);
    setup.login(&[]);
    setup.certificate();
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(
        shown.contains("does not lock with the screen or for sleep"),
        "{shown}"
    );
    assert!(shown.contains("the system bus is not there"), "{shown}");

    // a bus, and logind comes late, goes, and comes again
    let bus = SystemBus::start(&setup.home);
    kill_daemon(&setup.home);
    setup.home.opkssh(["check"]).run().stdout();
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(shown.contains("logind is not there"), "{shown}");
    for _ in 0..2 {
        let logind = bus.logind();
        logind.wait_for_inhibitor();
        wait_until("the notice is gone", || {
            let shown = setup.home.opkssh(["status"]).run().stdout();
            (!shown.contains("does not lock")).then_some(())
        });
        logind.prepare_for_sleep(true);
        assert!(logind.may_sleep());
        assert_eq!(list(&setup), NO_IDENTITIES);
        logind.prepare_for_sleep(false);
        wait_until("the identity is back", || {
            (list(&setup) != NO_IDENTITIES).then_some(())
        });
    }
}

#[test]
fn a_word_that_lock_on_does_not_know_is_refused_and_noticed() {
    let setup = Setup::new();
    configure(&setup, "[lid]");
    let refused = setup.home.opkssh(["login"]).run().refused();
    assert!(
        refused.contains("lock_on: \"lid\" is none of screen, sleep"),
        "{refused}"
    );
    setup.home.opkssh(["agent", "start"]).run().stdout();
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(
        shown.contains("the client configuration cannot be read"),
        "{shown}"
    );

    // mended
    let file = setup.home.dir().join(".opk/config.yml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, text.replace("[lid]", "[]")).expect("written");
    assert_eq!(status(&setup.home)["notices"], serde_json::json!([]));
}

#[test]
fn a_mended_configuration_is_followed_without_a_restart() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    configure(&setup, "[lid]");
    let bus = SystemBus::start(&setup.home);
    let logind = bus.logind();
    setup.home.opkssh(["agent", "start"]).run().stdout();
    let file = setup.home.dir().join(".opk/config.yml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, text.replace("[lid]", "[screen, sleep]")).expect("written");
    setup.login(&[]);
    logind.wait_for_inhibitor();
    wait_until("the notice is gone", || {
        (status(&setup.home)["notices"] == serde_json::json!([])).then_some(())
    });
    logind.ask_to_lock(true);
    wait_until("the list is empty", || {
        (list(&setup) == NO_IDENTITIES).then_some(())
    });
}
