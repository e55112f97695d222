//! The agent's options on the command line.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueHint;
use opkssh_protocol::control::AgentStatus;
use opkssh_protocol::places::{CONTROL_SUFFIX, LONGEST_SOCKET_PATH, Places};
use opkssh_protocol::process::Process;

use crate::duration;
use crate::error::ClientError;
use crate::format::{agent_command, quoted};

/// Which agent a command is about.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WhichAgent {
    /// The separate agent with this socket [default: the user's own agent]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
}

impl WhichAgent {
    /// Returns the paths of this agent, from those of the user's own.
    pub(crate) fn places(&self, places: &Places) -> Result<Places, ClientError> {
        places_of(self.socket.as_deref(), places)
    }
}

/// Options of every command that starts the agent. An option that is not given has the agent's
/// default.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AgentSettings {
    /// Make it a separate agent, in memory only, with its socket at this path
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "store")]
    pub socket: Option<PathBuf>,
    /// Stop a separate agent when this process has ended
    #[arg(long, value_name = "PID:START", hide = true, requires = "socket")]
    pub ends_with: Option<Process>,
    /// Where to store refresh tokens and keys: keyring, file (encrypted with a passphrase), memory,
    /// or auto for the first of these that is set up [default: auto]
    #[arg(long, value_name = "STORE", value_parser = ["auto", "keyring", "file", "memory"], hide_possible_values = true)]
    pub store: Option<String>,
    #[command(flatten)]
    pub running: RunningSettings,
}

/// Options that a systemd unit may hold as well.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RunningSettings {
    /// Stop after this time without a connection if every account is stored, e.g. 30m or 8h
    /// [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub idle_stop: Option<Duration>,
    /// Log out of every account this long after its login, e.g. 10h [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub lifetime: Option<Duration>,
    /// Keep secrets out of swap: off, auto or strict [default: auto]
    #[arg(long, value_name = "WHETHER", value_parser = ["off", "auto", "strict"], hide_possible_values = true)]
    pub memory_lock: Option<String>,
    /// Log level: error, warn, info, debug or trace; OPKSSH_LOG overrides it [default: info]
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"], hide_possible_values = true)]
    pub log_level: Option<String>,
}

impl RunningSettings {
    /// Returns the options as arguments of `opkssh agent run`. None needs quoting.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let seconds = |limit: Duration| format!("{}s", limit.as_secs());
        [
            ("--idle-stop", self.idle_stop.map(seconds)),
            ("--lifetime", self.lifetime.map(seconds)),
            ("--memory-lock", self.memory_lock.clone()),
            ("--log-level", self.log_level.clone()),
        ]
        .into_iter()
        .filter_map(|(option, value)| Some([option.to_owned(), value?]))
        .flatten()
        .collect()
    }

    /// Returns the options that a running agent has.
    fn of_agent(agent: &AgentStatus) -> Self {
        // an older agent leaves these empty
        let known = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        Self {
            idle_stop: agent.idle_stop.map(Duration::from_secs),
            lifetime: agent.lifetime.map(Duration::from_secs),
            memory_lock: known(&agent.memory_lock),
            log_level: known(&agent.log_level),
        }
    }

    /// Takes each option that is not given from a running agent.
    pub(crate) fn fill_from(&mut self, agent: &AgentStatus) {
        let running = Self::of_agent(agent);
        self.idle_stop = self.idle_stop.or(running.idle_stop);
        self.lifetime = self.lifetime.or(running.lifetime);
        self.memory_lock = self.memory_lock.take().or(running.memory_lock);
        self.log_level = self.log_level.take().or(running.log_level);
    }

    /// Returns an option that the running agent has not, and those that it has.
    fn difference(&self, agent: &AgentStatus) -> Option<(String, String)> {
        let running = Self::of_agent(agent).arguments();
        let wanted = self.arguments();
        let mut wanted = wanted.chunks(2);
        let pair = wanted.find(|pair| !running.chunks(2).any(|found| found == *pair))?;
        Some((pair.join(" "), running.join(" ")))
    }
}

