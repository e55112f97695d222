//! Starts the agent if it is not running.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::settings::AgentSettings;
use crate::connection::Connection;
use crate::error::ClientError;

/// Time limit for the agent's start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A longer log, in bytes, is renamed to `agent.log.old` when the agent is started.
const LOG_LIMIT: u64 = 1024 * 1024;

/// The command that starts the agent.
pub struct Launcher {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

impl Launcher {
    /// Returns this program's `agent launch`, which becomes the agent.
    pub fn this_program(settings: &AgentSettings) -> Result<Self, ClientError> {
        let mut arguments = ["agent", "launch"].map(OsString::from).to_vec();
        arguments.extend(settings.arguments()?);
        Ok(Self {
            program: this_program()?,
            arguments,
        })
    }
}

/// Connects to the agent and starts it first if it is not running.
pub fn ensure_running(places: &Places) -> Result<Connection, ClientError> {
    ensure_running_with(&AgentSettings::default(), places)
}

/// Like [`ensure_running`]; an agent without stored accounts is not started, and `None` returned.
pub(crate) fn ensure_running_if_stored(places: &Places) -> Result<Option<Connection>, ClientError> {
    match places.accounts_file().exists() {
        true => ensure_running(places).map(Some),
        false => Connection::open_if_running(places),
    }
}

/// Like [`ensure_running`]; an agent that has to be started gets these settings.
pub(crate) fn ensure_running_with(
    settings: &AgentSettings,
    places: &Places,
) -> Result<Connection, ClientError> {
    match Connection::open_if_running(places)? {
        Some(connection) => Ok(connection),
        None => start(places, &Launcher::this_program(settings)?),
    }
}

/// Returns this program's path.
pub fn this_program() -> Result<PathBuf, ClientError> {
    std::env::current_exe().map_err(ClientError::io("cannot find this program's path"))
}

/// Starts the agent. Of several programs that do so at once, one starts it and the others wait.
pub(crate) fn start(places: &Places, launcher: &Launcher) -> Result<Connection, ClientError> {
    private_directory(&places.runtime_dir)?;
    private_directory(&places.state_dir)?;
    let lock_file = places.runtime_dir.join("start.lock");
    let start_lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_file)
        .map_err(ClientError::io(format!(
            "cannot open {}",
            lock_file.display()
        )))?;
    start_lock.lock().map_err(ClientError::io(
        "cannot wait for another start of the agent",
    ))?;
    if let Some(connection) = Connection::open_if_running(places)? {
        return Ok(connection);
    }
    let log = Log::open(&places.log_file())?;
    let failed = |reason: String, log: &Log| ClientError::Start {
        reason,
        log: log.last_line(),
    };
    let mut daemon = Command::new(&launcher.program)
        .args(&launcher.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.for_daemon()?)
        .spawn()
        .map_err(|error| failed(format!("{}: {error}", launcher.program.display()), &log))?;
    let Some(stdout) = daemon.stdout.take() else {
        return Err(failed("it has no output".into(), &log));
    };
    if !wait_until_ready(stdout) {
        // a late agent would have unchecked settings
        let _ = daemon.kill();
        let _ = daemon.wait();
        return Err(failed(
            format!("not ready after {} seconds", START_TIMEOUT.as_secs()),
            &log,
        ));
    }
    // an agent that ended does not listen, and its log has the reason
    Connection::open(&places.control_socket()).map_err(|error| match error {
        ClientError::NotRunning => failed("it ended at once".into(), &log),
        other => other,
    })
}

/// Waits for the `SSH_AUTH_SOCK=` line, which the agent prints when it listens, or the end of its
/// output. Returns false if neither comes in time.
fn wait_until_ready(stdout: ChildStdout) -> bool {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout.take(64 * 1024)).lines() {
            match line {
                Ok(line) if line.starts_with("SSH_AUTH_SOCK=") => break,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let _ = done.send(());
    });
    wait.recv_timeout(START_TIMEOUT).is_ok()
}

/// Creates the directory `path` with mode 0700. Fails if it exists and others own it or can write
/// to it.
fn private_directory(path: &Path) -> Result<(), ClientError> {
    let what = || format!("cannot use {}", path.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| std::fs::symlink_metadata(path))
        .and_then(|found| {
            if !found.is_dir() {
                Err(std::io::Error::other("not a directory"))
            } else if found.uid() != rustix::process::geteuid().as_raw() {
                Err(std::io::Error::other("it belongs to another user"))
            } else if found.mode() & 0o022 != 0 {
                Err(std::io::Error::other(
                    "other users can write to it; chmod 700 it",
                ))
            } else {
                Ok(())
            }
        })
        .map_err(ClientError::io(what()))
}

/// The agent's log from its end at [`Log::open`] on: it explains a failed start.
struct Log {
    path: PathBuf,
    file: File,
    from: u64,
}

impl Log {
    fn open(path: &Path) -> Result<Self, ClientError> {
        let io = || ClientError::io(format!("cannot open {}", path.display()));
        // no agent runs that could write to it
        if std::fs::metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT) {
            let _ = std::fs::rename(path, path.with_extension("log.old"));
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(io())?;
        let from = file.metadata().map_err(io())?.len();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            from,
        })
    }

    fn for_daemon(&self) -> Result<File, ClientError> {
        self.file.try_clone().map_err(ClientError::io(
            "cannot duplicate the log's file descriptor",
        ))
    }

    fn last_line(&self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.from)).ok()?;
        let mut text = Vec::new();
        file.take(64 * 1024).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().rfind(|line| !line.trim().is_empty())?;
        Some(format!(
            "its log says: {} ({})",
            printable(line.trim()),
            self.path.display()
        ))
    }
}

#[cfg(test)]
mod tests;
