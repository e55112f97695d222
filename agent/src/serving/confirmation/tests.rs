use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, watch};

use super::question::Machine;
use super::*;
use crate::notices::Notices;

struct NoRecord;

impl RecordQuestion for NoRecord {
    fn asked(&self) {}
    fn answered(self, _: &Result<Choice, NotAsked>) {}
}

/// A person who answers when told to.
struct Slow {
    choice: Choice,
    shown: AtomicUsize,
    answers: Semaphore,
}

#[async_trait]
impl AskPerson for Slow {
    async fn ask(&self, _: &Question) -> Result<Choice, NotAsked> {
        self.shown.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.unwrap().forget();
        Ok(self.choice)
    }
}

fn confirmations(choice: Choice) -> (Arc<Slow>, Arc<Confirmations>) {
    let slow = Arc::new(Slow {
        choice,
        shown: AtomicUsize::default(),
        answers: Semaphore::new(0),
    });
    let jump_hosts = JumpHosts::read(None, accounts(&["work"]), Arc::default());
    (slow.clone(), Arc::new(Confirmations::new(slow, jump_hosts)))
}

fn accounts(names: &[&str]) -> watch::Receiver<BTreeSet<String>> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    watch::channel(names).1
}

fn used(server: &str, via: Option<&str>) -> KeyUse {
    KeyUse {
        identity: "work".to_owned(),
        key: None,
        person: "issuer subject".to_owned(),
        via: via.map(|via| vec![jump_host(via)]),
        login: Some(("root".to_owned(), server.to_owned())),
    }
}

fn question() -> Question {
    Question {
        summary: "?".to_owned(),
        details: Vec::new(),
        choices: vec![
            Choice::Once,
            Choice::TenMinutes,
            Choice::Always,
            Choice::Refuse,
        ],
        always_for: vec![jump_host("SHA256:jump")],
    }
}

fn jump_host(host_key: &str) -> Machine {
    Machine {
        name: "jump".to_owned(),
        host_key: host_key.to_owned(),
    }
}

async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_question_at_a_time_and_other_machines_keep_nobody_from_asking() {
    let (slow, confirmations) = confirmations(Choice::Once);
    let shown = || slow.shown.load(Ordering::SeqCst);
    let ask = |server: String, via: Option<&'static str>| {
        let confirmations = confirmations.clone();
        tokio::spawn(async move {
            confirmations
                .ask_permission(used(&server, via), question(), NoRecord)
                .await
        })
    };
    let flood = (0..100).map(|number| ask(format!("server {number}"), Some("jump")));
    let flood: Vec<_> = flood.collect();
    until(|| flood.iter().filter(|one| one.is_finished()).count() == 96).await;
    let local = ask("server".to_owned(), None);
    until(|| shown() == 1).await;
    // the local question is after the one that waited for the screen already
    for answered in 1..=3 {
        until(|| shown() == answered).await;
        slow.answers.add_permits(1);
    }
    assert_eq!(local.await.unwrap(), Ok(true));
    slow.answers.add_permits(2);
    let mut refused = 0;
    for one in flood {
        match one.await.unwrap() {
            Ok(said) => assert!(said),
            Err(why) => {
                assert_eq!(why, NotAsked::TooMany);
                refused += 1;
            }
        }
    }
    assert_eq!((refused, shown()), (96, 5));
}

