//! The log file, in the line format of Go's: `YYYY/MM/DD HH:MM:SS message`, local time.
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
use rustix::fs::OFlags;

/// Longest message, in characters; what a stranger sends must not fill the disk.
const MAX_MESSAGE: usize = 2000;

/// Where messages go.
pub struct Log {
    sink: Mutex<Box<dyn Write + Send>>,
    explains: bool,
}

impl Log {
    /// Appends to `path`, which is created with mode 0660. Where that does not work, says so on
    /// stderr and goes on there: a full disk must not lock everybody out.
    pub fn open(path: &Path) -> Self {
        // non-blocking, so that a FIFO in its place cannot stop a login
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o660)
            .custom_flags(flags.bits().cast_signed())
            .open(path);
        match file {
            Ok(file) => Self::to(file),
            Err(error) => {
                let log = Self::to(std::io::stderr());
                log.line(&format!(
                    "Error opening log file {}: {error}",
                    path.display()
                ));
                log
            }
        }
    }

    /// Returns true if [`detail`](Self::detail) is heard.
    pub fn explains(&self) -> bool {
        self.explains
    }

    /// A step of the decision, for who wants to know each of them; a log file is not told.
    pub fn detail(&self, step: &str) {
        if self.explains {
            self.line(step);
        }
    }

    /// Tells a person of each step, without the time.
    pub fn explaining(sink: impl Write + Send + 'static) -> Self {
        Self {
            sink: Mutex::new(Box::new(sink)),
            explains: true,
        }
    }

    /// Writes to `sink` instead of a file.
    pub fn to(sink: impl Write + Send + 'static) -> Self {
        Self {
            sink: Mutex::new(Box::new(sink)),
            explains: false,
        }
    }

    /// One line, in one write. That it cannot be written changes no decision.
    pub fn line(&self, message: &str) {
        let line = if self.explains {
            format!("{}\n", escaped(message))
        } else {
            let now = Timestamp::now().to_zoned(local_time_zone());
            let now = now.strftime("%Y/%m/%d %H:%M:%S");
            format!("{now} {}\n", escaped(message))
        };
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(line.as_bytes());
        }
    }
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

/// Without control characters, and of bounded length: fit for a log and a terminal.
pub fn escaped(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for (index, c) in message.chars().enumerate() {
        if index == MAX_MESSAGE {
            text.push('…');
            break;
        }
        // bidirectional overrides reorder what a reader sees
        if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            text.extend(c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text
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
        let (time, message) = lines[0].split_at(20);
        assert_eq!(message, "failed\\u{a}root \\u{1b}[2J ok\\u{d}");
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        assert_eq!(shape, "9999/99/99 99:99:99 ");
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(
            escaped(&"x".repeat(100_000)).chars().count(),
            MAX_MESSAGE + 1
        );
    }

    #[test]
    fn row_127_an_unwritable_log_is_no_obstacle() {
        Log::open(Path::new("/nonexistent/opkssh.log")).line("goes to stderr");
    }
}
