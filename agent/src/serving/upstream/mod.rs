//! Other agents whose keys are served beside the accounts. What they hold stays with them: requests
//! are passed on, over a connection of its own for each connection here, to which the session binds
//! are repeated. So their own constraints hold.

mod connection;

use std::collections::HashMap;
use std::env;
use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::notices::Notices;
pub use connection::UpstreamConnection;

/// An agent that did not answer is left alone for so long.
const PAUSE: Duration = Duration::from_secs(30);
/// Connections that are open at once. It also ends what a relay from there to here would begin.
const MAX_OPEN: usize = 128;

/// Which agents there are.
pub struct Upstreams {
    /// `agent.upstream`, as it is now.
    configured: Box<dyn Fn() -> Option<Vec<String>> + Send + Sync>,
    /// The agent of the session in which this one was started.
    at_start: Option<PathBuf>,
    /// Our own sockets: we are nobody's upstream agent.
    own: Vec<PathBuf>,
    state: Arc<UpstreamState>,
}

/// What the connections to all agents share.
struct UpstreamState {
    notices: Arc<Notices>,
    /// When each agent last failed to answer in time.
    silent: Mutex<HashMap<PathBuf, Instant>>,
    /// A place for each connection that may be open.
    places: Arc<Semaphore>,
}

impl Upstreams {
    pub fn new(
        configured: impl Fn() -> Option<Vec<String>> + Send + Sync + 'static,
        own: Vec<PathBuf>,
        notices: Arc<Notices>,
    ) -> Self {
        // the agent that an ssh session forwards is the other machine's, and goes with it
        let is_remote = env::var_os("SSH_CONNECTION").is_some();
        let at_start = env::var_os("SSH_AUTH_SOCK").map(PathBuf::from);
        // and the one of a command (opkssh run) goes with the command
        let is_of_command = |socket: &Path| own.iter().any(|own| is_below(own.parent(), socket));
        Self {
            configured: Box::new(configured),
            at_start: at_start.filter(|socket| !is_remote && !is_of_command(socket)),
            own,
            ..Self::none(notices)
        }
    }

    /// Returns no agents.
    pub fn none(notices: Arc<Notices>) -> Self {
        Self {
            configured: Box::new(|| Some(Vec::new())),
            at_start: None,
            own: Vec::new(),
            state: Arc::new(UpstreamState {
                notices,
                silent: Mutex::default(),
                places: Arc::new(Semaphore::new(MAX_OPEN)),
            }),
        }
    }

    /// Returns a connection to each agent, not opened yet. `told` is the agent of the command that
    /// connects, if that said so.
    pub(super) fn connect(&self, told: Option<PathBuf>) -> Vec<UpstreamConnection> {
        let sockets = self.sockets(told).into_iter();
        let sockets = sockets.filter(|socket| !self.state.is_silent(socket));
        let open = |socket| UpstreamConnection::new(socket, self.state.clone());
        sockets.map(open).collect()
    }

    /// Returns the sockets of the agents.
    pub fn sockets(&self, told: Option<PathBuf>) -> Vec<PathBuf> {
        let configured = match (self.configured)() {
            Some(names) => names.iter().filter_map(|name| self.socket(name)).collect(),
            None => Vec::from_iter(self.at_start.clone()),
        };
        let mut sockets: Vec<PathBuf> = Vec::new();
        for socket in configured.into_iter().chain(told) {
            let is_known = sockets.iter().any(|known| is_same(known, &socket));
            if !is_known && !self.is_own(&socket) {
                sockets.push(socket);
            }
        }
        sockets
    }

    /// Returns the socket of the agent of the session in which this one was started.
    pub fn session_agent(&self) -> Option<&Path> {
        self.at_start.as_deref().filter(|it| !self.is_own(it))
    }

    /// Returns the socket of an agent by its name in the configuration.
    fn socket(&self, name: &str) -> Option<PathBuf> {
        let below = |variable: &str, paths: &[&str]| {
            let directory = PathBuf::from(env::var_os(variable)?);
            let mut paths = paths.iter().map(|path| directory.join(path));
            paths.find(|path| path.exists())
        };
        match name {
            "$SSH_AUTH_SOCK" => self.at_start.clone(),
            "gnome-keyring" => below("XDG_RUNTIME_DIR", &["keyring/ssh", "gcr/ssh"]),
            "gpg-agent" => below("XDG_RUNTIME_DIR", &["gnupg/S.gpg-agent.ssh"])
                .or_else(|| below("HOME", &[".gnupg/S.gpg-agent.ssh"])),
            "1password" => below("HOME", &[".1password/agent.sock"]),
            path => match path.strip_prefix("~/") {
                Some(path) => below("HOME", &[path]),
                None => Some(PathBuf::from(path)),
            },
        }
    }

    /// Returns true for a socket of ours, whatever leads to it.
    fn is_own(&self, socket: &Path) -> bool {
        self.own.iter().any(|own| is_same(own, socket))
    }
}

impl UpstreamState {
    fn note_silent(&self, socket: &Path) {
        self.silent.lock().insert(socket.to_owned(), Instant::now());
    }

    fn is_silent(&self, socket: &Path) -> bool {
        let mut silent = self.silent.lock();
        silent.retain(|_, since| since.elapsed() < PAUSE);
        silent.contains_key(socket)
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let inode = |path: &Path| metadata(path).map(|it| (it.dev(), it.ino())).ok();
    one == other || inode(one).is_some_and(|one| Some(one) == inode(other))
}

/// Returns true if `path` is below a folder of this directory, whatever leads there.
fn is_below(directory: Option<&Path>, path: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let directory = directory.and_then(real);
    let folder = path.parent().and_then(real);
    let above = folder.as_deref().and_then(Path::parent);
    above.is_some() && above == directory.as_deref()
}
