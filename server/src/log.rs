//! The log of `verify`, a line per event: when, which process, what. Other commands write to stderr
//! in the form of Go's, `YYYY/MM/DD HH:MM:SS message`, local time.
//!
//! What is logged may quote a token's claims or a key id, so everything is escaped here, once.
//! Tokens and certificates are never handed to it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use opkssh_protocol::printable::printable;
use rustix::fs::OFlags;

use crate::decision::Decision;
use crate::etc::LOG_FILE;
use crate::journal::Journal;

/// The name of a log file that stands for systemd's journal.
const JOURNAL: &str = "journal";

/// Where messages go.
pub struct Log {
    sink: Mutex<Box<dyn Write + Send>>,
    form: Form,
}

/// What stands in front of a message.
enum Form {
    /// Nothing: a person reads each step of the decision.
    Steps,
    /// The time, as Go's program writes it.
    Time,
    /// The process that sshd started, and the one that started it.
    Process { origin: String, has_time: bool },
}

impl Log {
    /// Appends to `path`, which is created if it is missing; the path `journal` is systemd's journal.
    /// Where that does not work, says so on stderr and goes on there: a full disk must not lock
    /// everybody out.
    pub fn open(path: &Path) -> Self {
        let sink: std::io::Result<Box<dyn Write + Send>> = if path == Path::new(JOURNAL) {
            Journal::connect().map(|journal| Box::new(journal) as _)
        } else {
            append_to(path).map(|file| Box::new(file) as _)
        };
        let (sink, error) = match sink {
            Ok(sink) => (sink, None),
            Err(error) => (Box::new(std::io::stderr()) as _, Some(error)),
        };
        let log = Self {
            sink: Mutex::new(sink),
            form: Form::Process {
                origin: origin(),
                // the journal has the time of each message
                has_time: path != Path::new(JOURNAL) || error.is_some(),
            },
        };
        if let Some(error) = error {
            log.line(&format!(
                "Error opening log file {}: {error}",
                path.display()
            ));
        }
        log
    }

    /// Returns true if [`detail`](Self::detail) is heard.
    pub fn explains(&self) -> bool {
        matches!(self.form, Form::Steps)
    }

    /// A step of the decision, for who wants to know each of them; a log file is not told.
    pub fn detail(&self, step: &str) {
        if self.explains() {
            self.line(step);
        }
    }

    /// Tells a person of each step, without the time.
    pub fn explaining(sink: impl Write + Send + 'static) -> Self {
        Self {
            sink: Mutex::new(Box::new(sink)),
            form: Form::Steps,
        }
    }

    /// Writes to `sink` instead of a file.
    pub fn to(sink: impl Write + Send + 'static) -> Self {
        Self {
            sink: Mutex::new(Box::new(sink)),
            form: Form::Time,
        }
    }

    /// Writes a message of one line.
    pub fn line(&self, message: &str) {
        self.write(&printable(message).to_string());
    }

    /// Writes what was decided, which is escaped and bounded already.
    pub fn decision(&self, decision: &Decision<'_>) {
        self.write(&decision.to_string());
    }

    /// One line, in one write. That it cannot be written changes no decision.
    fn write(&self, message: &str) {
        let line = match &self.form {
            Form::Steps => format!("{message}\n"),
            Form::Time => format!("{} {message}\n", now("%Y/%m/%d %H:%M:%S")),
            Form::Process { origin, has_time } => match has_time {
                true => format!("{} {origin} {message}\n", now("%Y/%m/%d %H:%M:%S %:z")),
                false => format!("{origin} {message}\n"),
            },
        };
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(line.as_bytes());
        }
    }
}

fn append_to(path: &Path) -> std::io::Result<std::fs::File> {
    // non-blocking, so that a FIFO in its place cannot stop a login
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(LOG_FILE.mode)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Returns the words that join lines: those of one run have the same `pid`; those of one connection
/// the same `ppid`, which is the sshd process that logs about it, where sshd runs us directly.
fn origin() -> String {
    let parent = rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    format!("pid={} ppid={parent}", std::process::id())
}

/// Local time.
fn now(format: &str) -> String {
    let now = Timestamp::now().to_zoned(local_time_zone());
    now.strftime(format).to_string()
}

/// Without the search for its name among all of them, which takes as long as the rest of verify.
fn local_time_zone() -> TimeZone {
    static LOCAL: OnceLock<TimeZone> = OnceLock::new();
    let find = || {
        if std::env::var_os("TZ").is_some() {
            return TimeZone::system();
        }
        let file = std::fs::read("/etc/localtime").ok();
        let local = file.and_then(|file| TimeZone::tzif("local", &file).ok());
        local.unwrap_or(TimeZone::UTC)
    };
    LOCAL.get_or_init(find).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        Log::open(&path).line("failed\nroot \u{1b}[2J ok\r");
        Log::open(&path).line("second");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let (time, rest) = lines[0].split_at(27);
        let (origin, message) = (origin(), "failed\\nroot \\u{1b}[2J ok\\r");
        assert_eq!(rest, format!("{origin} {message}"));
        assert!(origin.starts_with(&format!("pid={} ppid=", std::process::id())));
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        assert_eq!(shape.replace('-', "+"), "9999/99/99 99:99:99 +99:99 ");
    }

    #[test]
    fn row_127_an_unwritable_log_is_no_obstacle() {
        Log::open(Path::new("/nonexistent/opkssh.log")).line("goes to stderr");
    }
}
