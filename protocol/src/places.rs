//! Paths in a user's account. Only names: nothing here accesses the file system.

use std::path::{Path, PathBuf};

/// The longest path of a socket (unix(7)), in bytes.
pub const LONGEST_SOCKET_PATH: usize = 107;

/// What the control socket of a separate agent has behind the path of its agent socket.
pub const CONTROL_SUFFIX: &str = ".control";

/// The user's directories, taken from the environment by the caller.
pub struct BaseDirectories {
    /// The home directory.
    pub home: PathBuf,
    /// `$XDG_RUNTIME_DIR`, if set.
    pub runtime: Option<PathBuf>,
    /// `$XDG_STATE_HOME`, by default `~/.local/state`.
    pub state: PathBuf,
    /// `$XDG_CONFIG_HOME`, by default `~/.config`.
    pub config: PathBuf,
}

/// The paths shared by client, wrapper and daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The home directory.
    pub home: PathBuf,
    /// Private (0700) directory of the sockets.
    pub runtime_dir: PathBuf,
    /// Private (0700) directory of persistent files; contains no secret in clear.
    pub state_dir: PathBuf,
    config_dir: PathBuf,
    /// Directory in which systemd's user manager looks for this user's units.
    pub user_units_dir: PathBuf,
    /// The agent socket of a separate agent.
    separate: Option<PathBuf>,
}

impl Places {
    /// Derives the paths from the user's directories.
    pub fn new(base: BaseDirectories) -> Self {
        let state_dir = base.state.join("opkssh");
        Self {
            runtime_dir: match base.runtime {
                Some(runtime) => runtime.join("opkssh"),
                None => state_dir.join("run"),
            },
            state_dir,
            config_dir: base.config.join("opkssh"),
            user_units_dir: base.config.join("systemd/user"),
            home: base.home,
            separate: None,
        }
    }

    /// Returns the paths of a separate agent, which has no files but its sockets.
    pub fn separate(&self, agent_socket: PathBuf) -> Self {
        Self {
            separate: Some(agent_socket),
            ..self.clone()
        }
    }

    /// Returns the agent socket, if these are the paths of a separate agent.
    pub fn separate_socket(&self) -> Option<&Path> {
        self.separate.as_deref()
    }

    /// Returns the agent socket (RFC 9987), the value of `SSH_AUTH_SOCK`.
    pub fn agent_socket(&self) -> PathBuf {
        match &self.separate {
            Some(socket) => socket.clone(),
            None => self.runtime_dir.join("agent.sock"),
        }
    }

    /// Returns the control socket, beside the agent socket. It is never forwarded.
    pub fn control_socket(&self) -> PathBuf {
        match &self.separate {
            Some(socket) => {
                let mut socket = socket.clone().into_os_string();
                socket.push(CONTROL_SUFFIX);
                socket.into()
            }
            None => self.runtime_dir.join("control.sock"),
        }
    }

    /// Returns the lock of the running daemon, one per state directory: two daemons would use up
    /// each other's refresh tokens. The lock's holder may replace stale sockets.
    pub fn lock_file(&self) -> PathBuf {
        self.state_dir.join("agent.lock")
    }

    /// Returns the file with process id and control socket of the lock's holder, one per line.
    pub fn holder_file(&self) -> PathBuf {
        self.state_dir.join("agent.holder")
    }

    /// Returns the `XDG_RUNTIME_DIR` of an agent of this user with this control socket; `None`: it
    /// was started without one.
    pub fn runtime_of<'a>(&self, control_socket: &'a Path) -> Option<&'a Path> {
        let directory = control_socket.parent()?;
        let is_set = directory != self.state_dir.join("run");
        directory.parent().filter(|_| is_set)
    }

    /// Returns the file with the running daemon's process id, for users and scripts.
    pub fn pid_file(&self) -> Option<PathBuf> {
        self.unless_separate(&self.runtime_dir, "agent.pid")
    }

    /// Returns the list of accounts and their stores. Contains no secrets.
    pub fn accounts_file(&self) -> Option<PathBuf> {
        self.unless_separate(&self.state_dir, "accounts.json")
    }

    /// Returns the directory of the encrypted file store.
    pub fn store_dir(&self) -> PathBuf {
        self.state_dir.join("store")
    }

    /// Returns the list of jump hosts that the user trusts with accounts. Contains no secrets.
    pub fn jump_hosts_file(&self) -> Option<PathBuf> {
        self.unless_separate(&self.state_dir, "jump-hosts.json")
    }

    /// Returns the seal, which exists while the agent is locked with a password: the key that
    /// encrypts everything else, encrypted with the password.
    pub fn seal_file(&self) -> Option<PathBuf> {
        self.unless_separate(&self.state_dir, "seal.json")
    }

    /// Returns the log of a daemon that was started on demand.
    pub fn log_file(&self) -> PathBuf {
        self.state_dir.join("agent.log")
    }

    /// Returns the audit log. Full files are beside it, see [`crate::audit::full_file`].
    pub fn audit_file(&self) -> Option<PathBuf> {
        self.unless_separate(&self.state_dir, "audit.jsonl")
    }

    /// Returns the client configuration files in order of preference: Go's, then the XDG one.
    pub fn config_files(&self) -> [PathBuf; 2] {
        [
            self.home.join(".opk/config.yml"),
            self.config_dir.join("config.yml"),
        ]
    }

    /// Returns ssh's default known_hosts files.
    pub fn known_hosts_files(&self) -> [PathBuf; 4] {
        [
            self.home.join(".ssh/known_hosts"),
            self.home.join(".ssh/known_hosts2"),
            PathBuf::from("/etc/ssh/ssh_known_hosts"),
            PathBuf::from("/etc/ssh/ssh_known_hosts2"),
        ]
    }

    /// Returns `~/.ssh`.
    pub fn ssh_dir(&self) -> PathBuf {
        self.home.join(".ssh")
    }

    fn unless_separate(&self, directory: &Path, name: &str) -> Option<PathBuf> {
        match self.separate {
            Some(_) => None,
            None => Some(directory.join(name)),
        }
    }

    /// Returns true if `socket` is one of these sockets.
    pub fn is_ours(&self, socket: &Path) -> bool {
        socket.starts_with(&self.runtime_dir)
    }
}
