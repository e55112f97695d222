//! What a session leaves in the audit log. Here only facts are taken down: names and fingerprints
//! are looked up on the log's own thread, after the answer.

use std::sync::{Arc, OnceLock};

use opkssh_protocol::audit::{
    AuditEntry, AuditEvent, AuditHost, AuditProcess, KeySource, PersonAnswer, QuestionKind,
};
use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::wire::Reader;

use crate::audit::Audit;
use crate::serving::Serving;
use crate::serving::added::fingerprint_of;
use crate::serving::announced::Announcement;
use crate::serving::confirmation::question::Choice;
use crate::serving::confirmation::{NotAsked, RecordQuestion};
use crate::serving::destination::{Bind, Bindings};
use crate::serving::host_key::HostKey;
use crate::serving::program_name::program_name;
use crate::serving::source::{Identity, Terms};
use crate::serving::userauth::{UserauthRequest, proved_login};

/// Records what the peer of one connection asks for.
pub struct SessionAudit {
    serving: Arc<Serving>,
    process: Option<u32>,
    /// Read once, while the process waits for its answer.
    peer: OnceLock<Arc<Peer>>,
}

struct Peer {
    process: Option<AuditProcess>,
    announced: Announcement,
}

/// What a question leaves in the log.
pub struct QuestionRecord {
    audit: Arc<Audit>,
    facts: Facts,
}

/// What is known when something happens.
#[derive(Clone)]
struct Facts {
    serving: Arc<Serving>,
    peer: Arc<Peer>,
    entry: AuditEntry,
    /// The key, and the `hosts:` of its account.
    key: Option<(Vec<u8>, Vec<String>)>,
    destination: Option<Arc<HostKey>>,
    via: Vec<Arc<HostKey>>,
}

impl SessionAudit {
    pub fn new(serving: Arc<Serving>, process: Option<u32>) -> Self {
        Self {
            serving,
            process,
            peer: OnceLock::new(),
        }
    }

    /// Records a signature.
    pub fn signed(&self, identity: &Identity, data: &[u8], bindings: &Bindings) {
        self.record(self.of_identity(AuditEvent::Signed, identity, data, bindings));
    }

    /// Records a signature that is not made.
    pub fn signature_refused(
        &self,
        identity: &Identity,
        data: &[u8],
        bindings: &Bindings,
        reason: String,
    ) {
        let event = AuditEvent::SignatureRefused;
        let mut facts = self.of_identity(event, identity, data, bindings);
        facts.entry.reason = Some(reason);
        self.record(facts);
    }

    /// Records another refusal.
    pub fn refused(&self, event: AuditEvent, bindings: &Bindings, reason: String) {
        let mut facts = self.facts(event, bindings);
        facts.entry.reason = Some(reason);
        self.record(facts);
    }

    /// Returns what records a question about a signature.
    pub fn question(
        &self,
        question: QuestionKind,
        identity: &Identity,
        data: &[u8],
        bindings: &Bindings,
    ) -> QuestionRecord {
        let mut facts = self.of_identity(AuditEvent::Asked, identity, data, bindings);
        facts.entry.question = Some(question);
        QuestionRecord {
            audit: self.serving.audit.clone(),
            facts,
        }
    }

    fn record(&self, facts: Facts) {
        facts.record(&self.serving.audit);
    }

    fn of_identity(
        &self,
        event: AuditEvent,
        identity: &Identity,
        data: &[u8],
        bindings: &Bindings,
    ) -> Facts {
        let mut facts = self.facts(event, bindings);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let request = UserauthRequest::parse(data);
        let names = |shown: &HostKey| {
            let host_key = request.as_ref().and_then(|request| request.host_key);
            host_key == Some(&shown.blob)
        };
        let is_this_login = match (bindings.unproved(), bindings.destination()) {
            (Some(shown), _) => names(shown.claimed()),
            (None, Some(_)) => proved_login(data, bindings).is_some(),
            (None, None) => true,
        };
        match is_this_login {
            true => facts.entry.user = request.map(|request| text(request.user)),
            // what is signed is not for the server of the connection
            false => facts.destination = None,
        }
        facts.entry.namespace = namespace(data).map(text);
        let hosts = match &identity.terms {
            Terms::Account { visibility, .. } => {
                facts.entry.source = Some(KeySource::Account);
                facts.entry.account = Some(identity.name.clone());
                visibility.hosts.clone()
            }
            Terms::Added(_) | Terms::Upstream => {
                let is_added = matches!(identity.terms, Terms::Added(_));
                let source = if is_added {
                    KeySource::SshAdd
                } else {
                    KeySource::Upstream
                };
                facts.entry.source = Some(source);
                facts.entry.comment = Some(identity.comment.clone());
                Vec::new()
            }
        };
        facts.key = Some((identity.blob.clone(), hosts));
        facts
    }

