//! `opkssh agent run`: the daemon from its first breath to its last.

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
use crate::accounts::Accounts;
use crate::accounts::store::{StoreError, StoreWish};
use crate::desktop::surroundings::Surroundings;
use crate::notices::Notices;
use crate::private_dir::{DirectoryError, make_private};
use crate::serving::{self, Serving};

/// How long the end of the daemon waits for what it has begun.
const LAST_WORK: Duration = Duration::from_secs(20);

/// Run the agent in the foreground
///
/// SIGTERM, SIGHUP and SIGINT end it: it finishes what it has begun at a provider, and what is in
/// the store comes back with the next start. SIGUSR1 drops every identity from memory: those that
/// are in the store come back when a command asks for them, not when ssh or ssh-add does.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RunArgs {
    /// Serve the agent protocol on this path too, besides the one in the runtime directory
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Where refresh tokens and keys are kept
    #[arg(long, value_enum, default_value_t)]
    pub store: StoreWish,
    /// Keep secrets out of swap: off, auto or strict
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHETHER",
        hide_possible_values = true
    )]
    pub memory_lock: MemoryLock,
    /// End when nobody has asked for so long and everything is in the store, such as 30m or 8h
    #[arg(long, value_name = "DURATION", value_parser = idle::limit)]
    pub idle_stop: Option<Duration>,
    /// Log out of every account so long after its login, such as 10h
    #[arg(long, value_name = "DURATION", value_parser = idle::limit)]
    pub lifetime: Option<Duration>,
    /// What is logged: error, warn, info, debug or trace. OPKSSH_LOG counts for more
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "LEVEL",
        hide_possible_values = true
    )]
    pub log_level: LogLevel,
    /// Leave the terminal: how the other commands start it
    #[arg(long, hide = true)]
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

/// Runs until it is told to stop.
pub fn run(places: &Places, args: &RunArgs) -> Result<(), RunError> {
    if args.detached {
        // fails only for a process that leads its group already, which is as good
        let _ = rustix::process::setsid();
    }
    log::start(args.log_level);
    let program = Program::of_this_process();
    // changes the environment, so it comes before the first thread
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
    // a name look-up that hangs is not waited for
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
        store_wish: args.store,
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
    // one that a command started is nobody's service, whatever that command's environment says
    let tell = |state| {
        if !args.detached {
            systemd::tell(state);
        }
    };
    tell(systemd::State::Ready);
    tracing::info!(pid = std::process::id(), socket = %agent_socket.display(), "agent is ready");

    let idle = idle::idle(&usage, &accounts, args.idle_stop);
    tokio::pin!(idle);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            // the terminal it was started from is gone; one that commands start has left it
            _ = hangup.recv() => break,
            _ = drop_keys.recv() => accounts.drop_memory(),
            () = &mut idle => break,
            changed = stopped.changed() => if changed.is_err() || *stopped.borrow() { break },
        }
    }
    tell(systemd::State::Stopping);
    listening.unlink();
    let _ = fs::remove_file(&pid_file);
    let unfinished = accounts.finish(LAST_WORK).await;
    if !unfinished.is_empty() {
        tracing::warn!(
            "not finished, goes on at the next start: {}",
            unfinished.join(", ")
        );
    }
    tracing::info!("agent ends");
    Ok(())
}

/// Tells whoever started us that the sockets are there, in the words of ssh-agent, and closes
/// stdout, so that `$(…)` and pipes come to their end.
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
