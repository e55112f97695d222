use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::user_key::UserKey;

use super::super::made::{self, Key, strings};
use super::*;
use crate::serving::held::{FreshenRequests, FreshenWish, Held, Visibility};

/// A session of an agent that holds one identity, and a server that known_hosts knows as `web1`.
struct Fixture {
    session: Session,
    held: Arc<Held>,
    requests: FreshenRequests,
    key: Arc<UserKey>,
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
        let (held, requests) = Held::new();
        let held = Arc::new(held);
        let fixture = Self {
            session: Session::new(
                Arc::new(Serving::new(held.clone(), vec![known_hosts])),
                None,
            ),
            held,
            requests,
            key: Arc::new(Key::ed25519().into_user_key()),
            hop,
            server,
            _directory: directory,
        };
        fixture.hold(&["web1"]);
        fixture
    }

    fn hold(&self, hosts: &[&str]) {
        self.show(Visibility {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            ..Visibility::default()
        });
    }

    fn show(&self, visibility: Visibility) {
        self.held.replace(vec![Identity {
            account: "test".to_owned(),
            key: self.key.clone(),
            certificate: CERTIFICATE.to_vec(),
            comment: "comment".to_owned(),
            visibility,
        }]);
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

    /// Through the hop to the server.
    async fn forwarded(&mut self) {
        let (hop, server) = (self.hop.blob(), self.server.blob());
        assert_eq!(self.bind(&hop, b"1", true).await, [SUCCESS]);
        assert_eq!(self.bind(&server, b"2", false).await, [SUCCESS]);
    }

    /// How many identities it lists, and whether it had the accounts wing asked first.
    async fn list(&mut self) -> (u8, bool) {
        let mut asked = false;
        let accounts = async {
            while let Some(request) = self.requests.recv().await {
                asked = true;
                let _ = request.done.send(());
            }
        };
        let answer = tokio::select! {
            answer = self.session.answer(&[REQUEST_IDENTITIES]) => answer,
            () = accounts => panic!("the table of identities is gone"),
        };
        (answer[4], asked)
    }

    async fn sign(&mut self, method: &[u8], with_host_key: bool) -> u8 {
        let mut data = strings(&[b"2"]);
        data.push(50);
        data.extend(strings(&[b"root", b"ssh-connection", method]));
        data.push(1);
        let PublicKey::Ed25519(key) = self.key.public_key() else {
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
    fixture.held.replace(Vec::new());
    let server = fixture.server.blob();
    assert_eq!(fixture.bind(&server, b"2", false).await, [SUCCESS]);
    let (held, key) = (fixture.held.clone(), fixture.key.clone());
    let hold = |certificate: &[u8]| {
        held.replace(vec![Identity {
            account: "test".to_owned(),
            key: key.clone(),
            certificate: certificate.to_vec(),
            comment: String::new(),
            visibility: Visibility::default(),
        }]);
    };
    let accounts = async {
        let restores = fixture.requests.recv().await.unwrap();
        assert!(restores.accounts.is_empty());
        hold(b"stale");
        restores.done.send(()).unwrap();
        let renews = fixture.requests.recv().await.unwrap();
        assert_eq!(renews.accounts, ["test"]);
        hold(b"fresh");
        renews.done.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(fixture.session.answer(&[REQUEST_IDENTITIES]), accounts);
    let listed = [
        &[IDENTITIES_ANSWER, 0, 0, 0, 1][..],
        &strings(&[b"fresh", b""]),
    ]
    .concat();
    assert_eq!(answer, listed);
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
    assert!(forwarded.held.notices().is_empty());
    assert_eq!(forwarded.sign(b"publickey", false).await, FAILURE);
    let notices = forwarded.held.notices();
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
    let notices = forwarded.held.notices().join("\n");
    assert!(notices.contains("signature refused: test"), "{notices}");
    assert!(notices.contains("`forwarding: deny`"), "{notices}");
}

#[tokio::test]
async fn nobody_is_asked_to_log_in_for_a_server_whose_key_cannot_be_checked() {
    let mut local = Fixture::new();
    let unknown = strings(&[b"unknown@example.com", b"key"]);
    let body = made::bind(&unknown, &local.server, b"2", false);
    let request = [&[EXTENSION][..], &strings(&[SESSION_BIND]), &body].concat();
    assert_eq!(local.session.answer(&request).await, [EXTENSION_FAILURE]);
    for (hosts, listed) in [(&["web1", "*"][..], 0), (&[], 1)] {
        local.hold(hosts);
        let accounts = async {
            while let Some(request) = local.requests.recv().await {
                assert_eq!(request.wish, FreshenWish::Renew);
                let _ = request.done.send(());
            }
        };
        let answer = tokio::select! {
            answer = local.session.answer(&[REQUEST_IDENTITIES]) => answer,
            () = accounts => panic!("the table of identities is gone"),
        };
        assert_eq!(answer[4], listed);
    }
    let notices = local.held.notices();
    assert!(notices[0].contains("not supported"), "{notices:?}");
}

#[tokio::test]
async fn refusals_are_noted_once() {
    let mut forwarded = Fixture::new();
    forwarded.hold(&["web2"]);
    forwarded.forwarded().await;
    for _ in 0..100 {
        assert_eq!(forwarded.list().await, (0, false));
        assert_eq!(forwarded.sign(b"publickey", false).await, FAILURE);
    }
    let notices = forwarded.held.notices();
    assert_eq!(notices.len(), 2, "{notices:?}");
}

#[tokio::test]
async fn only_a_connection_of_this_machine_may_lock_and_unlock() {
    let mut forwarded = Fixture::new();
    forwarded.forwarded().await;
    let mut local = Fixture::new();
    for fixture in [&mut forwarded, &mut local] {
        let is_forwarded = fixture.session.bindings.is_forwarded();
        let mut passwords = fixture.held.password_requests();
        for (kind, locks) in [(LOCK, true), (UNLOCK, false)] {
            let request = [&[kind][..], &strings(&[b"password"])].concat();
            let accounts = async {
                let request = passwords.recv().await.expect("the table of identities");
                assert!(!is_forwarded, "it came through");
                assert_eq!(
                    (request.lock, request.password.expose()),
                    (locks, "password")
                );
                let _ = request.done.send(true);
                std::future::pending::<()>().await;
            };
            let answer = tokio::select! {
                answer = fixture.session.answer(&request) => answer,
                () = accounts => panic!("it never ends"),
            };
            assert_eq!(answer, [if is_forwarded { FAILURE } else { SUCCESS }]);
        }
        for malformed in [&[LOCK][..], &[LOCK, 0, 0, 0, 1], &[LOCK, 0, 0, 0, 1, 0xff]] {
            assert_eq!(fixture.session.answer(malformed).await, [FAILURE]);
        }
    }
}

#[tokio::test]
async fn what_is_locked_is_neither_shown_nor_renewed_nor_signed_with() {
    let mut local = Fixture::new();
    let server = local.server.blob();
    local.held.set_locked(true);
    assert_eq!(local.bind(&server, b"2", false).await, [SUCCESS]);
    assert_eq!(local.list().await, (0, false));
    assert_eq!(local.sign(b"publickey", false).await, FAILURE);
    local.held.set_locked(false);
    assert_eq!(local.list().await, (1, true));
    assert_eq!(local.sign(b"publickey", false).await, SIGN_RESPONSE);
}
