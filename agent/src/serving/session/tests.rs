use opkssh_protocol::config::Forwarding;
use opkssh_protocol::jwk::PublicKey;

use super::super::made::{self, Asked, FakeSource, Key, Person, added_key, strings};
use super::*;
use crate::notices::Notices;
use crate::serving::confirmation::question::Choice;
use crate::serving::source::Visibility;
use crate::serving::source::{Identity, Terms};

/// A session of an agent that offers one identity, and a server that known_hosts knows as `web1`.
struct Fixture {
    session: Session,
    source: Arc<FakeSource>,
    person: Arc<Person>,
    notices: Arc<Notices>,
    hop: Key,
    server: Key,
    _directory: tempfile::TempDir,
}

const CERTIFICATE: &[u8] = b"certificate";

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let known_hosts = directory.path().join("known_hosts");
        let (hop, server) = (Key::ed25519(), Key::ed25519());
        let base64 = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(server.blob())
        };
        std::fs::write(&known_hosts, format!("web1 ssh-ed25519 {base64}\n")).unwrap();
        let source = Arc::new(FakeSource::default());
        let notices = Arc::new(Notices::default());
        let person = Arc::new(Person::default());
        let serving = Serving {
            confirmations: made::confirmations(person.clone(), notices.clone()),
            ..made::serving(source.clone(), notices.clone(), vec![known_hosts])
        };
        let fixture = Self {
            session: Session::new(Arc::new(serving), None),
            source,
            person,
            notices,
            hop,
            server,
            _directory: directory,
        };
        fixture.offer(&["web1"]);
        fixture
    }

    fn offer(&self, hosts: &[&str]) {
        self.show(Visibility {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            forwarding: Forwarding::Allow,
            ..Visibility::default()
        });
    }

    fn show(&self, visibility: Visibility) {
        let identity = self.identity(CERTIFICATE, visibility);
        self.source.state().identities = Arc::new(vec![identity]);
    }

    fn identity(&self, blob: &[u8], visibility: Visibility) -> Identity {
        Identity {
            name: "test".to_owned(),
            blob: blob.to_vec(),
            comment: "comment".to_owned(),
            terms: Terms::Account {
                visibility,
                public_key: self.source.public_key(),
                person: "issuer subject".to_owned(),
            },
        }
    }

    async fn bind(&mut self, to: &[u8], session_id: &[u8], is_forwarding: bool) -> Vec<u8> {
        let signer = if to == self.hop.blob() {
            &self.hop
        } else {
            &self.server
        };
        let body = made::bind(to, signer, session_id, is_forwarding);
        let request = [&[EXTENSION][..], &strings(&[SESSION_BIND]), &body].concat();
        self.session.answer(&request).await
    }

    fn noticed(&self) -> Vec<String> {
        let list = self.notices.list().into_iter();
        list.map(|notice| notice.text).collect()
    }

    /// Through the hop to the server.
    async fn forwarded(&mut self) {
        let (hop, server) = (self.hop.blob(), self.server.blob());
        assert_eq!(self.bind(&hop, b"1", true).await, [SUCCESS]);
        assert_eq!(self.bind(&server, b"2", false).await, [SUCCESS]);
    }

    /// Returns how many identities it lists, and whether it had them brought up to date first.
    async fn list(&mut self) -> (u8, bool) {
        self.source.state().asked.clear();
        let answer = self.session.answer(&[REQUEST_IDENTITIES]).await;
        (answer[4], !self.source.state().asked.is_empty())
    }

    async fn sign(&mut self, method: &[u8], with_host_key: bool) -> u8 {
        let mut data = strings(&[b"2"]);
        data.push(50);
        data.extend(strings(&[b"root", b"ssh-connection", method]));
        data.push(1);
        let PublicKey::Ed25519(key) = self.source.public_key() else {
            panic!("a key of another kind");
        };
        let key = strings(&[b"ssh-ed25519", &key]);
        data.extend(strings(&[b"algorithm", &key]));
        if with_host_key {
            data.extend(strings(&[&self.server.blob()]));
        }
        let mut request = vec![SIGN_REQUEST];
        request.extend(strings(&[CERTIFICATE, &data]));
        request.extend([0; 4]);
        self.session.answer(&request).await[0]
    }
}