#[tokio::test]
async fn an_answer_serves_all_who_wait_for_the_same() {
    for (choice, said) in [(Choice::TenMinutes, true), (Choice::Refuse, false)] {
        let (slow, confirmations) = confirmations(choice);
        let ask = || {
            let confirmations = confirmations.clone();
            tokio::spawn(async move {
                confirmations
                    .ask_permission(used("server", Some("jump")), question(), NoRecord)
                    .await
            })
        };
        let asked = [ask(), ask(), ask()];
        until(|| slow.shown.load(Ordering::SeqCst) == 1).await;
        slow.answers.add_permits(1);
        for one in asked {
            assert_eq!(one.await.unwrap(), Ok(said));
        }
        assert_eq!(slow.shown.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_gets_no_second_question() {
    let (slow, confirmations) = confirmations(Choice::Once);
    for number in 0..10 {
        let confirmations = confirmations.clone();
        let peer = tokio::spawn(async move {
            let wanted = used(&format!("server {number}"), Some("jump"));
            confirmations
                .ask_permission(wanted, question(), NoRecord)
                .await
        });
        until(|| slow.shown.load(Ordering::SeqCst) == 1).await;
        peer.abort();
        let _ = peer.await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.shown.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn one_machine_takes_no_other_ones_turn() {
    let (slow, confirmations) = confirmations(Choice::Once);
    let ask = |server: &'static str, via: &'static str| {
        let confirmations = confirmations.clone();
        let wanted = used(server, Some(via));
        tokio::spawn(async move {
            confirmations
                .ask_permission(wanted, question(), NoRecord)
                .await
        })
    };
    let first = ["1", "2", "3", "4"].map(|server| ask(server, "one"));
    until(|| slow.shown.load(Ordering::SeqCst) == 1).await;
    assert_eq!(ask("5", "one").await.unwrap(), Err(NotAsked::TooMany));
    let other = ask("1", "two");
    // the one that is shown, perhaps the one that waits for the screen, and the other machine's
    slow.answers.add_permits(3);
    assert_eq!(other.await.unwrap(), Ok(true));
    slow.answers.add_permits(2);
    for one in first {
        assert_eq!(one.await.unwrap(), Ok(true));
    }
}

#[tokio::test]
async fn always_is_kept_in_a_file_until_it_is_revoked_or_the_account_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jump-hosts.json");
    let read = |names| JumpHosts::read(Some(file.clone()), accounts(names), Arc::default());
    let count = |hosts: &JumpHosts| hosts.all().len();
    let jump_hosts = read(&["work", "home"]);
    let machines = [jump_host("SHA256:one"), jump_host("SHA256:two")];
    let of = |account: &str| KeyUse {
        identity: account.to_owned(),
        ..used("server", Some("SHA256:one"))
    };
    jump_hosts.add(&of("work"), &machines).await;
    jump_hosts.add(&of("home"), &machines[..1]).await;
    // a second time changes nothing, and an account that is gone gets nothing
    jump_hosts.add(&of("work"), &machines).await;
    jump_hosts.add(&of("gone"), &machines).await;
    let again = read(&["work", "home"]);
    assert_eq!(count(&again), 3);
    let person = "issuer subject";
    assert!(again.is_permitted("work", person, "SHA256:one"));
    for (account, person, host_key) in [
        ("home", person, "SHA256:two"),
        ("other", person, "SHA256:one"),
        ("work", "issuer other", "SHA256:one"),
    ] {
        assert!(!again.is_permitted(account, person, host_key));
    }

    let (_, mut confirmations) = confirmations(Choice::Once);
    Arc::get_mut(&mut confirmations).unwrap().jump_hosts = again;
    let is_meant = |host: &JumpHost| host.host_key == "SHA256:one" && host.account == "work";
    assert_eq!(confirmations.distrust(is_meant).await.unwrap().len(), 1);
    assert_eq!(confirmations.distrust(is_meant).await.unwrap(), []);
    assert_eq!(count(&read(&[])), 2);
    let (_, mut confirmations) = self::confirmations(Choice::Once);
    Arc::get_mut(&mut confirmations).unwrap().jump_hosts = read(&["home"]);
    confirmations.follow_accounts().await;
    let left = &confirmations.jump_hosts;
    assert_eq!((count(left), count(&read(&[]))), (1, 1));
    assert!(left.is_permitted("home", person, "SHA256:one"));
}

#[tokio::test]
async fn ten_minutes_are_listed_and_end_with_trust() {
    let (slow, confirmations) = confirmations(Choice::TenMinutes);
    slow.answers.add_permits(1);
    let ask = || confirmations.ask_permission(used("server", Some("jump")), question(), NoRecord);
    assert_eq!(ask().await, Ok(true));
    let listed = confirmations.jump_hosts();
    assert!(listed[0].until.is_some() && listed.len() == 1);
    assert_eq!(ask().await, Ok(true));
    assert_eq!(confirmations.distrust(|_| true).await.unwrap().len(), 1);
    assert_eq!(confirmations.jump_hosts(), []);
    slow.answers.add_permits(1);
    assert_eq!(ask().await, Ok(true));
    assert_eq!(slow.shown.load(Ordering::SeqCst), 2);
}

#[test]
fn a_file_that_cannot_be_read_permits_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jump-hosts.json");
    std::fs::write(&file, "[{\"account\":").unwrap();
    let read = |file| JumpHosts::read(Some(file), accounts(&["work"]), Arc::<Notices>::default());
    assert_eq!(read(file).all(), []);
    // nor does it block
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert_eq!(read(pipe).all(), []);
    assert_eq!(read(directory.path().to_owned()).all(), []);
}
