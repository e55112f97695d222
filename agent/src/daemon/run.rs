//! `opkssh agent run`: starts the agent, serves, and stops.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opkssh_files::{DirectoryError, DirectoryProblem, make_private};
use opkssh_protocol::places::Places;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::account_views::AccountViews;
use super::control::Control;
use super::idle;
use super::instance::{self, InstanceError};
use super::listening::Listening;
use super::memory_lock::MemoryLockError;
use super::process_end::process_end;
use super::sockets::{Socket, Usage, accept};
use super::systemd::{Passed, PassedError, take_sockets};
use super::{RunArgs, hardening, log};
use crate::accounts::store::StoreError;
use crate::accounts::{Accounts, Alarm, Clock, Records};
use crate::audit::Audit;
use crate::desktop::ask::Desktop;
use crate::desktop::surroundings::Surroundings;
use crate::notices::Notices;
use crate::serving::Serving;
use crate::serving::added::AddedKeys;
use crate::serving::confirmation::Confirmations;
use crate::serving::confirmation::jump_hosts::JumpHosts;
use crate::serving::hosts::KnownHosts;
use crate::serving::hosts::host_names::HostNames;
use crate::serving::upstream::Upstreams;

/// How long the agent, when it stops, waits for the disk to take the end of the audit log.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the agent, when it stops, waits for its pending requests to providers.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

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
    #[error("the agent cannot run: {0}")]
    Runtime(io::Error),
}