#[tokio::test]
async fn what_comes_back_while_a_session_waits_is_renewed_for_it_too() {
    let mut fixture = Fixture::new();
    let offered = |blob| vec![fixture.identity(blob, Visibility::default())];
    let fresher = [offered(b"stale"), offered(b"fresh")];
    fixture.source.state().identities = Arc::default();
    fixture.source.state().fresher = fresher.into();
    let server = fixture.server.blob();
    assert_eq!(fixture.bind(&server, b"2", false).await, [SUCCESS]);
    let listed = [
        &[IDENTITIES_ANSWER, 0, 0, 0, 1][..],
        &strings(&[b"fresh", b"comment"]),
    ]
    .concat();
    assert_eq!(fixture.session.answer(&[REQUEST_IDENTITIES]).await, listed);
    let asked = &fixture.source.state().asked;
    let test = vec!["test".to_owned()];
    assert_eq!(
        *asked,
        [Asked::BringUpToDate(Vec::new()), Asked::BringUpToDate(test)]
    );
}

#[tokio::test]
async fn only_a_bound_session_of_this_machine_has_identities_renewed() {
    let mut local = Fixture::new();
    assert_eq!(local.list().await, (1, false), "who does not bind");
    let server = local.server.blob();
    assert_eq!(local.bind(&server, b"2", false).await, [SUCCESS]);
    assert_eq!(local.list().await, (1, true));

    let mut forwarded = Fixture::new();
    let hop = forwarded.hop.blob();
    assert_eq!(forwarded.bind(&hop, b"1", true).await, [SUCCESS]);
    assert_eq!(forwarded.list().await, (0, false));
    let server = forwarded.server.blob();
    assert_eq!(forwarded.bind(&server, b"2", false).await, [SUCCESS]);
    assert_eq!(forwarded.list().await, (1, false));

    let mut failed = Fixture::new();
    let server = failed.server.blob();
    let body = made::bind(&server, &failed.hop, b"2", false);
    let request = [&[EXTENSION][..], &strings(&[SESSION_BIND]), &body].concat();
    assert_eq!(failed.session.answer(&request).await, [EXTENSION_FAILURE]);
    assert_eq!(failed.list().await, (0, false));
}

#[tokio::test]
async fn a_forwarded_login_names_its_server() {
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let mut forwarded = Fixture::new();
    forwarded.forwarded().await;
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, SIGN_RESPONSE);
    assert!(forwarded.noticed().is_empty());
    assert_eq!(forwarded.sign(b"publickey", false).await, FAILURE);
    let notices = forwarded.noticed();
    assert!(notices[0].contains("older than 8.9"), "{notices:?}");

    // which is about forwarding
    let mut local = Fixture::new();
    let server = local.server.blob();
    assert_eq!(local.bind(&server, b"2", false).await, [SUCCESS]);
    assert_eq!(local.sign(b"publickey", false).await, SIGN_RESPONSE);
}

#[tokio::test]
async fn forwarding_that_is_denied_is_refused_whatever_the_server() {
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let mut forwarded = Fixture::new();
    forwarded.show(Visibility {
        hosts: vec!["web1".to_owned()],
        forwarding: Forwarding::Deny,
        ..Visibility::default()
    });
    forwarded.forwarded().await;
    assert_eq!(forwarded.list().await, (0, false));
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    let notices = forwarded.noticed().join("\n");
    assert!(notices.contains("signature refused: test"), "{notices}");
    assert!(notices.contains("`forwarding: deny`"), "{notices}");
}

