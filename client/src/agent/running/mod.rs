//! Starts the agent if it is not running.

mod separate;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use opkssh_files::{DirectoryError, DirectoryProblem, Writer, make_private};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::settings::AgentSettings;
use crate::connection::Connection;
use crate::connection::runtime_dir::unusable;
use crate::error::ClientError;
use crate::format::quoted;

/// Time limit for the agent's start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A longer log, in bytes, is renamed to `agent.log.old` when the agent is started.
const LOG_LIMIT: u64 = 1024 * 1024;

/// The command that starts the agent.
pub struct Launcher {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// `SSH_AUTH_SOCK` for the agent; `None`: this process's own.
    pub session_agent: Option<PathBuf>,
}

impl Launcher {
    /// Returns this program's `agent launch`, which becomes the agent.
    pub fn this_program(settings: &AgentSettings) -> Result<Self, ClientError> {
        let mut arguments = ["agent", "launch"].map(OsString::from).to_vec();
        arguments.extend(settings.arguments()?);
        Ok(Self {
            program: this_program()?,
            arguments,
            session_agent: None,
        })
    }

    fn command(&self) -> Command {
        let session_agent = self.session_agent.as_ref();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(session_agent.map(|socket| ("SSH_AUTH_SOCK", socket)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }
}

/// Connects to the agent and starts it first if it is not running.
pub fn ensure_running(places: &Places) -> Result<Connection, ClientError> {
    ensure_running_with(&AgentSettings::default(), places)
}

/// Like [`ensure_running`]; an agent without stored accounts is not started, and `None` returned.
pub(crate) fn ensure_running_if_stored(places: &Places) -> Result<Option<Connection>, ClientError> {
    match has_stored_accounts(places) {
        true => ensure_running(places).map(Some),
        false => Connection::open_if_running(places),
    }
}

/// Returns true if there are stored accounts, or their list cannot be read.
pub(crate) fn has_stored_accounts(places: &Places) -> bool {
    let Some(file) = places.accounts_file() else {
        return false;
    };
    let index = match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null),
        Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
    };
    let accounts = index["accounts"].as_array();
    accounts.is_none_or(|accounts| !accounts.is_empty())
}

/// Like [`ensure_running`]; an agent that has to be started gets these settings.
pub(crate) fn ensure_running_with(
    settings: &AgentSettings,
    places: &Places,
) -> Result<Connection, ClientError> {
    match Connection::open_if_running(places)? {
        Some(connection) => Ok(connection),
        // without its socket, it would be the user's own agent that starts
        None if places.separate_socket().is_some() && settings.socket.is_none() => {
            Err(ClientError::NotRunning)
        }
        None => start(places, &Launcher::this_program(settings)?),
    }
}

/// Returns this program's path.
pub fn this_program() -> Result<PathBuf, ClientError> {
    std::env::current_exe().map_err(ClientError::io("cannot find this program's path"))
}

/// Starts the agent. Of several programs that start the user's own agent at once, one starts it and
/// the others wait.
pub(crate) fn start(places: &Places, launcher: &Launcher) -> Result<Connection, ClientError> {
    if places.separate_socket().is_some() {
        return separate::start(places, launcher);
    }
    make_private(&places.runtime_dir)
        .map_err(|error| unusable(&places.control_socket(), &error.problem.to_string()))?;
    make_private(&places.state_dir).map_err(unusable_state)?;
    let start_lock = open_private(&places.runtime_dir.join("start.lock"))?;
    let what = "cannot wait for another start of the agent";
    start_lock.lock().map_err(ClientError::io(what))?;
    if let Some(connection) = Connection::open_if_running(places)? {
        return Ok(connection);
    }
    let log = Log::open(&places.log_file())?;
    let failed = |reason: String, log: &Log| {
        let hint = log.last_words();
        // the disk of the log may be full
        let tried = Writer::private().try_out(&log.path, 16 * 1024);
        if let (None, Err(error)) = (&hint, tried) {
            let what = format!("cannot start the agent: {}: {error}", log.path.display());
            return ClientError::unreachable(what, "free space, or make it writable");
        }
        let hint = hint.unwrap_or_else(|| "run it in the foreground: opkssh agent run".into());
        ClientError::unreachable(format!("cannot start the agent: {reason}"), hint)
    };
    let stderr = log.file.try_clone();
    let what = "cannot duplicate the log's file descriptor";
    let mut daemon = launcher
        .command()
        .stderr(stderr.map_err(ClientError::io(what))?)
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
        let lines = BufReader::new(stdout.take(64 * 1024)).lines();
        let mut lines = lines.map_while(Result::ok);
        let _ = lines.any(|line| line.starts_with("SSH_AUTH_SOCK="));
        let _ = done.send(());
    });
    wait.recv_timeout(START_TIMEOUT).is_ok()
}

fn unusable_state(error: DirectoryError) -> ClientError {
    let what = format!("cannot use the state directory {error}");
    match error.problem {
        DirectoryProblem::Writable => {
            let path = quoted(&error.path.to_string_lossy());
            ClientError::new(what, format!("close it: chmod 700 {path}"))
        }
        _ => ClientError::without_hint(what),
    }
}

/// Opens a file of mode 0600, at its end.
fn open_private(path: &Path) -> Result<File, ClientError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let what = format!("cannot open {}", path.display());
    options.open(path).map_err(ClientError::io(what))
}

/// The agent's log from its end at [`Log::open`] on: it explains a failed start.
struct Log {
    path: PathBuf,
    file: File,
    from: u64,
}

impl Log {
    fn open(path: &Path) -> Result<Self, ClientError> {
        // no agent runs that could write to it
        if std::fs::metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT) {
            let _ = std::fs::rename(path, path.with_extension("log.old"));
        }
        let file = open_private(path)?;
        let from = file.metadata().map_or(0, |found| found.len());
        Ok(Self {
            path: path.to_path_buf(),
            file,
            from,
        })
    }

    fn last_words(&self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.from)).ok()?;
        let mut text = Vec::new();
        file.take(64 * 1024).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
        // the hint is a line of its own
        let error = lines.iter().rposition(|line| line.starts_with("Error: "));
        let said = lines.get(error.unwrap_or(lines.len().checked_sub(1)?)..)?;
        let (said, file) = (said.join("; "), self.path.display());
        Some(format!("its log says: {} ({file})", printable(&said)))
    }
}

#[cfg(test)]
mod tests;
