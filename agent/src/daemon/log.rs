//! The log: to the journal where systemd listens on stderr, else lines on stderr, which a command
//! that starts the daemon has made the log file.

use std::io::{self, Write};

use clap::ValueEnum;
use opkssh_protocol::printable::printable;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How much is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// Starts writing. `OPKSSH_LOG`, in the syntax of tracing's `Targets`, counts for more than
/// `level`, whose name is such a filter, too.
pub fn start(level: LogLevel) {
    let filters = [std::env::var("OPKSSH_LOG").ok(), Some(option_name(level))];
    let filter = filters
        .into_iter()
        .flatten()
        .find_map(|filter| filter.parse::<Targets>().ok());
    let log = tracing_subscriber::registry()
        .with(filter.unwrap_or_default())
        .with(filter_fn(is_harmless));
    let is_journal = stderr_is_the_journal();
    let lines = fmt::layer().with_ansi(false);
    let lines = lines.with_writer(Lines { is_journal });
    // a second start finds the first one's subscriber, which is as good
    let _ = match is_journal {
        true => log.with(lines.without_time()).try_init(),
        false => log.with(lines).try_init(),
    };
}

/// Returns the value as the command line has it.
pub fn option_name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
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
    is_journal: bool,
}

impl Lines {
    fn line(&self, level: Level) -> Line {
        Line {
            prefix: match level {
                _ if !self.is_journal => "",
                Level::ERROR => "<3>",
                Level::WARN => "<4>",
                Level::INFO => "<6>",
                _ => "<7>",
            },
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        self.line(Level::INFO)
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        self.line(*event.level())
    }
}

struct Line {
    prefix: &'static str,
}

impl Line {
    fn of(&self, event: &[u8]) -> String {
        let text = String::from_utf8_lossy(event);
        // an event may quote a provider: what it says begins no line of its own
        format!("{}{}\n", self.prefix, printable(text.trim_end()))
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
mod tests;