#[tokio::test]
async fn forwarding_that_is_to_be_confirmed_asks_once_for_a_while() {
    use std::sync::atomic::Ordering::Relaxed;
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let confirm = |hop: Option<&str>| Visibility {
        hosts: vec!["web1".to_owned()],
        forwarding: Forwarding::Confirm,
        allow_via: hop.map(str::to_owned).into_iter().collect(),
        ..Visibility::default()
    };
    let questions = |fixture: &Fixture| fixture.person.questions.lock().unwrap().len();
    let mut forwarded = Fixture::new();
    forwarded.show(confirm(None));
    forwarded.forwarded().await;
    assert_eq!(forwarded.list().await.0, 1, "nobody is asked for a list");
    forwarded.person.is_away.store(true, Relaxed);
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    let notices = forwarded.noticed().join("\n");
    assert!(notices.contains("nobody is here"), "{notices}");
    assert!(notices.contains("`allow_via: [HOST]`"), "{notices}");

    let mut forwarded = Fixture::new();
    forwarded.show(confirm(None));
    forwarded.forwarded().await;
    assert_eq!(forwarded.sign(b"publickey", true).await, FAILURE);
    assert_eq!(
        questions(&forwarded),
        0,
        "what is refused anyway is not asked"
    );
    for _ in 0..3 {
        assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    }
    assert_eq!(questions(&forwarded), 1, "a no counts for a while");
    let asked = forwarded.person.questions.lock().unwrap()[0].clone();
    let text = format!("{}\n{}", asked.summary, asked.details.join("\n"));
    for part in [
        "the account test from another machine?",
        "forwarded to\n- a machine that known_hosts has no name for (host key SHA256:",
        "as \"root\" to web1 (host key SHA256:",
    ] {
        assert!(text.contains(part), "{text}");
    }

    let mut forwarded = Fixture::new();
    forwarded.show(confirm(None));
    *forwarded.person.says.lock().unwrap() = Some(Choice::TenMinutes);
    forwarded.forwarded().await;
    for _ in 0..3 {
        assert_eq!(forwarded.sign(HOST_BOUND, true).await, SIGN_RESPONSE);
    }
    assert_eq!(questions(&forwarded), 1, "and so does a yes");
    assert!(forwarded.noticed().is_empty());

    // known_hosts has no name for the machine in between, so no pattern trusts it
    let mut forwarded = Fixture::new();
    forwarded.show(confirm(Some("*")));
    forwarded.forwarded().await;
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    assert_eq!(questions(&forwarded), 1);
}

#[tokio::test]
async fn always_through_a_jump_host_counts_for_this_account_and_machine() {
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let questions = |fixture: &Fixture| fixture.person.questions.lock().unwrap().len();
    let mut forwarded = Fixture::new();
    forwarded.show(Visibility {
        hosts: vec!["web1".to_owned()],
        ..Visibility::default()
    });
    *forwarded.person.says.lock().unwrap() = Some(Choice::Always);
    forwarded.forwarded().await;
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, SIGN_RESPONSE);
    let asked = forwarded.person.questions.lock().unwrap()[0].clone();
    use Choice::{Always, Once, Refuse, TenMinutes};
    assert_eq!(asked.choices, [Once, TenMinutes, Always, Refuse]);
    let confirmations = forwarded.session.serving.confirmations.clone();
    let trusted = confirmations.jump_hosts.all();
    assert_eq!((trusted.len(), &*trusted[0].name), (1, ""));
    // not the answer of the last ten minutes
    confirmations.answers.forget(|_| true);
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, SIGN_RESPONSE);
    assert_eq!(questions(&forwarded), 1);

    *forwarded.person.says.lock().unwrap() = None;
    assert_ne!(confirmations.distrust(|_| true).await.unwrap(), []);
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    assert_eq!(questions(&forwarded), 2);
}

#[tokio::test]
async fn confirm_local_asks_before_this_machines_programs_use_an_account() {
    let mut local = Fixture::new();
    local.show(Visibility {
        hosts: vec!["web1".to_owned()],
        confirm_local: true,
        ..Visibility::default()
    });
    assert_eq!(local.sign(b"publickey", false).await, FAILURE);
    assert!(local.noticed().join("\n").contains("the answer was no"));
    *local.person.says.lock().unwrap() = Some(Choice::Once);
    assert_eq!(local.sign(b"publickey", false).await, SIGN_RESPONSE);
    let asked = local.person.questions.lock().unwrap().clone();
    assert_eq!(asked[1].summary, "Allow use of the account test?");
    // what is not bound to a server can be allowed once only
    assert_eq!(asked[1].choices, [Choice::Once, Choice::Refuse]);
    local
        .person
        .is_away
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(local.sign(b"publickey", false).await, FAILURE);
    let notices = local.noticed().join("\n");
    assert!(notices.contains("`confirm_local: false`"), "{notices}");
}

