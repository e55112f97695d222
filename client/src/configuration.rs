//! Finds and reads the client configuration.

use std::io::ErrorKind::{NotADirectory, NotFound};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use opkssh_protocol::config::ClientConfig;
use opkssh_protocol::places::Places;

use crate::error::ClientError;
use crate::format::quoted;

/// Set by `status --host` when it runs ssh, because `Match exec` may run `check` or `ensure`.
pub(crate) const LOOK_ONLY: &str = "OPKSSH_LOOK_ONLY";

/// The process's environment, as far as a login depends on it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `OPKSSH_DEFAULT`
    pub default_alias: Option<String>,
    /// `OPKSSH_PROVIDERS`
    pub providers: Option<String>,
    /// `BROWSER`
    pub browser: Option<String>,
    /// True if there is a desktop: `DISPLAY` or `WAYLAND_DISPLAY` is set.
    pub desktop: bool,
    /// True in an SSH session: `SSH_CONNECTION` is set.
    pub remote: bool,
    /// True if nothing may be started, renewed or asked: `OPKSSH_LOOK_ONLY` is set.
    pub look_only: bool,
    pub stdin_terminal: bool,
    pub stderr_terminal: bool,
}

impl Environment {
    /// Returns true if the user sees a browser opened here. In an SSH session that is not certain.
    pub(crate) fn opens_browser(&self) -> bool {
        !self.remote && self.is_graphical()
    }

    /// Returns true if a browser can be opened.
    pub fn is_graphical(&self) -> bool {
        self.browser.is_some() || self.desktop
    }

    /// Returns true if nobody would see what a command shows, or a browser.
    pub(crate) fn is_alone(&self) -> bool {
        !self.stdin_terminal && !self.stderr_terminal && !self.is_graphical()
    }

    pub fn of_process() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name| set(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            default_alias: text("OPKSSH_DEFAULT"),
            providers: text("OPKSSH_PROVIDERS"),
            browser: text("BROWSER"),
            desktop: set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some(),
            remote: set("SSH_CONNECTION").is_some(),
            look_only: set(LOOK_ONLY).is_some(),
            stdin_terminal: io::stdin().is_terminal(),
            stderr_terminal: io::stderr().is_terminal(),
        }
    }
}

/// Reads `explicit` (`--config-path`), else the first configuration file that exists. Returns
/// `None` if none exists. Fails if `explicit` does not exist or a file cannot be read.
pub fn load_config(
    explicit: Option<&Path>,
    places: &Places,
) -> Result<Option<ClientConfig>, ClientError> {
    let files = match explicit {
        Some(file) => vec![file.to_path_buf()],
        None => places.config_files().to_vec(),
    };
    for file in files {
        let text = std::fs::read(&file).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
        });
        let may_be_absent = explicit.is_none();
        match text {
            Ok(text) => return Ok(Some(ClientConfig::parse(&text, &file.to_string_lossy())?)),
            Err(error) if may_be_absent && matches!(error.kind(), NotFound | NotADirectory) => {}
            Err(error) => return Err(unreadable(&file, error)),
        }
    }
    Ok(None)
}

/// Returns the error for a configuration file that cannot be read.
fn unreadable(file: &Path, error: io::Error) -> ClientError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => make_readable(file),
        NotFound | NotADirectory => {
            "name a readable file with --config-path, or create the default \
                                     one: opkssh login --create-config"
                .to_owned()
        }
        _ => "mend the file, or name another with --config-path".to_owned(),
    };
    let what = format!("failed to read config file: {}: {error}", file.display());
    ClientError::new(what, hint)
}

fn make_readable(file: &Path) -> String {
    let uid = rustix::process::geteuid().as_raw();
    let (name, directory) = (file.to_string_lossy(), file.parent().unwrap_or(file));
    match file.metadata() {
        Ok(found) if found.uid() == uid => format!("make it readable: chmod u+r {}", quoted(&name)),
        Ok(_) => format!("make it yours: sudo chown {uid} {}", quoted(&name)),
        Err(_) => format!(
            "open its directory: chmod u+rwx {}",
            quoted(&directory.to_string_lossy())
        ),
    }
}

#[cfg(test)]
mod tests;
