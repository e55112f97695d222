//! How a daemon is to run, said to the command that starts it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use opkssh_protocol::control::AgentStatus;

use crate::error::ClientError;
use crate::shown::quoted;

/// What is not said here is left to the daemon.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AgentSettings {
    /// Serve the agent protocol on this path too, besides the one in the runtime directory
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Where refresh tokens and keys are kept: auto, keyring, file or memory [default: auto]
    #[arg(long, value_name = "STORE", value_parser = ["auto", "keyring", "file", "memory"], hide_possible_values = true)]
    pub store: Option<String>,
}

impl AgentSettings {
    /// As arguments of `opkssh agent run`. The path is made absolute: the daemon runs elsewhere.
    pub(crate) fn arguments(&self) -> Result<Vec<OsString>, ClientError> {
        let mut arguments = Vec::new();
        if let Some(socket) = &self.socket {
            arguments.extend(["--socket".into(), absolute(socket)?.into()]);
        }
        if let Some(store) = &self.store {
            arguments.extend(["--store".into(), store.into()]);
        }
        Ok(arguments)
    }

    /// # Errors
    /// [`ClientError::OtherSettings`] when this daemon runs otherwise.
    pub(crate) fn check(&self, agent: &AgentStatus) -> Result<(), ClientError> {
        let other = |option: &str, runs_with: &str| ClientError::OtherSettings {
            option: option.to_owned(),
            runs_with: runs_with.to_owned(),
        };
        if let Some(socket) = &self.socket
            && absolute(socket)? != Path::new(&agent.agent_socket)
        {
            let option = format!("--socket {}", quoted(&socket.to_string_lossy()));
            return Err(other(&option, &agent.agent_socket));
        }
        let kind = match self.store.as_deref() {
            Some("keyring") => "secret-service",
            Some("file") => "file",
            Some("memory") => "memory",
            // whatever that comes to
            _ => return Ok(()),
        };
        if agent.store == kind {
            return Ok(());
        }
        let option = format!("--store {}", self.store.as_deref().unwrap_or_default());
        Err(other(&option, &agent.store))
    }
}

fn absolute(path: &Path) -> Result<PathBuf, ClientError> {
    std::path::absolute(path).map_err(ClientError::io(format!("cannot use {}", path.display())))
}