#[tokio::test]
async fn confirm_local_asks_who_pretends_to_be_another_machine_too() {
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let mut forwarded = Fixture::new();
    forwarded.show(Visibility {
        hosts: vec!["web1".to_owned()],
        forwarding: Forwarding::Allow,
        confirm_local: true,
        ..Visibility::default()
    });
    forwarded.forwarded().await;
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    assert_eq!(forwarded.person.questions.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn always_is_no_choice_where_the_way_has_machines_that_nobody_vouches_for() {
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let mut forwarded = Fixture::new();
    forwarded.show(Visibility {
        hosts: vec!["web1".to_owned()],
        ..Visibility::default()
    });
    let (first, second) = (Key::ed25519(), Key::ed25519());
    for (key, session) in [(&first, b"3"), (&second, b"4")] {
        let body = made::bind(&key.blob(), key, session, true);
        let request = [&[EXTENSION][..], &strings(&[SESSION_BIND]), &body].concat();
        assert_eq!(forwarded.session.answer(&request).await, [SUCCESS]);
    }
    forwarded.forwarded().await;
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    let asked = forwarded.person.questions.lock().unwrap()[0].clone();
    assert!(!asked.choices.contains(&Choice::Always), "{asked:?}");
    let machines = asked.details.iter().filter(|line| line.starts_with("- "));
    assert_eq!(machines.count(), 3);
}

#[tokio::test]
async fn nobody_is_asked_to_log_in_for_a_server_whose_key_cannot_be_checked() {
    let mut local = Fixture::new();
    let unknown = strings(&[b"unknown@example.com", b"key"]);
    let body = made::bind(&unknown, &local.server, b"2", false);
    let request = [&[EXTENSION][..], &strings(&[SESSION_BIND]), &body].concat();
    assert_eq!(local.session.answer(&request).await, [EXTENSION_FAILURE]);
    for (hosts, listed) in [(&["web1", "*"][..], 0), (&[], 1)] {
        local.offer(hosts);
        assert_eq!(local.list().await.0, listed);
        let asked = &local.source.state().asked;
        let is_update = |asked: &Asked| matches!(asked, Asked::BringUpToDate(_));
        assert!(asked.iter().all(is_update), "{asked:?}");
    }
    let notices = local.noticed();
    assert!(notices[0].contains("not supported"), "{notices:?}");
}

#[tokio::test]
async fn refusals_are_noted_once() {
    let mut forwarded = Fixture::new();
    forwarded.offer(&["web2"]);
    forwarded.forwarded().await;
    for _ in 0..100 {
        assert_eq!(forwarded.list().await, (0, false));
        assert_eq!(forwarded.sign(b"publickey", false).await, FAILURE);
    }
    let notices = forwarded.noticed();
    assert_eq!(notices.len(), 2, "{notices:?}");
}

#[tokio::test]
async fn a_refusal_is_forgotten_when_it_is_one_no_more() {
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";
    let mut forwarded = Fixture::new();
    forwarded.offer(&["web2"]);
    forwarded.forwarded().await;
    assert_eq!(forwarded.list().await.0, 0);
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, FAILURE);
    assert_eq!(forwarded.noticed().len(), 2);
    forwarded.show(Visibility {
        hosts: vec!["web1".to_owned()],
        forwarding: Forwarding::Allow,
        ..Visibility::default()
    });
    assert_eq!(forwarded.list().await.0, 1);
    let notices = forwarded.noticed();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("signature refused"), "{notices:?}");
    assert_eq!(forwarded.sign(HOST_BOUND, true).await, SIGN_RESPONSE);
    assert!(forwarded.noticed().is_empty());
}

#[tokio::test]
async fn only_a_connection_of_this_machine_may_lock_and_unlock() {
    let mut forwarded = Fixture::new();
    forwarded.forwarded().await;
    let mut local = Fixture::new();
    for fixture in [&mut forwarded, &mut local] {
        let is_forwarded = fixture.session.bindings.is_forwarded();
        for (kind, locks) in [(LOCK, true), (UNLOCK, false)] {
            let request = [&[kind][..], &strings(&[b"password"])].concat();
            let answer = fixture.session.answer(&request).await;
            assert_eq!(answer, [if is_forwarded { FAILURE } else { SUCCESS }]);
            let passwords = std::mem::take(&mut fixture.source.state().passwords);
            let through = [(locks, "password".to_owned())];
            assert_eq!(passwords, if is_forwarded { &[][..] } else { &through });
        }
        for malformed in [&[LOCK][..], &[LOCK, 0, 0, 0, 1], &[LOCK, 0, 0, 0, 1, 0xff]] {
            assert_eq!(fixture.session.answer(malformed).await, [FAILURE]);
        }
    }
}

