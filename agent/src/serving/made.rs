//! Keys, certificates, binds and identities that the tests of this wing make for themselves.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use async_trait::async_trait;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::user_key::UserKey;
pub use opkssh_protocol::wire::strings;
use opkssh_protocol::wire::{Reader, put_string};

use super::Serving;
use super::added::AddedKeys;
use super::confirmation::jump_hosts::JumpHosts;
use super::confirmation::question::{Choice, Question};
use super::confirmation::{AskPerson, Confirmations, NotAsked};
use super::hosts::KnownHosts;
use super::hosts::host_names::HostNames;
use super::source::{Identity, IdentitySource, LoginSource, PasswordLock};
use super::upstream::Upstreams;
use crate::audit::Audit;
use crate::notices::Notices;

pub struct Key(UserKey);

impl Key {
    pub fn ed25519() -> Self {
        Self(UserKey::generate(KeyType::Ed25519).unwrap())
    }

    pub fn p256() -> Self {
        Self(UserKey::generate(KeyType::Ecdsa).unwrap())
    }

    pub fn blob(&self) -> Vec<u8> {
        [&strings(&[self.kind().as_bytes()])[..], &self.fields()].concat()
    }

    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.0.sign_ssh(data)
    }

    pub fn into_user_key(self) -> UserKey {
        self.0
    }

    fn kind(&self) -> &'static str {
        match self.0.public_key() {
            PublicKey::Ed25519(_) => "ssh-ed25519",
            _ => "ecdsa-sha2-nistp256",
        }
    }

    fn fields(&self) -> Vec<u8> {
        match self.0.public_key() {
            PublicKey::Ed25519(key) => strings(&[&key]),
            PublicKey::EcP256 { x, y } => {
                strings(&[b"nistp256", &[&[4][..], &x[..], &y[..]].concat()])
            }
            _ => panic!("a user key of another kind"),
        }
    }
}

/// A host certificate in the making; valid forever unless it is changed.
pub struct Certificate<'a> {
    /// The certified key.
    key: Vec<u8>,
    authority: &'a Key,
    /// Who really signs it.
    pub signer: Option<&'a Key>,
    pub kind: u32,
    pub principals: Vec<String>,
    pub valid_after: u64,
    pub valid_before: u64,
    pub critical_options: Vec<u8>,
}

impl<'a> Certificate<'a> {
    pub fn new(key: &Key, authority: &'a Key, principals: &[&str]) -> Self {
        Self {
            principals: principals.iter().map(|&name| name.to_owned()).collect(),
            ..Self::of_blob(&key.blob(), authority)
        }
    }

    /// For the key with this blob, and without principals.
    pub fn of_blob(key: &[u8], authority: &'a Key) -> Self {
        Self {
            key: key.to_vec(),
            authority,
            signer: None,
            kind: 2,
            principals: Vec::new(),
            valid_after: 0,
            valid_before: u64::MAX,
            critical_options: Vec::new(),
        }
    }

    pub fn blob(&self) -> Vec<u8> {
        let mut key = Reader::new(&self.key);
        let kind = [key.string().unwrap(), b"-cert-v01@openssh.com"].concat();
        let mut blob = strings(&[&kind, b"nonce"]);
        blob.extend(key.rest());
        blob.extend(1u64.to_be_bytes());
        blob.extend(self.kind.to_be_bytes());
        let principals: Vec<&[u8]> = self.principals.iter().map(String::as_bytes).collect();
        blob.extend(strings(&[b"id", &strings(&principals)]));
        blob.extend(self.valid_after.to_be_bytes());
        blob.extend(self.valid_before.to_be_bytes());
        let authority = self.authority.blob();
        blob.extend(strings(&[&self.critical_options, b"", b"", &authority]));
        let signature = self.signer.unwrap_or(self.authority).sign(&blob);
        put_string(&mut blob, &signature);
        blob
    }
}

/// A bind's body for `session_id` at the server with the key `host_key`, signed by `signer`.
pub fn bind(host_key: &[u8], signer: &Key, session_id: &[u8], is_forwarding: bool) -> Vec<u8> {
    let mut body = strings(&[host_key, session_id, &signer.sign(session_id)]);
    body.push(u8::from(is_forwarding));
    body
}

/// A serving wing with one source of accounts, which is the lock as well.
pub fn serving(
    source: Arc<FakeSource>,
    notices: Arc<Notices>,
    known_hosts: Vec<PathBuf>,
) -> Serving {
    let known_hosts = Arc::new(KnownHosts::new(known_hosts));
    Serving {
        accounts: source.clone(),
        added: Arc::new(AddedKeys::new(None)),
        upstreams: Upstreams::none(notices.clone()),
        lock: source,
        confirmations: confirmations(Arc::new(Person::default()), notices.clone()),
        notices,
        host_names: Arc::new(HostNames::new(known_hosts.clone())),
        known_hosts,
        announced: Arc::default(),
        audit: Arc::new(Audit::off()),
        is_read_only: false,
        connections: Arc::default(),
    }
}

