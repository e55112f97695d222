//! The log of `verify`: a line per event with time, process and message. Other commands write to
//! stderr in Go's form, `YYYY/MM/DD HH:MM:SS message`, local time.
//!
//! Messages may quote a token's claims or a key id, so they are escaped here, once. Callers never
//! pass tokens or certificates.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use opkssh_protocol::printable::printable;
use rustix::fs::OFlags;

use crate::decision::Decision;
use crate::etc::LOG_FILE;

/// Log file name that stands for systemd's journal.
const JOURNAL: &str = "journal";

pub struct Log {
    sink: Mutex<Box<dyn Write + Send>>,
    form: Form,
}

/// Prefix of a message.
enum Form {
    /// None: for a person who reads each step of the decision.
    Steps,
    /// The time, in Go's form.
    Time,
    /// This process and its parent.
    Process { origin: String, has_time: bool },
}

impl Log {
    /// Appends to `path`, created if missing; the path `journal` is systemd's journal. If that
    /// fails, reports it on stderr and logs there: a full disk must not lock out everybody.
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
        // the journal records the time of each message
        let has_time = path != Path::new(JOURNAL) || error.is_some();
        let origin = origin();
        let log = Self::new(sink, Form::Process { origin, has_time });
        if let Some(error) = error {
            let path = path.display();
            log.line(&format!("Error opening log file {path}: {error}"));
        }
        log
    }

    fn new(sink: Box<dyn Write + Send>, form: Form) -> Self {
        let sink = Mutex::new(sink);
        Self { sink, form }
    }

    /// Returns true if [`detail`](Self::detail) writes anything.
    pub fn explains(&self) -> bool {
        matches!(self.form, Form::Steps)
    }

    /// Writes a step of the decision. Only [`explaining`](Self::explaining) logs show them.
    pub fn detail(&self, step: &str) {
        if self.explains() {
            self.line(step);
        }
    }

    /// Returns a log that shows each step, without the time.
    pub fn explaining(sink: impl Write + Send + 'static) -> Self {
        Self::new(Box::new(sink), Form::Steps)
    }

    /// Writes to `sink` instead of a file.
    pub fn to(sink: impl Write + Send + 'static) -> Self {
        Self::new(Box::new(sink), Form::Time)
    }

    pub fn line(&self, message: &str) {
        self.write(&printable(message).to_string());
    }

    /// Writes the decision, which is already escaped and limited in length.
    pub fn decision(&self, decision: &Decision<'_>) {
        self.write(&decision.to_string());
    }

    /// Writes one line in one call. Errors are ignored, because they must not change a decision.
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
    // non-blocking, so that a FIFO cannot block a login
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(LOG_FILE.mode)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Returns the words that relate lines: one run has one `pid`; runs for one connection have the
/// same `ppid`, which is the logging sshd process if sshd runs verify directly.
fn origin() -> String {
    let parent = rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    format!("pid={} ppid={parent}", std::process::id())
}

/// Returns the local time in this format.
fn now(format: &str) -> String {
    let now = Timestamp::now().to_zoned(local_time_zone());
    now.strftime(format).to_string()
}

/// Reads the local time zone without looking up its name, which would take as long as the rest of
/// verify.
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

const SOCKET: &str = "/run/systemd/journal/socket";
/// Time limit: a hanging journal must not delay a login.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A connection to systemd's journal, by its native protocol
/// (systemd.io/JOURNAL_NATIVE_PROTOCOL); each write is one message.
struct Journal(UnixDatagram);

impl Journal {
    fn connect() -> io::Result<Self> {
        Self::connect_to(Path::new(SOCKET))
    }

    fn connect_to(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(socket))
    }
}

impl Write for Journal {
    /// Sends `line` as one message with priority "info".
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let head = b"PRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=opkssh\nMESSAGE=";
        self.0.send(&[head, line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
