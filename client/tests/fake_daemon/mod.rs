//! A daemon that answers as it is told, on a real control socket.

#![allow(dead_code, reason = "each suite uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test part that fails must fail the test"
)]

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Stream};
use opkssh_protocol::control::{
    AccountState, AccountStatus, AgentStatus, Event, Notice, Renewal, Request, StatusReport,
    Versioned,
};
use opkssh_protocol::places::{BaseDirectories, Places};
use opkssh_protocol::time::UnixTime;

/// A private home.
pub struct Home {
    pub places: Places,
    directory: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let places = places_in(directory.path());
        std::fs::create_dir_all(&places.runtime_dir).unwrap();
        Self { places, directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }
}

/// Returns the places of a home directory.
pub fn places_in(home: &Path) -> Places {
    Places::new(BaseDirectories {
        home: home.to_path_buf(),
        runtime: Some(home.join("run")),
        state: home.join("state"),
        config: home.join("config"),
    })
}

/// Answers every request on the home's control socket with `answer`'s events, then hangs up.
pub struct FakeDaemon {
    asked: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl FakeDaemon {
    pub fn start(
        home: &Home,
        answer: impl Fn(Request) -> Vec<Event> + Send + Sync + 'static,
    ) -> Self {
        Self::start_version(home, opkssh_protocol::control::VERSION, answer)
    }

    /// One that speaks another version of the protocol.
    pub fn start_version(
        home: &Home,
        version: u32,
        answer: impl Fn(Request) -> Vec<Event> + Send + Sync + 'static,
    ) -> Self {
        let name = home.places.control_socket();
        let name = name.to_fs_name::<GenericFilePath>().unwrap();
        let listener = ListenerOptions::new().name(name).create_sync().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, version, &answer, &log);
            }
        });
        Self { asked }
    }

    /// The requests so far, as JSON.
    pub fn asked(&self) -> Vec<serde_json::Value> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: Stream,
    version: u32,
    answer: &impl Fn(Request) -> Vec<Event>,
    log: &Mutex<Vec<serde_json::Value>>,
) {
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return;
    }
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).unwrap();
    let request: Versioned<serde_json::Value> = serde_json::from_slice(&body).unwrap();
    assert_eq!(request.version, opkssh_protocol::control::VERSION);
    log.lock().unwrap().push(request.message.clone());
    for event in answer(serde_json::from_value(request.message).unwrap()) {
        let event = Versioned {
            version,
            ..Versioned::new(event)
        };
        let body = serde_json::to_vec(&event).unwrap();
        let length = u32::try_from(body.len()).unwrap();
        let frame = [&length.to_be_bytes()[..], &body].concat();
        // a client that has what it wants may be gone
        let _ = stream.write_all(&frame);
    }
}

pub fn account(alias: &str) -> AccountStatus {
    AccountStatus {
        alias: alias.into(),
        provider: alias.into(),
        default: true,
        issuer: "https://id.example.com".into(),
        client_id: "client-1".into(),
        subject: "user-123".into(),
        email: Some("alice@example.com".into()),
        fingerprint: "SHA256:abc".into(),
        state: AccountState::Usable,
        usable_until: Some(UnixTime(4_000_000_000)),
        expiration: "24h".into(),
        renewal: Renewal::ByItself,
        renewal_words: "renews by itself".into(),
        next_renewal: Some(UnixTime(3_999_000_000)),
        ends_soon: false,
        last_error: None,
        store: "memory".into(),
        store_error: None,
        hosts: Vec::new(),
        logs_out_at: None,
        on_demand: Default::default(),
        forwarding: Default::default(),
        confirm_local: false,
        withholds_access_token: false,
    }
}

pub fn report(accounts: Vec<AccountStatus>) -> Event {
    Event::Status {
        report: StatusReport {
            jump_hosts: Vec::new(),
            agent: AgentStatus {
                version: "0.1.0".into(),
                pid: 4242,
                started: UnixTime(1_700_000_000),
                agent_socket: "/run/agent.sock".into(),
                control_socket: "/run/control.sock".into(),
                store: "memory".into(),
                store_reason: "there is no Secret Service".into(),
                store_wish: "auto".into(),
                memory_lock: "auto".into(),
                memory: "secrets are locked into RAM".into(),
                idle_stop: None,
                lifetime: None,
                log_level: "info".into(),
                replaced: false,
                locked: Vec::new(),
                at_risk: Vec::new(),
                added_keys: 0,
                upstream: Vec::new(),
                session_agent: None,
            },
            accounts,
            notices: vec![
                Notice {
                    at: None,
                    text: "an account is not usable".into(),
                },
                Notice {
                    at: Some(UnixTime(1_000_000_000)),
                    text: "a signature was refused".into(),
                },
            ],
        },
    }
}
