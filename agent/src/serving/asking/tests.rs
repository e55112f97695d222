use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

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

fn asking(choice: Choice) -> (Arc<Slow>, Arc<Asking>) {
    let slow = Arc::new(Slow {
        choice,
        shown: AtomicUsize::default(),
        answers: Semaphore::new(0),
    });
    let jump_hosts = JumpHosts::read(None, Arc::default());
    (slow.clone(), Arc::new(Asking::new(slow, jump_hosts)))
}

fn used(server: &str, via: Option<&str>) -> KeyUse {
    KeyUse {
        identity: "work".to_owned(),
        key: None,
        via: via.map(|via| vec![via.to_owned()]),
        server: Some(server.to_owned()),
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
        via: vec![jump_host("SHA256:jump")],
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
    let (slow, asking) = asking(Choice::Once);
    let shown = || slow.shown.load(Ordering::SeqCst);
    let ask = |server: String, via: Option<&'static str>| {
        let asking = asking.clone();
        tokio::spawn(async move {
            asking
                .permit(used(&server, via), question(), NoRecord)
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
        let (slow, asking) = asking(choice);
        let ask = || {
            let asking = asking.clone();
            tokio::spawn(async move {
                asking
                    .permit(used("server", Some("jump")), question(), NoRecord)
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
    let (slow, asking) = asking(Choice::Once);
    for number in 0..10 {
        let asking = asking.clone();
        let peer = tokio::spawn(async move {
            let wanted = used(&format!("server {number}"), Some("jump"));
            asking.permit(wanted, question(), NoRecord).await
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
async fn always_is_kept_in_a_file_until_it_is_revoked_or_the_account_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jump-hosts.json");
    let read = || JumpHosts::read(Some(file.clone()), Arc::default());
    let jump_hosts = read();
    let machines = [jump_host("SHA256:one"), jump_host("SHA256:two")];
    jump_hosts.add("work", &machines).await;
    jump_hosts.add("home", &machines[..1]).await;
    // a second time changes nothing
    jump_hosts.add("work", &machines).await;
    let again = read();
    assert_eq!(again.of("work").len(), 2);
    assert!(again.permit("work", "SHA256:one") && again.permit("home", "SHA256:one"));
    assert!(!again.permit("home", "SHA256:two") && !again.permit("other", "SHA256:one"));

    let (_, mut asking) = asking(Choice::Once);
    Arc::get_mut(&mut asking).unwrap().jump_hosts = again;
    let is_meant = |host: &JumpHost| host.host_key == "SHA256:one" && host.account == "work";
    assert_eq!(asking.distrust(is_meant).await.unwrap().len(), 1);
    assert_eq!(asking.distrust(is_meant).await.unwrap(), []);
    assert_eq!(read().of("work").len(), 1);

    let (accounts, followed) = tokio::sync::watch::channel(["home".to_owned()].into());
    drop(accounts);
    asking.jump_hosts.follow(followed).await;
    assert_eq!((read().of("work").len(), read().of("home").len()), (0, 1));
}

#[test]
fn a_file_that_cannot_be_read_permits_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jump-hosts.json");
    std::fs::write(&file, "[{\"account\":").unwrap();
    let jump_hosts = JumpHosts::read(Some(file), Arc::<Notices>::default());
    assert_eq!(jump_hosts.of("work"), []);
}
