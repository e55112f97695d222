//! `opkssh agent run`: starts the agent, serves, and stops.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::places::Places;
use opkssh_protocol::time::UnixTime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::control::{self, Control};
use super::idle;
use super::instance::{self, InstanceError};
use super::listening::Listening;
use super::log::{self, LogLevel};
use super::memory_lock::{MemoryLock, MemoryLockError};
use super::program::Program;
use super::systemd::{Passed, PassedError};
use super::{hardening, systemd};
use crate::accounts::store::{StoreChoice, StoreError};
use crate::accounts::{Accounts, Clock};
use crate::desktop::surroundings::Surroundings;
use crate::notices::Notices;
use crate::private_dir::{DirectoryError, make_private};
use crate::serving::{self, Serving};

/// How long the agent, when it stops, waits for its pending requests to providers.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How the agent runs. The command line has the same options.
#[derive(Debug, Clone, Default)]
pub struct RunArgs {
    /// A path to serve the agent protocol on, besides the one in the runtime directory.
    pub socket: Option<PathBuf>,
    pub store: StoreChoice,
    pub memory_lock: MemoryLock,
    pub idle_stop: Option<Duration>,
    pub lifetime: Option<Duration>,
    pub log_level: LogLevel,
    /// True if a command has started the agent, which then leaves the terminal.
    pub detached: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Passed(#[from] PassedError),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    MemoryLock(#[from] MemoryLockError),
    #[error("{path}: {error}")]
    File { path: PathBuf, error: io::Error },
    #[error("the agent cannot run: {0}")]
    Runtime(io::Error),
}

impl RunError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Instance(InstanceError::AlreadyRunning { .. }) => Some(
                "use it: opkssh agent env; or end it: opkssh agent stop (with the XDG_RUNTIME_DIR \
                 that it was started with)"
                    .to_owned(),
            ),
            Self::Instance(InstanceError::SocketInUse(_) | InstanceError::NotASocket(_)) => {
                Some("name another path: opkssh agent run --socket PATH".to_owned())
            }
            Self::Instance(InstanceError::ListenedOn(_)) => {
                Some("let systemd start it: systemctl --user start opkssh-agent.service".to_owned())
            }
            Self::Passed(_) => Some("write systemd's units anew: opkssh agent install".to_owned()),
            Self::Store(StoreError::Seal(error)) => error.hint(),
            Self::Store(StoreError::Index(_)) => {
                Some("repair or remove the file; then log in again".to_owned())
            }
            Self::Directory(DirectoryError::Owner { .. }) => {
                Some("set XDG_RUNTIME_DIR to a directory of your own".to_owned())
            }
            Self::MemoryLock(error) => Some(error.hint()),
            _ => None,
        }
    }
}

/// Runs the agent until it is stopped: by a request, or by SIGTERM, SIGHUP or SIGINT, after which
/// it finishes its pending requests to providers. SIGUSR1 drops every identity from memory; stored
/// identities are loaded again when a command, not ssh or ssh-add, needs them.
pub fn run(places: &Places, args: &RunArgs) -> Result<(), RunError> {
    if args.detached {
        // fails only for the leader of a process group, which needs no setsid
        let _ = rustix::process::setsid();
    }
    log::start(args.log_level);
    let program = Program::of_this_process();
    // changes the environment, which is safe only before the first thread
    let passed = systemd::take_sockets()?;
    hardening::apply();
    args.memory_lock.apply()?;
    make_private(&places.runtime_dir)?;
    make_private(&places.state_dir)?;
    let _lock = instance::lock(places, &passed.paths())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let ended = runtime.block_on(serve(places, args, passed, program));
    // a name look-up may hang
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn serve(
    places: &Places,
    args: &RunArgs,
    passed: Passed,
    program: Option<Program>,
) -> Result<(), RunError> {
    let agent_socket = args.socket.clone().unwrap_or_else(|| places.agent_socket());
    let file = |path: &PathBuf| {
        let path = path.clone();
        move |error| RunError::File { path, error }
    };
    let (stop, mut stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Runtime)?;
    let mut drop_keys = signal(SignalKind::user_defined1()).map_err(RunError::Runtime)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(RunError::Runtime)?;

    let notices = Arc::<Notices>::default();
    let is_service = !args.detached && std::env::var_os("INVOCATION_ID").is_some();
    let surroundings = Arc::new(Surroundings::of_process(is_service));
    let accounts = Accounts::start(
        Clock::system(),
        places,
        args.store,
        args.lifetime,
        surroundings.clone(),
        notices.clone(),
    )?;
    let accounts = Arc::new(accounts);
    let mut listening = Listening::open(places, &agent_socket, passed)?;
    let pid_file = places.pid_file();
    let pid = format!("{}\n", std::process::id());
    instance::write_private(&pid_file, &pid).map_err(file(&pid_file))?;

    let known_hosts = places.known_hosts_files().to_vec();
    let serving = Arc::new(Serving::new(
        accounts.source.clone(),
        Arc::new(accounts.agent_lock()),
        notices,
        known_hosts,
    ));
    let usage = serving.usage.clone();
    let control = Control {
        accounts: accounts.clone(),
        surroundings,
        stop,
        started: UnixTime::from(std::time::SystemTime::now()),
        agent_socket: agent_socket.clone(),
        control_socket: places.control_socket(),
        store_choice: args.store,
        memory_lock: args.memory_lock,
        idle_stop: args.idle_stop,
        lifetime: args.lifetime,
        log_level: args.log_level,
        program,
        usage: usage.clone(),
        serving: serving.clone(),
    };
    accounts.follow_screen().await;
    tokio::spawn(accounts.reminder().run());
    for listener in std::mem::take(&mut listening.agent) {
        tokio::spawn(serving::accept(listener, serving.clone()));
    }
    let control = Arc::new(control);
    for listener in std::mem::take(&mut listening.control) {
        tokio::spawn(control::accept(listener, control.clone()));
    }
    announce(&agent_socket);
    // an agent that a command started is no service, even if it inherits a service's environment
    let notify_systemd = |state| {
        if !args.detached {
            systemd::tell(state);
        }
    };
    notify_systemd(systemd::State::Ready);
    tracing::info!(pid = std::process::id(), socket = %agent_socket.display(), "agent is ready");

    let idle = idle::idle(&usage, &accounts, args.idle_stop);
    tokio::pin!(idle);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            // the terminal of an agent in the foreground is gone
            _ = hangup.recv() => break,
            _ = drop_keys.recv() => accounts.drop_memory(),
            () = &mut idle => break,
            changed = stopped.changed() => if changed.is_err() || *stopped.borrow() { break },
        }
    }
    notify_systemd(systemd::State::Stopping);
    listening.unlink();
    let _ = fs::remove_file(&pid_file);
    let unfinished = accounts.finish(STOP_TIMEOUT).await;
    if !unfinished.is_empty() {
        tracing::warn!(
            "not finished, goes on at the next start: {}",
            unfinished.join(", ")
        );
    }
    tracing::info!("agent ends");
    Ok(())
}

/// Prints ssh-agent's variables, which tell the parent process that the sockets exist, and closes
/// stdout, so that `$(…)` and pipes end.
fn announce(agent_socket: &std::path::Path) {
    let mut stdout = io::stdout();
    let _ = writeln!(
        stdout,
        "SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;\nSSH_AGENT_PID={}; export SSH_AGENT_PID;",
        agent_socket.display(),
        std::process::id()
    );
    let _ = stdout.flush();
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}