#[tokio::test]
async fn what_the_source_does_not_sign_is_a_failure() {
    let mut local = Fixture::new();
    local.source.state().refuses = true;
    assert_eq!(local.sign(b"publickey", false).await, FAILURE);
    local.source.state().refuses = false;
    assert_eq!(local.sign(b"publickey", false).await, SIGN_RESPONSE);
}

#[tokio::test]
async fn keys_are_added_and_removed_from_this_machine_only() {
    let mut fixture = Fixture::new();
    let (key, blob) = added_key(1);
    let add = [&[ADD_IDENTITY][..], &key].concat();
    assert_eq!(fixture.session.answer(&add).await, [SUCCESS]);
    assert_eq!(fixture.list().await.0, 2);
    let remove_account = [&[REMOVE_IDENTITY][..], &strings(&[CERTIFICATE])].concat();
    assert_eq!(fixture.session.answer(&remove_account).await, [FAILURE]);
    let remove = [&[REMOVE_IDENTITY][..], &strings(&[&blob])].concat();
    assert_eq!(fixture.session.answer(&remove).await, [SUCCESS]);
    assert_eq!(fixture.session.answer(&remove).await, [FAILURE]);
    assert_eq!(fixture.session.answer(&add).await, [SUCCESS]);
    for all in [REMOVE_ALL_RSA_IDENTITIES, REMOVE_ALL_IDENTITIES] {
        assert_eq!(fixture.session.answer(&[all]).await, [SUCCESS]);
        assert_eq!(fixture.list().await.0, 1, "accounts stay");
    }

    assert_eq!(fixture.session.answer(&add).await, [SUCCESS]);
    let hop = fixture.hop.blob();
    assert_eq!(fixture.bind(&hop, b"1", true).await, [SUCCESS]);
    let constrained = [&[ADD_ID_CONSTRAINED][..], &key].concat();
    for request in [&add[..], &constrained, &remove, &[REMOVE_ALL_IDENTITIES]] {
        assert_eq!(fixture.session.answer(request).await, [FAILURE]);
    }
    assert_eq!(fixture.list().await.0, 1, "the added key is still there");
}

#[tokio::test]
async fn a_key_that_asks_signs_after_a_yes_and_locks_with_the_agent() {
    let mut fixture = Fixture::new();
    let (key, blob) = added_key(1);
    let add = [&[ADD_ID_CONSTRAINED][..], &key, b"\x02"].concat();
    assert_eq!(fixture.session.answer(&add).await, [SUCCESS]);
    let sign = [&[SIGN_REQUEST][..], &strings(&[&blob, b"data"]), &[0; 4]].concat();
    assert_eq!(fixture.session.answer(&sign).await, [FAILURE]);
    let asked = fixture.person.questions.lock().unwrap().clone();
    assert!(
        asked[0].summary == "Allow use of key comment?"
            && asked[0].details[0].starts_with("Key fingerprint SHA256:"),
        "{asked:?}"
    );
    *fixture.person.says.lock().unwrap() = Some(Choice::Once);
    assert_eq!(fixture.session.answer(&sign).await[0], SIGN_RESPONSE);

    // a lock that comes while the person is asked
    let source = fixture.source.clone();
    let lock = move || source.state().is_locked = true;
    *fixture.person.meanwhile.lock().unwrap() = Some(Box::new(lock));
    assert_eq!(fixture.session.answer(&sign).await, [FAILURE]);
    assert_eq!(fixture.list().await.0, 0);
    for request in [&sign[..], &add, &[REMOVE_ALL_IDENTITIES]] {
        assert_eq!(fixture.session.answer(request).await, [FAILURE]);
    }
    fixture.source.state().is_locked = false;
    assert_eq!(fixture.list().await.0, 2);
}