impl AgentSettings {
    /// Returns the settings and paths of the agent, from the paths of the user's own agent. The user's
    /// own agent has no `socket`, even if its path was typed.
    pub fn of_agent(&self, places: &Places) -> Result<(Self, Places), ClientError> {
        let places = places_of(self.socket.as_deref(), places)?;
        let mut settings = self.clone();
        settings.socket = places.separate_socket().map(Path::to_owned);
        if settings.socket.is_none() {
            settings.ends_with = None;
        }
        Ok((settings, places))
    }

    /// Returns the options as arguments of `opkssh agent run`. The socket path is made absolute
    /// because the agent runs in the root directory.
    pub(crate) fn arguments(&self) -> Result<Vec<OsString>, ClientError> {
        let mut arguments = Vec::new();
        if let Some(socket) = &self.socket {
            arguments.extend(["--socket".into(), absolute(socket)?.into()]);
        }
        if let Some(process) = &self.ends_with {
            arguments.extend(["--ends-with".into(), process.to_string().into()]);
        }
        if let Some(store) = &self.store {
            arguments.extend(["--store".into(), store.into()]);
        }
        arguments.extend(self.running.arguments().into_iter().map(OsString::from));
        Ok(arguments)
    }

    /// Returns `command` with these options, as it is typed.
    pub(crate) fn after(&self, command: &str) -> Result<String, ClientError> {
        let arguments = self.arguments()?.into_iter();
        let words = arguments.map(|word| quoted(&word.to_string_lossy()));
        Ok([command.to_owned()]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>()
            .join(" "))
    }

    /// Fails if the running agent, which has these paths, has other settings.
    pub(crate) fn check(&self, agent: &AgentStatus, places: &Places) -> Result<(), ClientError> {
        let restart = self.after("opkssh agent restart")?;
        let variables = match places.separate_socket() {
            Some(_) => agent_command("start", places),
            None => "opkssh agent env".to_owned(),
        };
        let other = |option: &str, runs_with: &str| {
            ClientError::new(
                format!("an agent runs already, without {option}: it has {runs_with}"),
                format!("use it as it is: {variables}; or restart it: {restart}"),
            )
        };
        if let Some((option, runs_with)) = self.running.difference(agent) {
            return Err(other(&option, &runs_with));
        }
        match self.store.as_deref() {
            // auto may have become any store
            None | Some("auto") => Ok(()),
            Some("keyring") if agent.store == "secret-service" => Ok(()),
            Some(store) if agent.store == store => Ok(()),
            Some(store) => Err(other(&format!("--store {store}"), &agent.store)),
        }
    }
}

fn places_of(socket: Option<&Path>, places: &Places) -> Result<Places, ClientError> {
    let Some(socket) = socket.map(absolute).transpose()? else {
        return Ok(places.clone());
    };
    let inode = |path: &Path| {
        let found = path.metadata().ok()?;
        Some((found.dev(), found.ino()))
    };
    let own = places.agent_socket();
    // whatever leads to it
    if socket == own || (inode(&own).is_some() && inode(&socket) == inode(&own)) {
        return Ok(places.clone());
    }
    let (length, longest) = (
        socket.as_os_str().len(),
        LONGEST_SOCKET_PATH - CONTROL_SUFFIX.len(),
    );
    if length > longest {
        let socket = socket.display();
        return Err(ClientError::new(
            format!("{socket} is too long for a socket: {length} bytes, more than {longest}"),
            "name a shorter path: --socket PATH",
        ));
    }
    Ok(places.separate(socket))
}

fn absolute(path: &Path) -> Result<PathBuf, ClientError> {
    std::path::absolute(path).map_err(ClientError::io(format!("cannot use {}", path.display())))
}
