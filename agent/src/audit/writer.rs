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
/// Refusals that are written in each period. Another machine can cause as many as it likes, and must
/// not push out older entries.
const MAX_REFUSALS: u64 = 1000;
const PERIOD: Duration = Duration::from_secs(3600);

pub struct Writer {
    file: AuditFile,
    queue: Arc<Queue>,
    refusals: Refusals,
}

/// The refusals of a period.
struct Refusals {
    since: Instant,
    written: u64,
    omitted: u64,
}

impl Writer {
    pub fn new(file: AuditFile, queue: Arc<Queue>) -> Self {
        let refusals = Refusals::new(Instant::now());
        Self {
            file,
            queue,
            refusals,
        }
    }

    /// Writes what comes until the agent ends.
    pub fn run(mut self, messages: &Receiver<Message>) {
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
        let omitted = (self.refusals.omitted > 0).then(|| self.refusals.left(Instant::now()));
        let lost = (self.queue.lost.load(Ordering::Relaxed) > 0).then_some(TRY_AGAIN);
        omitted.into_iter().chain(lost).min()
    }

    fn take(&mut self, messages: impl Iterator<Item = Message>) {
        let (mut lines, mut count) = (String::new(), 0);
        let mut flushed: Vec<oneshot::Sender<()>> = Vec::new();
        let mut is_last = false;
        for message in messages {
            match message {
                Message::Entry(time, make) => {
                    self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
                    let entry = AuditEntry { time, ..make() };
                    if self.refusals.admits(entry.event, Instant::now()) {
                        lines += &entry.line();
                        count += 1;
                    }
                }
                Message::Flush(done) => {
                    is_last = true;
                    flushed.push(done);
                }
            }
        }
        let omitted = self.refusals.end(Instant::now(), is_last);
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

impl Refusals {
    fn new(since: Instant) -> Self {
        Self {
            since,
            written: 0,
            omitted: 0,
        }
    }

    fn left(&self, now: Instant) -> Duration {
        PERIOD.saturating_sub(now.saturating_duration_since(self.since))
    }

    /// Returns true if an entry of this event is to be written at `now`; it then counts as written.
    fn admits(&mut self, event: AuditEvent, now: Instant) -> bool {
        if !event.is_refusal() {
            return true;
        }
        if self.omitted == 0 && self.left(now).is_zero() {
            *self = Self::new(now);
        }
        let is_admitted = self.written < MAX_REFUSALS;
        match is_admitted {
            true => self.written += 1,
            false => self.omitted += 1,
        }
        is_admitted
    }

    /// Returns the number of refusals that were omitted, if the period is over, or the agent ends.
    fn end(&mut self, now: Instant, is_last: bool) -> u64 {
        if self.omitted == 0 || !(is_last || self.left(now).is_zero()) {
            return 0;
        }
        std::mem::replace(self, Self::new(now)).omitted
    }
}