/// The data of a login in a session (RFC 4252 section 7), bound to a host key or not.
pub fn login(key: &[u8], session: &[u8], user: &str, host_key: Option<&[u8]>) -> Vec<u8> {
    let method: &[u8] = match host_key {
        Some(_) => b"publickey-hostbound-v00@openssh.com",
        None => b"publickey",
    };
    let mut data = strings(&[session]);
    data.push(50);
    data.extend(strings(&[user.as_bytes(), b"ssh-connection", method]));
    data.push(1);
    data.extend(strings(&[b"algorithm", key]));
    data.extend(host_key.map(|key| strings(&[key])).unwrap_or_default());
    data
}

/// The front of a request to add an Ed25519 key, up to its comment, and the key's blob.
pub fn added_key(seed: u8) -> (Vec<u8>, Vec<u8>) {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let seed = [seed; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = pair.public_key().as_ref();
    let private = [&seed[..], public].concat();
    let request = strings(&[b"ssh-ed25519", public, &private, b"comment"]);
    (request, strings(&[b"ssh-ed25519", public]))
}

/// What a session asked of a [`FakeSource`].
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    BringUpToDate(Vec<String>),
    Person(Vec<String>),
}

/// A source that signs everything with one key, and a lock that takes every password.
pub struct FakeSource {
    key: UserKey,
    state: Mutex<FakeState>,
}

#[derive(Default)]
pub struct FakeState {
    pub identities: Arc<Vec<Identity>>,
    /// What each call of `bring_up_to_date` replaces the identities by.
    pub fresher: VecDeque<Vec<Identity>>,
    pub asked: Vec<Asked>,
    pub passwords: Vec<(bool, String)>,
    pub refuses: bool,
    pub is_locked: bool,
}

impl Default for FakeSource {
    fn default() -> Self {
        Self {
            key: Key::ed25519().into_user_key(),
            state: Mutex::default(),
        }
    }
}

impl FakeSource {
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    pub fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap()
    }
}

#[async_trait]
impl IdentitySource for FakeSource {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        self.state().identities.clone()
    }

    async fn sign(&self, _identity: &Identity, data: &[u8], _flags: u32) -> Option<Vec<u8>> {
        (!self.state().refuses).then(|| self.key.sign_ssh(data))
    }
}

#[async_trait]
impl LoginSource for FakeSource {
    async fn bring_up_to_date(&self, names: &[String], _end: Instant) {
        let mut state = self.state();
        state.asked.push(Asked::BringUpToDate(names.to_vec()));
        if let Some(fresher) = state.fresher.pop_front() {
            state.identities = Arc::new(fresher);
        }
    }

    async fn ask_person(&self, names: &[String], _end: Instant) {
        self.state().asked.push(Asked::Person(names.to_vec()));
    }
}

#[async_trait]
impl PasswordLock for FakeSource {
    async fn set(&self, locked: bool, password: Secret) -> bool {
        let password = password.expose().to_owned();
        self.state().passwords.push((locked, password));
        true
    }

    fn is_locked(&self) -> bool {
        self.state().is_locked
    }
}

/// Asks this person; nothing outlives the test.
pub fn confirmations(person: Arc<Person>, notices: Arc<Notices>) -> Arc<Confirmations> {
    let (_, followed) = tokio::sync::watch::channel(["test".to_owned()].into());
    Arc::new(Confirmations::new(
        person,
        JumpHosts::read(None, followed, notices),
    ))
}

/// A person who says this to every question, unless away.
#[derive(Default)]
pub struct Person {
    pub is_away: std::sync::atomic::AtomicBool,
    /// `None`: no.
    pub says: Mutex<Option<Choice>>,
    pub questions: Mutex<Vec<Question>>,
    /// What happens before the answer.
    pub meanwhile: Mutex<Option<Box<dyn Fn() + Send>>>,
}

#[async_trait]
impl AskPerson for Person {
    async fn ask(&self, question: &Question) -> Result<Choice, NotAsked> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.is_away.load(Relaxed) {
            return Err(NotAsked::Impossible("nobody is here".to_owned()));
        }
        self.questions.lock().unwrap().push(question.clone());
        if let Some(meanwhile) = &*self.meanwhile.lock().unwrap() {
            meanwhile();
        }
        Ok(self.says.lock().unwrap().unwrap_or(Choice::Refuse))
    }
}
