//! One daemon a user: the lock, and what to do about whoever holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use opkssh_files::{DirectoryError, Writer};
use opkssh_protocol::places::{LONGEST_SOCKET_PATH, Places};
use rustix::process::{Pid, Signal, kill_process};

/// How long a daemon that was told to end may take: it finishes what it has begun at a provider.
const ENDING: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("an agent is running already{}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    AlreadyRunning {
        pid: Option<i32>,
        /// Its `XDG_RUNTIME_DIR`, if it is another one.
        runtime: Option<PathBuf>,
    },
    #[error("cannot listen in {0}")]
    Directory(#[from] DirectoryError),
    #[error("{path}: {error}")]
    File { path: PathBuf, error: io::Error },
    #[error("{0} is in use by another program")]
    SocketInUse(PathBuf),
    #[error("somebody else listens on {0}: systemd, most likely")]
    ListenedOn(PathBuf),
    #[error("{0} is not a socket of yours")]
    NotASocket(PathBuf),
    #[error(
        "{path} is too long for a socket: {length} bytes, more than {LONGEST_SOCKET_PATH}",
        path = .0.display(), length = .0.as_os_str().len()
    )]
    PathTooLong(PathBuf),
}

impl InstanceError {
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AlreadyRunning { runtime, .. } => {
                let set = runtime
                    .as_ref()
                    .map(|it| format!("XDG_RUNTIME_DIR={} ", it.display()));
                let set = set.unwrap_or_default();
                return Some(format!(
                    "use it: {set}opkssh agent env; or end it: {set}opkssh agent stop"
                ));
            }
            Self::File { .. } => return None,
            Self::Directory(_)
            | Self::SocketInUse(_)
            | Self::NotASocket(_)
            | Self::PathTooLong(_) => {
                "name another path, in a directory of your own: --socket PATH"
            }
            Self::ListenedOn(_) => {
                "let systemd start it: systemctl --user start opkssh-agent.service"
            }
        };
        Some(hint.to_owned())
    }

    pub fn file(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File {
            path: path.clone(),
            error,
        }
    }
}

/// Takes the lock for as long as the returned file lives.
///
/// A daemon whose sockets are gone (its runtime directory was removed when the session ended, and
/// made anew for the next) is of no use to anybody: it is told to end, and waited for. So is one
/// whose control socket is among those `passed` to us: systemd has put its own in their place.
pub fn lock(places: &Places, passed: &[PathBuf]) -> Result<File, InstanceError> {
    let path = places.lock_file();
    let failed = InstanceError::file(&path);
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(&failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
        Err(TryLockError::WouldBlock) => {
            let (pid, control_socket) = holder(places);
            let other = control_socket.clone();
            let other = other.filter(|socket| *socket != places.control_socket());
            let runtime = other.and_then(|socket| Some(places.runtime_of(&socket)?.to_owned()));
            let reachable =
                control_socket.is_none_or(|socket| !passed.contains(&socket) && answers(&socket));
            match pid.and_then(Pid::from_raw) {
                Some(pid) if !reachable => wait_for_end(&file, pid)?,
                _ => return Err(InstanceError::AlreadyRunning { pid, runtime }),
            }
        }
    }
    let own = format!(
        "{}\n{}\n",
        std::process::id(),
        places.control_socket().display()
    );
    write_private(&places.holder_file(), &own)?;
    Ok(file)
}

/// Removes a dead socket of this user at `path`. Fails if anything else is there.
pub fn remove_dead(path: &Path) -> Result<(), InstanceError> {
    let Ok(found) = path.symlink_metadata() else {
        return Ok(());
    };
    if !found.file_type().is_socket() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(InstanceError::NotASocket(path.to_owned()));
    }
    match answers(path) {
        true => Err(InstanceError::SocketInUse(path.to_owned())),
        false => fs::remove_file(path).map_err(InstanceError::file(path)),
    }
}

/// Writes a file that is this user's alone.
pub fn write_private(path: &Path, text: &str) -> Result<(), InstanceError> {
    let written = Writer::private().replace(path, text.as_bytes());
    written.map_err(InstanceError::file(path))
}

fn holder(places: &Places) -> (Option<i32>, Option<PathBuf>) {
    let text = fs::read_to_string(places.holder_file()).unwrap_or_default();
    let mut lines = text.lines();
    let pid = lines.next().and_then(|pid| pid.parse().ok());
    (pid, lines.next().map(PathBuf::from))
}

fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

fn wait_for_end(lock: &File, pid: Pid) -> Result<(), InstanceError> {
    // it holds the lock and wrote this number there, so it is the one
    let _ = kill_process(pid, Signal::TERM);
    let deadline = Instant::now() + ENDING;
    while Instant::now() < deadline {
        if lock.try_lock().is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(InstanceError::AlreadyRunning {
        pid: Some(pid.as_raw_nonzero().get()),
        runtime: None,
    })
}

#[cfg(test)]
mod tests;
