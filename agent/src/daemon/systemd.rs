//! systemd: the sockets that it passes (sd_listen_fds(3)) and the state that it is told
//! (sd_notify(3)).

use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

pub use sd_notify::NotifyState as State;

/// A socket of this file name is the control socket, any other an agent socket.
const CONTROL: &str = "control.sock";

/// Listening sockets that we were started with, and where they are in the file system. The names
/// there belong to whoever bound them.
#[derive(Debug, Default)]
pub struct Passed {
    pub agent: Vec<(PathBuf, UnixListener)>,
    pub control: Vec<(PathBuf, UnixListener)>,
}

impl Passed {
    pub fn paths(&self) -> Vec<PathBuf> {
        let all = self.agent.iter().chain(&self.control);
        all.map(|(path, _)| path.clone()).collect()
    }

    fn add(&mut self, listener: UnixListener) -> io::Result<()> {
        if !socket_acceptconn(&listener)? {
            return Err(io::Error::other("it does not listen"));
        }
        let address = listener.local_addr()?;
        let Some(path) = address.as_pathname() else {
            // its name would keep nobody out
            return Err(io::Error::other("it is not in the file system"));
        };
        let kind = match path.file_name() {
            Some(name) if name == CONTROL => &mut self.control,
            _ => &mut self.agent,
        };
        kind.push((path.to_owned(), listener));
        Ok(())
    }
}

/// What is wrong with a socket that we were started with, counted from 1.
#[derive(Debug, thiserror::Error)]
#[error("socket {number} of those that systemd passes is of no use: {error}")]
pub struct PassedError {
    number: usize,
    error: io::Error,
}

/// Takes the sockets that are meant for this very process. Changes the environment: to be called
/// once, before there are threads.
pub fn take_sockets() -> Result<Passed, PassedError> {
    let mut passed = Passed::default();
    // without it, the variables are somebody else's that we inherited
    if std::env::var_os("LISTEN_PID").is_none() {
        return Ok(passed);
    }
    let mut listeners = ListenFd::from_env();
    for index in 0..listeners.len() {
        listeners
            .take_unix_listener(index)
            .and_then(|listener| listener.map_or(Ok(()), |listener| passed.add(listener)))
            .map_err(|error| PassedError {
                number: index + 1,
                error,
            })?;
    }
    Ok(passed)
}

/// Tells the service manager, if one asked to be told.
pub fn tell(state: State<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("systemd cannot be told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;

    use super::*;

    #[test]
    fn the_file_name_tells_the_two_sockets_apart() {
        let directory = tempfile::tempdir().unwrap();
        let mut passed = Passed::default();
        for name in ["control.sock", "agent.sock", "else"] {
            let listener = UnixListener::bind(directory.path().join(name)).unwrap();
            passed.add(listener).unwrap();
        }
        let names = |sockets: &[(PathBuf, UnixListener)]| -> Vec<PathBuf> {
            let name = |path: &PathBuf| path.strip_prefix(directory.path()).unwrap().to_owned();
            sockets.iter().map(|(path, _)| name(path)).collect()
        };
        assert_eq!(names(&passed.control), [PathBuf::from("control.sock")]);
        assert_eq!(
            names(&passed.agent),
            [PathBuf::from("agent.sock"), PathBuf::from("else")]
        );
    }

    #[test]
    fn a_socket_without_a_file_is_refused() {
        let name = format!("opkssh-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        assert!(Passed::default().add(listener).is_err());
    }
}