impl RunError {
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Instance(error) => return error.hint(),
            Self::Passed(_) => "write systemd's units anew: opkssh agent install",
            Self::Store(StoreError::Seal(error)) => return error.hint(),
            Self::Store(StoreError::Index(_)) => "repair or remove the file; then log in again",
            Self::Directory(error) => match error.problem {
                DirectoryProblem::Owner(_) => "set XDG_RUNTIME_DIR to a directory of your own",
                DirectoryProblem::Writable => {
                    return Some(format!("close it: chmod 700 {}", error.path.display()));
                }
                _ => return None,
            },
            Self::MemoryLock(_) => {
                "raise the limit: ulimit -l, or LimitMEMLOCK=8M in systemd's unit; or start the \
                 agent with --memory-lock auto"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Runs the agent until it is stopped: by a request, or by SIGTERM, SIGHUP or SIGINT, after which
/// it finishes its pending requests to providers. SIGUSR1 removes added keys and drops every account
/// from memory; stored accounts are loaded again when a command, not ssh or ssh-add, needs them.
pub fn run(places: &Places, args: &RunArgs) -> Result<(), RunError> {
    if args.detached {
        // fails only for the leader of a process group, which needs no setsid
        let _ = rustix::process::setsid();
    }
    log::start(args.log_level);
    let program = std::env::current_exe().ok();
    // changes the environment, which is safe only before the first thread
    let passed = take_sockets()?;
    hardening::apply();
    hardening::raise_descriptors();
    args.memory_lock.apply()?;
    let _lock = match places.separate_socket() {
        Some(_) => None,
        None => {
            make_private(&places.runtime_dir)?;
            make_private(&places.state_dir)?;
            let passed_paths: Vec<_> = passed.iter().map(|(path, _)| path.clone()).collect();
            Some(instance::lock(places, &passed_paths)?)
        }
    };
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
    program: Option<PathBuf>,
) -> Result<(), RunError> {
    let (stop, mut stopped) = watch::channel(false);
    let on = |kind| signal(kind).map_err(RunError::Runtime);
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut drop_keys = on(SignalKind::user_defined1())?;
    let mut hangup = on(SignalKind::hangup())?;

    let notices = Arc::<Notices>::default();
    let audit = Arc::new(Audit::start(places.audit_file()));
    let is_service = !args.detached && std::env::var_os("INVOCATION_ID").is_some();
    let surroundings = Arc::new(Surroundings::of_process(is_service));
    let added = Arc::new(AddedKeys::new(args.lifetime));
    let accounts = Arc::new(Accounts::start(
        Clock::system(),
        places,
        args.store,
        args.lifetime,
        surroundings.clone(),
        Records {
            notices: notices.clone(),
            audit: audit.clone(),
        },
        added.clone(),
    )?);
    let agent_socket = places.agent_socket();
    let mut own_sockets = vec![agent_socket.clone()];
    own_sockets.extend(passed.iter().map(|(path, _)| path.clone()));
    let mut listening = Listening::open(places, passed)?;
    let pid_file = places.pid_file();
    if let Some(pid_file) = &pid_file {
        instance::write_private(pid_file, &format!("{}\n", std::process::id()))?;
    }

    let known_hosts = Arc::new(KnownHosts::new(places.known_hosts_files().to_vec()));
    let desktop = Desktop {
        surroundings: surroundings.clone(),
    };
    let jump_hosts = JumpHosts::read(places.jump_hosts_file(), accounts.names(), notices.clone());
    let confirmations = Arc::new(Confirmations::new(Arc::new(desktop), jump_hosts));
    let serving = Arc::new(Serving {
        accounts: accounts.source.clone(),
        added: added.clone(),
        upstreams: match places.separate_socket() {
            Some(_) => Upstreams::none(notices.clone()),
            None => Upstreams::new(accounts.upstream_setting(), own_sockets, notices.clone()),
        },
        lock: Arc::new(accounts.agent_lock()),
        confirmations: confirmations.clone(),
        notices: notices.clone(),
        host_names: Arc::new(HostNames::new(known_hosts.clone())),
        known_hosts,
        announced: Arc::default(),
        audit: audit.clone(),
        is_read_only: false,
        connections: Arc::default(),
    });
    let usage = Arc::<Usage>::default();
    let control = Arc::new(Control {
        accounts: accounts.clone(),
        surroundings,
        stop,
        started: UnixTime::from(std::time::SystemTime::now()),
        agent_socket: agent_socket.clone(),
        control_socket: places.control_socket(),
        args: args.clone(),
        program,
        serving: serving.clone(),
        views: AccountViews {
            places: places.clone(),
            serving: serving.clone(),
            usage: usage.clone(),
            open: Mutex::default(),
        },
    });
    accounts.follow_screen().await;
    tokio::spawn(accounts.reminder().run());
    tokio::spawn(remove_ended(added.clone()));
    tokio::spawn(async move { confirmations.follow_accounts().await });
    for (socket, listener) in std::mem::take(&mut listening.listeners) {
        let (usage, notices) = (usage.clone(), notices.clone());
        let (serving, control) = (serving.clone(), control.clone());
        match socket {
            Socket::Agent => {
                let serve = move |stream| serving.clone().serve(stream);
                tokio::spawn(accept(socket, listener, usage, notices, serve))
            }
            Socket::Control => {
                let serve = move |stream| control.clone().serve(stream);
                tokio::spawn(accept(socket, listener, usage, notices, serve))
            }
        };
    }
    announce(&agent_socket);
    if args.detached && places.separate_socket().is_some() {
        close_stderr();
    }
    // an agent that a command started is no service, even if it inherits a service's environment
    let notify_systemd = |state| {
        if !args.detached
            && let Err(error) = sd_notify::notify(&[state])
        {
            tracing::warn!("systemd cannot be told: {error}");
        }
    };
    notify_systemd(NotifyState::Ready);
    tracing::info!(pid = std::process::id(), socket = %agent_socket.display(), "agent is ready");

    let idle = idle::idle(&usage, &accounts, &added, args.idle_stop);
    tokio::pin!(idle);
    let ended = async {
        match args.ends_with {
            Some(process) => process_end(process).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(ended);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            // the terminal of an agent in the foreground is gone
            _ = hangup.recv() => break,
            _ = drop_keys.recv() => {
                added.remove_all();
                accounts.drop_memory();
            }
            () = &mut idle => break,
            () = &mut ended => break,
            changed = stopped.changed() => if changed.is_err() || *stopped.borrow() { break },
        }
    }
    notify_systemd(NotifyState::Stopping);
    drop(listening);
    control.views.close().await;
    if let Some(pid_file) = pid_file {
        let _ = fs::remove_file(pid_file);
    }
    let unfinished = accounts.finish(STOP_TIMEOUT).await;
    if !unfinished.is_empty() {
        tracing::warn!(
            "not finished, goes on at the next start: {}",
            unfinished.join(", ")
        );
    }
    audit.finish(AUDIT_TIMEOUT).await;
    tracing::info!("agent ends");
    Ok(())
}

/// Removes added keys when their time is over.
async fn remove_ended(added: Arc<AddedKeys>) {
    let clock = Clock::system();
    let alarm = Alarm::new(clock.clone());
    let wait = |left: Duration| {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        alarm.wait(Some(UnixTime(
            clock.now().0.saturating_add(seconds).saturating_add(1),
        )))
    };
    added.remove_ended(wait).await;
}

/// Prints ssh-agent's variables, which tell the parent process that the sockets exist, and closes
/// stdout, so that `$(…)` and pipes end.
fn announce(agent_socket: &Path) {
    let mut stdout = io::stdout();
    let _ = writeln!(
        stdout,
        "SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;\nSSH_AGENT_PID={}; export SSH_AGENT_PID;",
        agent_socket.display(),
        std::process::id()
    );
    let _ = stdout.flush();
    if let Ok(null) = dev_null() {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}

/// Ends the log: the command that started a separate agent reads no more of it.
fn close_stderr() {
    if let Ok(null) = dev_null() {
        let _ = rustix::stdio::dup2_stderr(null);
    }
}

fn dev_null() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/null")
}
