//! The thread that writes the audit log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use opkssh_files::in_words;
use opkssh_protocol::audit::{AuditEntry, AuditEvent};
use tokio::sync::oneshot;

use super::file::AuditFile;
use super::{Message, Queue};

/// Entries that are written at once.
const MAX_TOGETHER: usize = 256;
/// How often a disk that took nothing is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

pub struct AuditWriter {
    file: AuditFile,
    queue: Arc<Queue>,
}

impl AuditWriter {
    pub fn new(file: AuditFile, queue: Arc<Queue>) -> Self {
        Self { file, queue }
    }

    /// Writes what comes until the agent ends.
    pub fn run(self, messages: &Receiver<Message>) {
        loop {
            let first = match self.wake_after() {
                Some(limit) => messages.recv_timeout(limit),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let first = match first {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let more = std::iter::from_fn(|| messages.try_recv().ok());
            self.take(first.into_iter().chain(more.take(MAX_TOGETHER - 1)));
        }
    }

    /// Returns when there is something to write without a new entry, if ever.
    fn wake_after(&self) -> Option<Duration> {
        let omitted = self.queue.limit.lock().left(Instant::now());
        let lost = (self.queue.lost.load(Ordering::Relaxed) > 0).then_some(TRY_AGAIN);
        omitted.into_iter().chain(lost).min()
    }

    fn take(&self, messages: impl Iterator<Item = Message>) {
        let (mut lines, mut count) = (String::new(), 0);
        let mut flushed: Vec<oneshot::Sender<()>> = Vec::new();
        let mut is_last = false;
        for message in messages {
            match message {
                Message::Entry(time, make) => {
                    self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
                    lines += &AuditEntry { time, ..make() }.line();
                    count += 1;
                }
                Message::Flush(done) => {
                    is_last = true;
                    flushed.push(done);
                }
            }
        }
        let omitted = self.queue.limit.lock().end(Instant::now(), is_last);
        if omitted > 0 {
            lines += &missing(AuditEvent::Omitted, omitted);
            count += 1;
        }
        self.write(lines, count);
        for done in flushed {
            let _ = done.send(());
        }
    }

    /// Writes lines, behind one that says what was lost before.
    fn write(&self, mut lines: String, count: u64) {
        let lost = self.queue.lost.load(Ordering::Relaxed);
        if lost > 0 {
            lines.insert_str(0, &missing(AuditEvent::Lost, lost));
        }
        if lines.is_empty() {
            return;
        }
        match self.file.append(lines.as_bytes()) {
            Ok(()) => {
                self.queue.lost.fetch_sub(lost, Ordering::Relaxed);
                if self.queue.reason.lock().take().is_some() {
                    tracing::info!(lost, "audit log: written again");
                }
            }
            Err(error) => {
                self.queue.lost.fetch_add(count, Ordering::Relaxed);
                let error = format!("{}: {}", self.file.path().display(), in_words(error));
                let mut reason = self.queue.reason.lock();
                if reason.as_ref() != Some(&error) {
                    tracing::warn!("audit log: entries are not written: {error}");
                    *reason = Some(error);
                }
            }
        }
    }
}

fn missing(event: AuditEvent, lines: u64) -> String {
    AuditEntry {
        time: SystemTime::now().into(),
        lines: Some(lines),
        ..AuditEntry::new(event)
    }
    .line()
}
