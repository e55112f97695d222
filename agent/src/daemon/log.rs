//! The log: to the journal where systemd listens on stderr, else lines on stderr, which a command
//! that starts the daemon has made the log file.

use std::io::{self, Write};

use opkssh_protocol::printable::printable;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How much is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Returns the value of `--log-level`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn level(self) -> Level {
        match self {
            Self::Error => Level::ERROR,
            Self::Warn => Level::WARN,
            Self::Info => Level::INFO,
            Self::Debug => Level::DEBUG,
            Self::Trace => Level::TRACE,
        }
    }
}

/// Starts writing. `OPKSSH_LOG`, in the syntax of tracing's `Targets`, counts for more than
/// `level`.
pub fn start(level: LogLevel) {
    let asked = std::env::var("OPKSSH_LOG").ok();
    let filter = asked
        .and_then(|asked| asked.parse::<Targets>().ok())
        .unwrap_or_else(|| Targets::new().with_default(level.level()));
    let log = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_harmless));
    let lines = fmt::layer().with_ansi(false);
    // a second start finds the first one's subscriber, which is as good
    let journal = stderr_is_the_journal();
    let lines = lines.with_writer(Lines { journal });
    let _ = match journal {
        true => log.with(lines.without_time()).try_init(),
        false => log.with(lines).try_init(),
    };
}

/// Whatever was asked for: the libraries below write whole requests, headers and frames from debug
/// on, tokens and passphrases among them. Only our own crates may log that much.
fn is_harmless(event: &Metadata<'_>) -> bool {
    let target = event.target();
    let most = match target.split("::").next().unwrap_or_default() {
        crate_name if crate_name.starts_with("opkssh") => Level::TRACE,
        // it logs each reconnection at info
        "zbus" => Level::WARN,
        _ => Level::INFO,
    };
    *event.level() <= most
}

/// systemd names the journal's socket by device and inode, as others may be inherited.
fn stderr_is_the_journal() -> bool {
    let Ok(journal) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stderr| journal == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

/// Makes each event one line on stderr. For the journal, the line begins with its priority, as
/// sd-daemon(3) has it.
struct Lines {
    journal: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            priority: self.journal.then_some(6),
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        let priority = match *event.level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        Line {
            priority: self.journal.then_some(priority),
        }
    }
}

struct Line {
    priority: Option<u8>,
}

impl Line {
    fn of(&self, event: &[u8]) -> String {
        let text = String::from_utf8_lossy(event);
        // an event may quote a provider: what it says begins no line of its own
        let line = printable(text.trim_end());
        match self.priority {
            Some(priority) => format!("<{priority}>{line}\n"),
            None => format!("{line}\n"),
        }
    }
}

impl Write for Line {
    /// An event comes as a whole.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(self.of(text).as_bytes())?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_priority() {
        let line = Line { priority: Some(4) };
        assert_eq!(line.of(b"a b\n"), "<4>a b\n");
    }

    #[test]
    fn an_event_is_one_line() {
        let line = Line { priority: None };
        assert_eq!(
            line.of("a\n<0>b\u{1b}[2J\u{202e}\n".as_bytes()),
            "a\\n<0>b\\u{1b}[2J\\u{202e}\n"
        );
    }
}
