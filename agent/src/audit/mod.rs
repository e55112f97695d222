//! The audit log. Entries go through a bounded queue to a thread of its own, so that a full or
//! hanging disk never delays an answer; what cannot be written is counted.

mod file;
mod limit;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use opkssh_protocol::audit::AuditEntry;
use opkssh_protocol::control::Notice;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use file::AuditFile;
use limit::Limit;
use writer::AuditWriter;

/// Entries that wait for the disk.
const MAX_WAITING: usize = 4096;
/// The part of them that is kept for entries which another machine cannot cause as it likes.
const RESERVED: usize = MAX_WAITING / 4;

/// Sends entries to the audit log's thread.
pub struct Audit {
    /// `None`: nothing is recorded.
    messages: Option<Sender<Message>>,
    queue: Arc<Queue>,
}

enum Message {
    /// An entry's time, and what makes it: on the writer's thread, as it may read files.
    Entry(UnixTime, Box<dyn FnOnce() -> AuditEntry + Send>),
    /// Everything before it is to be written.
    Flush(oneshot::Sender<()>),
}

/// What waits to be written, and what could not be.
#[derive(Default)]
struct Queue {
    waiting: AtomicUsize,
    lost: AtomicU64,
    limit: Mutex<Limit>,
    /// The last write error.
    reason: Mutex<Option<String>>,
}

impl Audit {
    /// Returns an audit log that records nothing.
    pub fn off() -> Self {
        Self {
            messages: None,
            queue: Arc::default(),
        }
    }

    /// Starts writing to this file; without one, records nothing.
    pub fn start(path: Option<PathBuf>) -> Self {
        let Some(path) = path else {
            return Self::off();
        };
        let (messages, received) = channel();
        let queue = Arc::<Queue>::default();
        let writer = AuditWriter::new(AuditFile::new(path), queue.clone());
        let thread = thread::Builder::new().name("audit".to_owned());
        if let Err(error) = thread.spawn(move || writer.run(&received)) {
            *queue.reason.lock() = Some(format!("no thread for it: {error}"));
        }
        Self {
            messages: Some(messages),
            queue,
        }
    }

    /// Records an entry, with the time of this call. Never waits.
    pub fn record(&self, entry: AuditEntry) {
        self.record_with(entry.is_limited(), move || entry);
    }

    /// Records the entry that `make` makes on the writer's thread, with the time of this call. Of
    /// limited entries, those beyond the limit are only counted.
    pub fn record_with(
        &self,
        is_limited: bool,
        make: impl FnOnce() -> AuditEntry + Send + 'static,
    ) {
        let Some(messages) = &self.messages else {
            return;
        };
        if is_limited && !self.queue.limit.lock().count(Instant::now()) {
            return;
        }
        let max = match is_limited {
            true => MAX_WAITING - RESERVED,
            false => MAX_WAITING,
        };
        let entry = Message::Entry(SystemTime::now().into(), Box::new(make));
        let is_full = self.queue.waiting.fetch_add(1, Ordering::Relaxed) >= max;
        if is_full || messages.send(entry).is_err() {
            self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
            self.queue.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns what is missing in the log and why, for `status`.
    pub fn trouble(&self) -> Option<Notice> {
        let reason = self.queue.reason.lock().clone();
        let entries = match (self.queue.lost.load(Ordering::Relaxed), &reason) {
            (0, None) => return None,
            (0, Some(_)) => "entries".to_owned(),
            (1, _) => "1 entry".to_owned(),
            (entries, _) => format!("{entries} entries"),
        };
        let reason = reason.unwrap_or_else(|| "the disk is too slow or does not answer".to_owned());
        Some(Notice {
            at: None,
            text: format!("audit log: {entries} not written: {reason}"),
        })
    }

    /// Waits until all is written, for so long at most.
    pub async fn finish(&self, limit: Duration) {
        let Some(messages) = &self.messages else {
            return;
        };
        let (flushed, done) = oneshot::channel();
        let _ = messages.send(Message::Flush(flushed));
        if tokio::time::timeout(limit, done).await.is_err() {
            tracing::warn!(
                "the audit log's last entries are not written: the disk does not answer"
            );
        }
    }
}

#[cfg(test)]
mod tests;