    fn facts(&self, event: AuditEvent, bindings: &Bindings) -> Facts {
        let mut entry = AuditEntry::new(event);
        entry.forwarded = bindings.is_forwarded();
        let unproved = bindings.unproved().map(|shown| shown.claimed());
        if unproved.is_some() {
            entry.destination = Some(AuditHost {
                unproved: true,
                ..AuditHost::default()
            });
        }
        let host_key = |bind: &Bind| bind.host_key.clone();
        Facts {
            serving: self.serving.clone(),
            peer: self.peer(),
            entry,
            key: None,
            destination: unproved.cloned().or(bindings.destination().map(host_key)),
            via: bindings.forwarded_to().map(host_key).collect(),
        }
    }

    fn peer(&self) -> Arc<Peer> {
        let read = || {
            let process = |pid| AuditProcess {
                pid,
                program: program_name(pid),
            };
            let announced = |pid| self.serving.announced.of(pid);
            Arc::new(Peer {
                process: self.process.map(process),
                announced: self.process.map(announced).unwrap_or_default(),
            })
        };
        self.peer.get_or_init(read).clone()
    }
}

impl RecordQuestion for QuestionRecord {
    fn asked(&self) {
        let facts = self.facts.clone();
        facts.record(&self.audit);
    }

    fn answered(self, said: &Result<Choice, NotAsked>) {
        let mut facts = self.facts;
        facts.entry.event = AuditEvent::Answered;
        facts.entry.answer = Some(match said {
            Ok(Choice::Once) => PersonAnswer::Yes,
            Ok(Choice::TenMinutes) => PersonAnswer::TenMinutes,
            Ok(Choice::Always) => PersonAnswer::Always,
            Ok(Choice::Refuse) => PersonAnswer::No,
            Err(_) => PersonAnswer::NotAsked,
        });
        facts.entry.reason = said.as_ref().err().map(ToString::to_string);
        facts.record(&self.audit);
    }
}

impl Facts {
    fn record(self, audit: &Audit) {
        audit.record_with(self.entry.is_limited(), move || self.entry());
    }

    /// Looks up what takes time.
    fn entry(self) -> AuditEntry {
        let is_forwarded = self.entry.forwarded;
        let (key, hosts) = self.key.unzip();
        let hosts = hosts.unwrap_or_default();
        let nobody = Announcement::default();
        let host = |host_key: &HostKey, is_destination: bool| {
            // what is announced is the server of a local ssh
            let is_announced = is_destination && !is_forwarded;
            let announced = if is_announced {
                &self.peer.announced
            } else {
                &nobody
            };
            AuditHost {
                host_key: fingerprint(&host_key.key),
                names: self.serving.host_names.of(host_key, announced, &hosts),
                unproved: false,
            }
        };
        let unproved = self.entry.destination.is_some();
        let destination = self.destination.map(|host_key| AuditHost {
            unproved,
            ..host(&host_key, true)
        });
        AuditEntry {
            key: key.map(|blob| fingerprint_of(&blob)),
            destination,
            via: self.via.iter().map(|via| host(via, false)).collect(),
            process: self.peer.process.clone(),
            ..self.entry
        }
    }
}

/// Returns the namespace of data for a signature of a file (PROTOCOL.sshsig section 2).
fn namespace(data: &[u8]) -> Option<&[u8]> {
    Reader::new(data.strip_prefix(b"SSHSIG")?).string().ok()
}
