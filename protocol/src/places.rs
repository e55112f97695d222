//! Where things are in a user's account. Names only: nothing here touches the file system.

use std::path::{Path, PathBuf};

/// The user's directories as the program found them in its environment.
pub struct BaseDirectories {
    pub home: PathBuf,
    /// `$XDG_RUNTIME_DIR`, if there is one.
    pub runtime: Option<PathBuf>,
    /// `$XDG_STATE_HOME`, by default `~/.local/state`.
    pub state: PathBuf,
    /// `$XDG_CONFIG_HOME`, by default `~/.config`.
    pub config: PathBuf,
}

/// Every path that the client, the wrapper and the daemon share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    pub home: PathBuf,
    /// Private (0700) directory of the sockets.
    pub runtime_dir: PathBuf,
    /// Private (0700) directory of what survives a reboot; holds no secret in clear.
    pub state_dir: PathBuf,
    config_dir: PathBuf,
    /// Where a user manager of systemd looks for this user's own units.
    pub user_units_dir: PathBuf,
}

impl Places {
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
        }
    }

    /// RFC 9987 agent socket, what `SSH_AUTH_SOCK` points to.
    pub fn agent_socket(&self) -> PathBuf {
        self.runtime_dir.join("agent.sock")
    }

    /// Control socket, beside the agent socket; never forwarded.
    pub fn control_socket(&self) -> PathBuf {
        self.runtime_dir.join("control.sock")
    }

    /// Held by the running daemon: one for each state directory, as two would spend each other's
    /// refresh tokens. Whoever holds it may replace stale sockets.
    pub fn lock_file(&self) -> PathBuf {
        self.state_dir.join("agent.lock")
    }

    /// Process id and control socket of whoever holds the lock, a line each.
    pub fn holder_file(&self) -> PathBuf {
        self.state_dir.join("agent.holder")
    }

    /// Process id of the running daemon, for people and scripts.
    pub fn pid_file(&self) -> PathBuf {
        self.runtime_dir.join("agent.pid")
    }

    /// Which accounts there are and which store each uses. No secrets.
    pub fn accounts_file(&self) -> PathBuf {
        self.state_dir.join("accounts.json")
    }

    /// The encrypted file store.
    pub fn store_dir(&self) -> PathBuf {
        self.state_dir.join("store")
    }

    /// There while the agent is locked with a password: the key, sealed with it, that everything
    /// else is sealed to.
    pub fn seal_file(&self) -> PathBuf {
        self.state_dir.join("seal.json")
    }

    /// The daemon's log when it was started on demand.
    pub fn log_file(&self) -> PathBuf {
        self.state_dir.join("agent.log")
    }

    /// Client configuration files in order of preference: Go's, then the XDG one.
    pub fn config_files(&self) -> [PathBuf; 2] {
        [
            self.home.join(".opk/config.yml"),
            self.config_dir.join("config.yml"),
        ]
    }

    /// The files that ssh reads unless its configuration names others.
    pub fn known_hosts_files(&self) -> [PathBuf; 4] {
        [
            self.home.join(".ssh/known_hosts"),
            self.home.join(".ssh/known_hosts2"),
            PathBuf::from("/etc/ssh/ssh_known_hosts"),
            PathBuf::from("/etc/ssh/ssh_known_hosts2"),
        ]
    }

    pub fn ssh_dir(&self) -> PathBuf {
        self.home.join(".ssh")
    }

    /// Is `socket` one of ours? Then it must never become our upstream.
    pub fn is_ours(&self, socket: &Path) -> bool {
        socket.starts_with(&self.runtime_dir)
    }
}
