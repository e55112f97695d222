//! A person's home for one test, with nothing of the machine's in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::parts::{PATH, program};
use crate::run::Run;
use crate::wait::poll;

/// Where an agent of a debug build reports how the replay of its events went.
const TRACE: &str = "lifecycle-trace";

/// A temporary home directory and the environment of a session in it. Dropping
/// it stops the daemon that the program under test may have started there.
pub struct Home {
    root: TempDir,
    binary: PathBuf,
    vars: Mutex<BTreeMap<OsString, OsString>>,
}

impl Home {
    /// A home for `binary`, the program under test: `env!("CARGO_BIN_EXE_opkssh")`.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        // Short, because socket paths end at 107 bytes.
        let root = tempfile::Builder::new()
            .prefix("ot-")
            .tempdir_in("/tmp")
            .expect("a directory in /tmp");
        let directory = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(&path).expect("a directory of the test home");
            fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("its mode");
            path
        };
        let user = user_name();
        let vars: [(&str, OsString); 15] = [
            ("PATH", PATH.into()),
            ("HOME", directory("home").into()),
            ("XDG_RUNTIME_DIR", directory("run").into()),
            ("XDG_CONFIG_HOME", directory("home/.config").into()),
            ("XDG_DATA_HOME", directory("home/.local/share").into()),
            ("XDG_STATE_HOME", directory("home/.local/state").into()),
            ("XDG_CACHE_HOME", directory("home/.cache").into()),
            ("XDG_CONFIG_DIRS", directory("etc-xdg").into()),
            ("XDG_DATA_DIRS", "/usr/local/share:/usr/share".into()),
            ("TMPDIR", directory("tmp").into()),
            ("USER", user.clone().into()),
            ("LOGNAME", user.into()),
            ("SHELL", "/bin/sh".into()),
            ("LANG", "C.UTF-8".into()),
            ("OPKSSH_LIFECYCLE_TRACE", root.path().join(TRACE).into()),
        ];
        Self {
            binary: binary.into(),
            vars: Mutex::new(
                vars.into_iter()
                    .map(|(name, value)| (name.into(), value))
                    .collect(),
            ),
            root,
        }
    }

    /// `$HOME`.
    pub fn dir(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// `$XDG_RUNTIME_DIR`.
    pub fn runtime_dir(&self) -> PathBuf {
        self.root.path().join("run")
    }

    /// A place of the test's own, outside `$HOME`: nothing in it counts as
    /// something the program left in the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Sets a variable for every program started from now on.
    pub fn set(&self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.vars.lock().insert(name.into(), value.into());
    }

    pub fn unset(&self, name: impl AsRef<OsStr>) {
        self.vars.lock().remove(name.as_ref());
    }

    pub fn var(&self, name: impl AsRef<OsStr>) -> Option<OsString> {
        self.vars.lock().get(name.as_ref()).cloned()
    }

    /// Writes a file below `$HOME`, with its directories.
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.dir().join(path);
        fs::create_dir_all(file.parent().expect("a file has a directory")).expect("the directory");
        fs::write(&file, text).expect("a file of the test home");
        file
    }

    /// What the agents of this home report of the replay of their events.
    pub fn trace(&self) -> String {
        fs::read_to_string(self.beside(TRACE)).unwrap_or_default()
    }

    /// The program under test, in this home.
    pub fn opkssh<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.run_path(&self.binary).args(args)
    }

    /// Another program in this home: a name on the tests' `PATH`, or a path.
    pub fn command(&self, name: impl AsRef<Path>) -> Run {
        let name = name.as_ref();
        if name.is_absolute() {
            return self.run_path(name);
        }
        self.run_path(&program(&name.to_string_lossy()))
    }

    fn run_path(&self, path: &Path) -> Run {
        let vars = self.vars.lock().clone();
        Run::new(path).envs(vars).current_dir(self.dir())
    }

    /// Ends the daemon that `opkssh` started in this home, by the number in its pid file.
    fn stop_daemon(&self) {
        let pid = fs::read_to_string(self.runtime_dir().join("opkssh/agent.pid"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw).filter(|pid| self.is_ours(*pid)) else {
            return;
        };
        let _ = kill_process(pid, Signal::TERM);
        let limit = Duration::from_secs(15);
        if poll(limit, || (!self.is_ours(pid)).then_some(())).is_none() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Whether the process is still the program under test: numbers get reused.
    fn is_ours(&self, pid: Pid) -> bool {
        let name = self
            .binary
            .file_name()
            .unwrap_or_default()
            .as_encoded_bytes();
        let comm = fs::read(format!("/proc/{}/comm", pid.as_raw_nonzero())).unwrap_or_default();
        // The kernel keeps 15 bytes of the name.
        comm.trim_ascii_end() == &name[..name.len().min(15)]
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.stop_daemon();
        let trace = self.trace();
        let is_same = trace.lines().all(|line| line.ends_with("the same views"));
        assert!(is_same || std::thread::panicking(), "{trace}");
    }
}

/// The name of the user who runs the tests: the one that a private sshd lets in.
pub fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").expect("the user database");
    let row = passwd
        .lines()
        .find(|row| row.split(':').nth(2) == Some(&uid.to_string()));
    row.and_then(|row| row.split(':').next())
        .unwrap_or_else(|| panic!("uid {uid} is not in /etc/passwd"))
        .to_owned()
}
